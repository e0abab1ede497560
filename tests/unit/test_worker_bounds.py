"""What people write and what files say is read in time that grows with its length, and refused with words."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from shardwright_worker.cli.arguments import build_parser
from shardwright_worker.cli.engine_settings import engine_settings
from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import digest_of
from shardwright_worker.contract.reasons import Reason
from tests.unit.worker.source_cases import rejection
from tools.testing.tiny_files import model_files


def refused(*flags: str) -> str:
    with pytest.raises(WorkerFailure) as caught:
        engine_settings(build_parser().parse_args(["prepare", "--output", "/x", *flags]))
    assert caught.value.reason == Reason.INVALID_ENGINE_ARGUMENTS
    return caught.value.message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a":' + "[" * 4000 + "]" * 4000 + "}", "nested more than 50 deep"),
        ('{"a":' * 60 + "1" + "}" * 60, "nested more than 50 deep"),
        ('{"a": "\\ud800"}', "half of a surrogate pair"),
        ('{"\\udfff": 1}', "half of a surrogate pair"),
        ('{"a": 1, "a": 2}', "the key 'a' twice"),
        ('{"b": {"a": 1, "a": 2}}', "the key 'a' twice"),
        ('{"a": NaN}', "has NaN"),
        ('{"a": -Infinity}', "has -Infinity"),
        ('{"a": 1e400}', "too large"),
        ('{"a": ' + "9" * 5000 + "}", "a number of 5000 digits"),
        ('{"a": 9223372036854775808}', "a number of 19 digits"),
        ('{"a": "' + "x" * 2_000_000 + '"}', "characters"),
        ("{", "is not JSON"),
    ],
)
def test_overrides_have_one_meaning_or_are_refused(text: str, words: str) -> None:
    message = refused(f"--hf-overrides={text}")
    assert words in message
    assert len(message) < 400


def test_overrides_of_models_pass() -> None:
    text = json.dumps({"rope_scaling": {"factor": 4.0, "rope_type": "yarn"}, "a": [1, -2, None, True, "é", 2**62]})
    settings = engine_settings(build_parser().parse_args(["prepare", "--output", "/x", "--hf-overrides", text]))
    assert digest_of(settings.identity())


@pytest.mark.parametrize(
    "argument",
    [
        "runner=nonsense",
        "convert=",
        "config_format=gguf",
        "model_impl=onnx",
        "safetensors_load_strategy=fast",
        "language_model_only=maybe",
        "distributed_timeout_seconds=-5",
        "distributed_timeout_seconds=9999999999",
        "max_parallel_loading_workers=two",
        "limit_mm_per_prompt=image",
        "limit_mm_per_prompt=" + "[" * 5000,
    ],
)
def test_extra_values_that_no_vllm_takes(tmp_path: Path, argument: str) -> None:
    name, _, value = argument.partition("=")
    failure = rejection(tmp_path, model_files(), EngineSettings(extra_args={name: value}))
    assert failure.reason == Reason.INVALID_ENGINE_ARGUMENTS
    assert name in failure.message


def test_arguments_that_are_no_text() -> None:
    assert "is not UTF-8" in refused("--dtype", os.fsdecode(b"\xff"))
    assert "is not UTF-8" in refused("--engine-arg", "linear_backend=" + os.fsdecode(b"\xff"))
