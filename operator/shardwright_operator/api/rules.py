"""The rules of the spec's source, engine and output, each with a message that says what to write instead."""

from collections.abc import Iterable

from pydantic.alias_generators import to_camel

from shardwright_operator.api.cel import Rule, rule, rules
from shardwright_worker.contract.vllm_support.engine_arguments import COUNT, EXTRA_ARGUMENTS, UNSET, Argument, Value
from shardwright_worker.contract.vllm_support.part_names import FORMS, NEEDS, Need
from shardwright_worker.contract.vllm_support.quantization import ONLINE, UNSAVABLE

_NAMES = ", ".join(sorted(EXTRA_ARGUMENTS))


def _unset(argument: Argument) -> tuple[str, ...]:
    return () if argument.default else UNSET


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


_RELATIVE = rule("!self.startsWith('/')", "must be relative to the root of the volume: leave out the leading /")
_NO_EMPTY_PARTS = rule(
    "!self.matches('//|./$')",
    "must not have empty parts: write it like a/b, with one slash between and none at the end",
)


SOURCE_PATH = rules(
    _RELATIVE,
    _NO_EMPTY_PARTS,
    rule("!self.split('/').exists(part, part in ['.', '..'])", "must not have . or .. as a part: name the folder"),
    rule("!self.matches('[[:cntrl:]]')", "must not have control characters, such as line ends: rename the folder"),
)
OUTPUT_PATH = rules(
    _RELATIVE,
    _NO_EMPTY_PARTS,
    rule(
        "!self.split('/').exists(part, part.startsWith('.'))",
        "must not have a part that starts with a dot: such folders are reserved for Shardwright",
    ),
    rule(
        "self.matches('^[A-Za-z0-9._/-]*$')",
        "must only have letters, digits, dots, dashes, underscores and slashes: it becomes part of vLLM's arguments",
    ),
)
REPO = rules(
    rule(
        "self.matches('^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?$')",
        "must be the name of a repository on the Hub, such as org/model; set endpoint for another server",
    )
)
ENDPOINT = rules(
    rule(
        "self == '' || (self.matches('^https?://[^@]+$'))",
        "must be an http or https address without user and password; set tokenSecretRef for a token",
    )
)
SOURCE = rules(
    rule(
        "has(self.huggingFace) != has(self.persistentVolumeClaim)",
        "must have exactly one of huggingFace and persistentVolumeClaim",
    )
)
# One rule for all methods; where the worker refuses one, unsavable() says why.
QUANTIZATION = rules(
    rule(
        f"!(self.lowerAscii() in [{_listed((*UNSAVABLE, *ONLINE))}])",
        "is a method that quantizes while loading or cannot be saved; use a checkpoint that is quantized already, and "
        "leave this field out",
    )
)
OVERRIDES = rules(
    rule("self == '' || (self.startsWith('{') && self.endsWith('}'))", "must be a JSON object as text, such as '{}'")
)
EXTRA_ARGS = rules(
    rule(f"self.all(name, name in [{_listed(sorted(EXTRA_ARGUMENTS))}])", f"must only have the names {_NAMES}"),
    *(
        rule(
            f"!('{name}' in self) || self['{name}'] in [{_listed((*argument.choices, *_unset(argument)))}]",
            f"{name} ({argument.help}) must be one of {', '.join(argument.choices)}",
        )
        for name, argument in sorted(EXTRA_ARGUMENTS.items())
        if argument.value is Value.CHOICE
    ),
    *(
        rule(
            f"!('{name}' in self) || self['{name}'].lowerAscii() in ['true', 'false']",
            f"{name} ({argument.help}) must be {argument.value}",
        )
        for name, argument in sorted(EXTRA_ARGUMENTS.items())
        if argument.value is Value.SWITCH
    ),
    *(
        rule(
            f"!('{name}' in self) || self['{name}'] in [{_listed(_unset(argument))}]"
            f" || self['{name}'].matches('^{COUNT}$')",
            f"{name} ({argument.help}) must be {argument.value}",
        )
        for name, argument in sorted(EXTRA_ARGUMENTS.items())
        if argument.value is Value.COUNT
    ),
)
CREATE = rules(rule("self == oldSelf", "is immutable once set: resize the PersistentVolumeClaim instead"))
FILE_PATTERN = rules(
    *(
        rule(f"self == '' || {'' if form.matches else '!'}self.matches('{form.expression}')", form.message)
        for form in FORMS
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


def _need(need: Need) -> Rule:
    size = f"self.engine.{to_camel(need.size)}"
    larger = f"has(self.engine) && has({size}) && {size} > 1"
    applies = f"({larger})" if need.larger else f"!({larger})"
    holds = " || ".join(f"self.output.filePattern.contains('{field}')" for field in need.fields)
    good = f"({holds})" if need.required else f"!({holds})"
    is_set = "has(self.output.filePattern) && self.output.filePattern != ''"
    return rule(f"!({is_set} && {applies}) || {good}", f"output.filePattern {need.message}")


SPEC = rules(*(_need(need) for need in NEEDS))
