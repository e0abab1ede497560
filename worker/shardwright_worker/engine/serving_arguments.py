"""The arguments that a server of the artifact will get, read by vLLM's own parser."""

import json
import sys
from pathlib import Path
from typing import Any, NoReturn

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason


def serving_words(model: Path, settings: EngineSettings, file_pattern: str) -> list[str]:
    """The words behind `vllm serve`."""
    words = ["--model", str(model), "--load-format", "sharded_state", *settings.serving_arguments()]
    if file_pattern:
        words += ["--model-loader-extra-config", json.dumps({"pattern": file_pattern})]
    return words


def serving_engine_arguments(model: Path, settings: EngineSettings, file_pattern: str) -> Any:
    """vLLM's EngineArgs as a server would have them. InvalidEngineArguments in vLLM's words if it refuses them."""
    from vllm.engine.arg_utils import AsyncEngineArgs, EngineArgs

    words = serving_words(model, settings, file_pattern)
    parser = AsyncEngineArgs.add_cli_args(_parser())
    before, sys.argv = sys.argv, ["vllm"]  # vLLM's parser looks for a subcommand of its own there
    try:
        return EngineArgs.from_cli_args(parser.parse_args(words))
    finally:
        sys.argv = before


def _parser() -> Any:
    try:
        from vllm.utils.argparse_utils import FlexibleArgumentParser
    except ImportError:
        from vllm.utils import FlexibleArgumentParser

    class Parser(FlexibleArgumentParser):  # type: ignore[misc]
        """Raises instead of ending the process."""

        def error(self, message: str) -> NoReturn:
            """Refuse in vLLM's words."""
            told = f"vllm serve refuses these arguments: {message}"
            raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, told)

    return Parser()
