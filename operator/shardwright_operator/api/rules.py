"""The admission rules: CEL, each with a message that says what to write instead."""

from typing import Any

from shardwright_operator.api.refused_env import REFUSED
from shardwright_worker.contract.engine import ALLOWED_EXTRA_ARGS

Rule = dict[str, str]


def rule(expression: str, message: str) -> Rule:
    """One entry of `x-kubernetes-validations`."""
    return {"rule": expression, "message": message}


def rules(*given: Rule) -> dict[str, Any]:
    """Schema extras that carry these rules."""
    return {"x-kubernetes-validations": list(given)}


SET: dict[str, Any] = {"x-kubernetes-list-type": "set"}
BY_NAME: dict[str, Any] = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}

_NAMES = ", ".join(f"'{name}'" for name in sorted(ALLOWED_EXTRA_ARGS))
_FORMATS = (
    "auto",
    "hf",
    "safetensors",
    "pt",
    "npcache",
    "mistral",
    "runai_streamer",
    "fastsafetensors",
    "instanttensor",
)
_RELATIVE = rule("!self.startsWith('/')", "must be relative to the root of the volume: leave out the leading /")

_IS_DURATION = rule(
    # The digits are bounded since Kubernetes keeps these seconds in 32 bits.
    "self.matches('^([0-9]{1,5}h)?([0-9]{1,6}m)?([0-9]{1,8}s)?$') && self.matches('[1-9]')",
    "must be a duration such as 2h, 90m or 1h30m",
)
DURATION = rules(_IS_DURATION)
TTL = rules(
    _IS_DURATION,
    rule(
        # A Job that goes sooner may go before its outcome is on record. The other rule refuses what is no duration.
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
        "must be a size larger than nothing, such as 5Gi or 500M",
    )
)
SOURCE_PATH = rules(
    _RELATIVE,
    rule("!self.split('/').exists(part, part in ['.', '..'])", "must not hold . or .. as a part: name the folder"),
)
OUTPUT_PATH = rules(
    _RELATIVE,
    rule(
        "!self.split('/').exists(part, part.startsWith('.'))",
        "no part may start with a dot: such folders are the operator's own",
    ),
    rule(
        "self.matches('^[A-Za-z0-9._/-]*$')",
        "may hold letters, digits, dots, dashes and underscores between slashes: it becomes part of vLLM's arguments",
    ),
)
REPO = rules(
    rule(
        "self.matches('^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?$')",
        "must be the repository's name on the hub, such as org/model; another hub goes into endpoint",
    )
)
ENDPOINT = rules(
    rule(
        "self == '' || (self.matches('^https?://[^@]+$'))",
        "must be an http or https address without user and password; tokens go into tokenSecretRef",
    )
)
SOURCE = rules(
    rule(
        "has(self.huggingFace) != has(self.persistentVolumeClaim)",
        "give exactly one of huggingFace and persistentVolumeClaim",
    )
)
QUANTIZATION = rules(
    rule(
        "!(self in ['bitsandbytes', 'gguf', 'experts_int8', 'fp8_per_tensor', 'fp8_per_block', 'mxfp8', 'torchao'])",
        "this quantisation is made while loading and cannot be saved; use a checkpoint that is quantised already",
    )
)
OVERRIDES = rules(
    rule("self == '' || (self.startsWith('{') && self.endsWith('}'))", "must be a JSON object as text, such as '{}'")
)
EXTRA_ARGS = rules(
    rule(f"self.all(name, name in [{_NAMES}])", f"allowed names: {', '.join(sorted(ALLOWED_EXTRA_ARGS))}"),
    rule(
        f"!('load_format' in self) || self['load_format'] in [{', '.join(repr(one) for one in _FORMATS)}]",
        f"load_format says how the source is read: one of {', '.join(_FORMATS)}",
    ),
)
CREATE = rules(rule("self == oldSelf", "is immutable once set: resize the PersistentVolumeClaim itself"))
FILE_PATTERN = rules(
    rule(
        "self == '' || (self.matches('^([A-Za-z0-9._-]|[{](rank|tp_rank|pp_rank|part)[}])+$')"
        " && self.contains('{part}') && self.endsWith('.safetensors'))",
        "must hold {part}, may hold {rank}, {tp_rank} and {pp_rank}, and must end in .safetensors",
    )
)
OUTPUT = rules(
    rule(
        "self.persistentVolumeClaim.claimName == oldSelf.persistentVolumeClaim.claimName",
        "persistentVolumeClaim.claimName is immutable: create another ShardedCheckpoint for another claim",
    ),
    rule(
        "(has(self.path) ? self.path : '') == (has(oldSelf.path) ? oldSelf.path : '')",
        "path is immutable: create another ShardedCheckpoint for another path",
    ),
)
ENV = rules(
    rule(
        "self.name.matches('^[A-Za-z_][A-Za-z0-9_]*$')",
        "name must be letters, digits and underscores, and must not start with a digit",
    ),
    *(rule(f"!self.name.matches('^({one.names})$')", one.instead) for one in REFUSED),
)
_ACCELERATOR = "(has(self.acceleratorResource) ? self.acceleratorResource : 'nvidia.com/gpu')"
JOB = rules(
    *(
        rule(
            f"!has(self.resources) || !has(self.resources.{part}) || !({_ACCELERATOR} in self.resources.{part})",
            f"resources.{part} must not hold the accelerators: their number follows from spec.engine",
        )
        for part in ("requests", "limits")
    )
)
SPEC = rules(
    rule(
        "!has(self.output.filePattern) || self.output.filePattern == '' || !has(self.engine)"
        " || !has(self.engine.tensorParallelSize) || self.engine.tensorParallelSize == 1"
        " || self.output.filePattern.contains('{rank}') || self.output.filePattern.contains('{tp_rank}')",
        "output.filePattern must hold {rank} or {tp_rank}, since engine.tensorParallelSize is larger than 1",
    ),
    rule(
        "!has(self.output.filePattern) || self.output.filePattern == '' || !has(self.engine)"
        " || !has(self.engine.pipelineParallelSize) || self.engine.pipelineParallelSize == 1"
        " || (self.output.filePattern.contains('{pp_rank}') && self.output.filePattern.contains('{tp_rank}'))",
        "output.filePattern must hold {pp_rank} and {tp_rank}, since engine.pipelineParallelSize is larger than 1",
    ),
)
