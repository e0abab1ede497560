"""vLLM's engine flags on the worker's command line: those that decide bytes, those ignored and those refused."""

import argparse

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.vllm_support.engine_arguments import DTYPES, EXTRA_ARGUMENTS, Argument, Value
from shardwright_worker.contract.vllm_support.worker_flags import (
    IGNORED,
    IGNORED_SWITCHES,
    ONE_COPY,
    REFUSED,
    REFUSED_ABOVE_ONE,
)

_METAVARS = {Value.COUNT: "N", Value.OBJECT: "JSON", Value.BACKEND: "NAME"}


class _Refuse(argparse.Action):
    """Refuses a flag with the reason why shards cannot have what it asks for."""

    def __call__(self, _parser: object, _space: object, values: object, option: str | None = None) -> None:
        flag = (option or "").lstrip("-")
        short = {letters.lstrip("-"): name for name, letters in REFUSED_ABOVE_ONE.items()}
        name = short.get(flag, flag)
        if name in REFUSED_ABOVE_ONE:
            if values == "1":
                return
            raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, f"--{name} {values} is refused: {ONE_COPY}")
        raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, f"--{name} is refused: {REFUSED[name]}")


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
        "--enable-expert-parallel", "-ep", action="store_true", help="keep each expert whole, on one rank"
    )
    group.add_argument("--dtype", default="auto", help=f"{', '.join(DTYPES)} (default: auto, the model's own)")
    group.add_argument(
        "--quantization",
        "-q",
        default="",
        metavar="METHOD",
        help="quantization method of the source (default: the one that its files name)",
    )
    group.add_argument("--trust-remote-code", action="store_true", help="run Python code that is part of the source")
    group.add_argument(
        "--hf-overrides", default="", metavar="JSON", help="object that is merged over the model's config.json"
    )


def _add_extra(group: "argparse._ArgumentGroup", name: str, argument: Argument) -> None:
    flag, dest = "--" + name.replace("_", "-"), f"extra_{name}"
    if argument.value is Value.SWITCH:
        group.add_argument(flag, dest=dest, nargs="?", const="true", metavar="BOOL", help=argument.help)
        return
    of = f": {', '.join(argument.choices)}" if argument.choices else ""
    metavar = _METAVARS.get(argument.value, "VALUE")
    group.add_argument(flag, dest=dest, metavar=metavar, help=f"{argument.help}{of}")


def _add_silent_flags(parser: argparse.ArgumentParser) -> None:
    hidden = argparse.SUPPRESS
    for name in IGNORED:
        parser.add_argument(f"--{name}", dest="ignored", action="append", help=hidden)
    for name in IGNORED_SWITCHES:
        parser.add_argument(f"--{name}", dest="ignored", action="append_const", const="", help=hidden)
    for name in REFUSED:
        parser.add_argument(f"--{name}", action=_Refuse, nargs="*", dest=hidden, help=hidden)
    for name, letters in REFUSED_ABOVE_ONE.items():
        parser.add_argument(f"--{name}", letters, action=_Refuse, dest=hidden, help=hidden)
