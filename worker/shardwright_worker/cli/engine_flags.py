"""vLLM's engine flags on the worker's command line: those that decide bytes, those ignored and those refused."""

import argparse

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.text import one_line
from shardwright_worker.contract.vllm_support.engine_arguments import DTYPES, EXTRA_ARGUMENTS, UNSET, Argument, Value
from shardwright_worker.contract.vllm_support.worker_flags import IGNORED, REFUSED, SHORT, flag_of, opposites

_SHOWN = 80  # characters of a value in a message
_METAVARS = {Value.COUNT: "N", Value.OBJECT: "JSON", Value.BACKEND: "NAME"}


class _Ignore(argparse.Action):
    """Keeps the flag in `ignored` as it was spelled, whatever it is set to."""

    def __call__(self, _parser: object, space: argparse.Namespace, _values: object, option: str | None = None) -> None:
        space.ignored = [*space.ignored, option or ""]


class _Refuse(argparse.Action):
    """Refuses a flag with the reason why shards cannot have what it asks for, unless it asks for nothing."""

    def __call__(self, _parser: object, _space: object, values: object, option: str | None = None) -> None:
        flag, name = self.option_strings[0], self.dest
        given = " ".join(values) if isinstance(values, list) else ""
        if given in REFUSED[name].unless or option in opposites(name):
            return
        shown = f"{flag} {one_line(given, _SHOWN)}".strip()
        raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, f"{shown} is refused: {REFUSED[name].why}")


def add_engine_flags(parser: argparse.ArgumentParser) -> None:
    """Add vLLM's flags under their own names. `engine_settings` reads what was parsed."""
    group = parser.add_argument_group("engine", "vLLM's own arguments and defaults")
    _add_named(group)
    group.add_argument(
        "--engine-arg",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="one of the engine arguments below by vLLM's name, such as moe_backend=triton; may be repeated",
    )
    for name, argument in sorted(EXTRA_ARGUMENTS.items()):
        _add_extra(group, name, argument)
    _add_silent_flags(parser)


def _add_named(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--tensor-parallel-size",
        "-tp",
        type=int,
        default=1,
        metavar="N",
        help="number of ranks that each layer is split over (default: 1)",
    )
    group.add_argument(
        "--pipeline-parallel-size",
        "-pp",
        type=int,
        default=1,
        metavar="N",
        help="number of pipeline stages that the layers are divided into (default: 1)",
    )
    group.add_argument(
        "--enable-expert-parallel",
        "-ep",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="keep each expert whole, on one rank",
    )
    group.add_argument("--dtype", default="auto", help=f"{', '.join(DTYPES)} (default: auto, the model's own)")
    group.add_argument(
        "--quantization",
        "-q",
        type=_optional,
        default="",
        metavar="METHOD",
        help="quantization method of the source (default: the one that its files name)",
    )
    group.add_argument(
        "--trust-remote-code",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="run Python code that is part of the source",
    )
    group.add_argument(
        "--hf-overrides", default="", metavar="JSON", help="object that is merged over the model's config.json"
    )


def _optional(text: str) -> str:
    """Return the text; nothing for None, as vLLM reads it."""
    return "" if text in UNSET else text


def _add_extra(group: "argparse._ArgumentGroup", name: str, argument: Argument) -> None:
    flag, dest = flag_of(name), f"extra_{name}"
    if argument.value is Value.SWITCH:
        group.add_argument(flag, dest=dest, nargs="?", const="true", metavar="BOOL", help=argument.help)
        group.add_argument(*opposites(name), dest=dest, action="store_const", const="false", help=argparse.SUPPRESS)
        return
    of = f": {', '.join(argument.choices)}" if argument.choices else ""
    metavar = _METAVARS.get(argument.value, "VALUE")
    group.add_argument(flag, dest=dest, metavar=metavar, help=f"{argument.help}{of}")


def _add_silent_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that are ignored or refused, with however many values, and those that turn them off."""
    hidden = argparse.SUPPRESS
    parser.set_defaults(ignored=[])
    known = parser._option_string_actions  # --revision is a flag of prepare's own
    for name in sorted(IGNORED):
        parser.add_argument(*_spellings(name), dest="ignored", action=_Ignore, nargs="*", default=hidden, help=hidden)
    for name in sorted(REFUSED):
        if flag_of(name) not in known:
            parser.add_argument(*_spellings(name), dest=name, action=_Refuse, nargs="*", default=hidden, help=hidden)
    parser.add_argument(
        *(flag for flag in opposites("enable_expert_parallel") if flag not in known),
        dest="enable_expert_parallel",
        action="store_false",
        default=hidden,
        help=hidden,
    )


def _spellings(name: str) -> list[str]:
    return [flag_of(name), *([SHORT[name]] if name in SHORT else []), *opposites(name)]
