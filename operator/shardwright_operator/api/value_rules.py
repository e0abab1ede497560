"""The rules of single values: durations, quantities and sizes."""

from shardwright_operator.api.cel import rule, rules

_IS_DURATION = rule(
    # The digits are bounded since Kubernetes keeps these seconds in 32 bits.
    "self.matches('^([0-9]{1,5}h)?([0-9]{1,6}m)?([0-9]{1,8}s)?$') && self.matches('[1-9]')",
    "must be a duration such as 2h, 90m or 1h30m",
)
DURATION = rules(_IS_DURATION)
TTL = rules(
    _IS_DURATION,
    rule(
        # A Job that is deleted sooner may be deleted before its outcome is in the status. duration() fails on what is
        # not a duration; the other rule rejects that with a better message.
        f"!({_IS_DURATION['rule']}) || duration(self) >= duration('1m')",
        "must be at least 1m: the outcome of a Job is read from it after its end",
    ),
)
QUANTITY = rules(
    rule(
        "type(self) == int ? self >= 0 : (isQuantity(self) && !quantity(self).isLessThan(quantity('0')))",
        "must be a quantity such as 16Gi or 500m",
    )
)
SIZE = rules(
    rule(
        "self.matches('^[0-9]+([.][0-9]+)?(k|M|G|T|Ki|Mi|Gi|Ti)?$') && self.matches('[1-9]')",
        "must be a size above 0, such as 5Gi or 500M",
    )
)
