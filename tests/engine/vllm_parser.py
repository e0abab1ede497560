"""The parser of `vllm serve`, whose module has moved between releases."""

from __future__ import annotations

import argparse
from importlib import import_module

_MODULES = (
    "vllm.entrypoints.common.cli_args",
    "vllm.entrypoints.launchers.cli_args",
    "vllm.entrypoints.openai.cli_args",
)


def serve_parser() -> argparse.ArgumentParser:
    """Return the parser of the installed vLLM's command `serve`."""
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    for name in _MODULES:
        try:
            module = import_module(name)
        except ModuleNotFoundError:
            continue
        parser: argparse.ArgumentParser = module.make_arg_parser(FlexibleArgumentParser(prog="vllm serve"))
        return parser
    raise AssertionError("no module of this vLLM has the parser of `vllm serve`")
