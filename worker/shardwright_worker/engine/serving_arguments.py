"""The arguments of a server of the artifact, read by vLLM's own parser."""

import json
import sys
from pathlib import Path
from typing import Any, NoReturn

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason


def serving_flags(model: Path, settings: EngineSettings, file_pattern: str) -> list[str]:
    """Return the flags of `vllm serve`."""
    flags = ["--model", str(model), "--load-format", "sharded_state", *settings.serving_arguments()]
    if file_pattern:
        flags += ["--model-loader-extra-config", json.dumps({"pattern": file_pattern})]
    return flags


def serving_engine_arguments(model: Path, settings: EngineSettings, file_pattern: str) -> Any:
    """Return vLLM's EngineArgs as a server of `model` would have them.

    https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/engine/arg_utils.py#L3196

    Raises:
        WorkerFailure: InvalidEngineArguments with vLLM's message, if its parser rejects a flag.
    """
    from vllm.engine.arg_utils import AsyncEngineArgs, EngineArgs

    flags = serving_flags(model, settings, file_pattern)
    parser = AsyncEngineArgs.add_cli_args(_parser())
    # vLLM's parser may look for a subcommand of its own in there.
    before, sys.argv = sys.argv, ["vllm"]
    try:
        return EngineArgs.from_cli_args(parser.parse_args(flags))
    finally:
        sys.argv = before


def _parser() -> Any:
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    class Parser(FlexibleArgumentParser):  # type: ignore[misc]
        """Raises where argparse would end the process."""

        def error(self, message: str) -> NoReturn:
            """Raise InvalidEngineArguments with vLLM's message."""
            text = f"vllm serve rejects these arguments: {message}"
            raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, text)

    return Parser()
