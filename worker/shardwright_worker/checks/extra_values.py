"""Checks the values of extra engine arguments before a device is taken."""

from collections.abc import Mapping

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.vllm_support.engine_arguments import EXTRA_ARGUMENTS, Argument, Value, accepts


def check_values(extra_args: Mapping[str, str]) -> None:
    """Check the value of each argument.

    Raises:
        WorkerFailure: InvalidEngineArguments for the first value that no supported vLLM takes.
    """
    for name, value in extra_args.items():
        argument = EXTRA_ARGUMENTS[name]
        if not accepts(argument, value):
            message = f"extra argument {name} {value[:80]!r} is not {_expected(argument)}"
            raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, message)


def _expected(argument: Argument) -> str:
    match argument.value:
        case Value.CHOICE:
            return f"one of {', '.join(argument.choices)}"
        case Value.OBJECT:
            return 'a JSON object such as {"image": 2}'
    return str(argument.value)
