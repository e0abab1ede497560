"""The rules of spec.job: environment, tolerations and resources."""

from shardwright_operator.api.cel import rule, rules
from shardwright_operator.api.refused_env import REFUSED

ENV = rules(
    rule(
        "self.name.matches('^[A-Za-z_][A-Za-z0-9_]*$')",
        "name must be letters, digits and underscores, and must not start with a digit",
    ),
    *(rule(f"!self.name.matches('^({one.names})$')", one.instead) for one in REFUSED),
)
_EXISTS = "has(self.operator) && self.operator == 'Exists'"
TOLERATION = rules(
    rule(f"!({_EXISTS}) || !has(self.value) || self.value == ''", "value must be empty for the operator Exists"),
    rule(f"(has(self.key) && self.key != '') || ({_EXISTS})", "operator must be Exists without a key"),
    rule(
        "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
        "tolerationSeconds needs the effect NoExecute",
    ),
)
_ACCELERATOR = "(has(self.acceleratorResource) ? self.acceleratorResource : 'nvidia.com/gpu')"
JOB = rules(
    *(
        rule(
            f"!has(self.resources) || !has(self.resources.{part}) || !({_ACCELERATOR} in self.resources.{part})",
            f"resources.{part} must not have the accelerators: their number follows from spec.engine",
        )
        for part in ("requests", "limits")
    )
)
