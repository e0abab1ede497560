"""Reads the flags of `vllm serve --config FILE` as vLLM does: in front of the command line's own.

https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/utils/argparse_utils.py#L479
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shardwright_worker.contract.text import one_line
from shardwright_worker.serving.flag_values import invalid_flag


def with_config_file(words: list[str]) -> list[str]:
    """Return the command line with the flags of its --config file in place of that flag, in front of all others.

    Raises:
        WorkerFailure: InvalidEngineArguments if the file cannot be read here.
    """
    for index, word in enumerate(words):
        if word == "--config" and index + 1 < len(words):
            return [*_flags(words[index + 1]), *words[:index], *words[index + 2 :]]
    return words


def _flags(file: str) -> list[str]:
    try:
        import yaml

        load: Callable[[str], Any] = yaml.safe_load
        values = load(Path(file).read_text())
    except Exception as error:
        shown = one_line(file, 200)
        raise invalid_flag(
            "config", f"{shown} cannot be read here ({type(error).__name__}): write its flags on the command line"
        ) from None
    words: list[str] = []
    for key, value in values.items() if isinstance(values, dict) else ():
        if isinstance(value, bool):
            words.append(f"--{key}" if value else f"--no-{key}")
        elif isinstance(value, list):
            words += [f"--{key}", *(str(one) for one in value)] if value else []
        else:
            words += [f"--{key}", json.dumps(value) if isinstance(value, dict) else str(value)]
    return words
