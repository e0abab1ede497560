"""What people write and what files say is read in time that grows with its length, and refused with words."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from shardwright_worker.cli.arguments import build_parser
from shardwright_worker.cli.engine_settings import engine_settings
from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import FileDigest
from shardwright_worker.contract.naming import digest_of
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.reporting.progress_output import ignore_progress
from shardwright_worker.reporting.redaction import redact
from shardwright_worker.source.file_digests import digest_files
from shardwright_worker.source.listing import SourceFile, list_source
from shardwright_worker.source.shipped_digests import check_shipped_digests
from tests.unit.test_worker_source import refusal
from tools.testing.tiny_files import FIRST, INDEX, model_files, safetensors, write_files

SECONDS = 3.0  # a quadratic reading of these texts takes minutes


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
    failure = refusal(tmp_path, model_files(), EngineSettings(extra_args={name: value}))
    assert failure.reason == Reason.INVALID_ENGINE_ARGUMENTS
    assert name in failure.message


def test_arguments_that_are_no_text() -> None:
    assert "is not UTF-8" in refused("--dtype", os.fsdecode(b"\xff"))
    assert "is not UTF-8" in refused("--engine-arg", "linear_backend=" + os.fsdecode(b"\xff"))


@pytest.mark.parametrize(
    "text",
    [
        "a." * 200_000,
        "a." * 200_000 + "://",
        "https://" + "a" * 400_000,
        "https://" + "a:" * 200_000,
        "://a:b" * 60_000,
        "?" + "accesskey" * 40_000,
        "?signature" * 40_000,
        "?" + "-" * 400_000,
        "bearer" + " " * 400_000,
        "basic " * 60_000,
        "hf_" * 130_000,
    ],
    ids=lambda text: f"{text[:8]}-{len(text)}",
)
def test_redaction_is_linear(text: str) -> None:
    started = time.process_time()
    redact(text, {"swordfish-42"})
    assert time.process_time() - started < SECONDS


@pytest.mark.parametrize(
    "line",
    [
        "a" * 64 + "  x" + " " * 400_000 + "b",
        "a" * 64 + " " * 400_000,
        "SHA256 (" + ")" * 400_000 + " = ",
        "SHA256 (" + ") = " * 100_000,
        "\\" * 400_000,
    ],
    ids=lambda line: line[:10],
)
def test_digest_lists_are_read_in_linear_time(tmp_path: Path, line: str) -> None:
    folder = write_files(tmp_path, {**model_files(), "SHA256SUMS": line.encode()})
    started = time.process_time()
    assert check_shipped_digests(list_source(folder, {}), [FileDigest(name=FIRST, size=1, sha256="b" * 64)]) == 0
    assert time.process_time() - started < SECONDS


def test_digest_lists_that_are_no_files_state_nothing(tmp_path: Path) -> None:
    folder = write_files(tmp_path, model_files())
    os.mkfifo(folder / "SHA256SUMS")
    (folder / "x.sha256").symlink_to("/dev/zero")
    (folder / "y.sha256").symlink_to("/dev/tty")
    listing = list_source(folder, {})
    assert check_shipped_digests(listing, digest_files(folder, listing.files, ignore_progress)) == 0


def test_a_file_that_became_a_pipe_cannot_hold_the_digest(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.json")
    with pytest.raises(WorkerFailure) as caught:
        digest_files(tmp_path, [SourceFile("x.json", 5)], ignore_progress)
    assert caught.value.reason == Reason.SOURCE_CORRUPT
    assert "x.json is not a regular file but a named pipe" in caught.value.message


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("config.json", b"[" + b"[]," * 6_000_000 + b"[]]", "more than 16777216 bytes"),
        ("config.json", b'{"num_attention_heads": ' + b"9" * 5000 + b"}", "not a valid JSON file"),
        (INDEX, b'{"weight_map": {"a": "' + b"x" * 300 + b'.safetensors"}}', "outside the folder"),
        (INDEX, b'{"weight_map": {"a": ' + b"[" * 100_000, "a value is not valid"),
        (INDEX, b'{"weight_map": {"' + b"a" * 5000 + b'": "x.safetensors"}}', "a tensor name of 5000 characters"),
        (FIRST, (9).to_bytes(8, "little") + b'{"\\ud800":', "is damaged"),
        (FIRST, safetensors({"a" * 5000: b"12"}), "a tensor name of 5000 characters"),
    ],
)
def test_files_that_are_out_of_all_bounds(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    failure = refusal(tmp_path, {**model_files(), name: content})
    assert failure.reason == Reason.SOURCE_CORRUPT
    assert words in failure.message
    assert len(failure.message) < 500
