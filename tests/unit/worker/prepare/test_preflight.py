"""What is wrong with a source is named before a GPU is used."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from shardwright_worker.contract.reasons import Reason
from tests.unit.worker.source_cases import Files, check, rejection
from tools.testing.tiny_files import FIRST, INDEX, SECOND, model_files, safetensors

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"


def without(name: str) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        del files[name]

    return change


def put(name: str, content: bytes) -> Callable[[Files], None]:
    return lambda files: files.update({name: content})


def remap(tensor: str, file: str) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        index = json.loads(files[INDEX])
        index["weight_map"][tensor] = file
        files[INDEX] = json.dumps(index).encode()

    return change


def only(**files: bytes) -> Callable[[Files], None]:
    def change(all_files: Files) -> None:
        all_files.clear()
        all_files.update({name.replace("__", "."): content for name, content in files.items()})

    return change


def test_accepts_a_complete_model(tmp_path: Path) -> None:
    checked = check(tmp_path, model_files())
    assert checked.weights == [FIRST, SECOND]
    assert checked.expected_bytes == sum(len(model_files()[name]) for name in (FIRST, SECOND))


@pytest.mark.parametrize(
    ("change", "reason", "words"),
    [
        (without(SECOND), Reason.SOURCE_INCOMPLETE, f"{SECOND}: referenced in {INDEX} but missing"),
        (remap("model.norm", FIRST), Reason.SOURCE_INCOMPLETE, f"model.norm (in {FIRST})"),
        (remap("lm_head", FIRST), Reason.SOURCE_INCOMPLETE, f"lm_head (in {FIRST})"),
        (remap("x", "../../etc/passwd"), Reason.SOURCE_CORRUPT, "outside the folder"),
        (put(INDEX, b"{}"), Reason.SOURCE_CORRUPT, "no weight_map"),
        (put(FIRST, model_files()[FIRST][:-1]), Reason.SOURCE_CORRUPT, f"{FIRST} is truncated"),
        (put(FIRST, b"<!doctype html>"), Reason.SOURCE_CORRUPT, f"{FIRST} is not a safetensors file but an HTML page"),
        (put(FIRST, LFS), Reason.SOURCE_CORRUPT, "git lfs pull"),
        (put("config.json", b'{"a": '), Reason.SOURCE_CORRUPT, "config.json is not a valid JSON file"),
        (put("config.json", b"[]"), Reason.SOURCE_CORRUPT, "config.json is not a JSON object"),
        (put("config.json", b'{"a": "\xff"}'), Reason.SOURCE_CORRUPT, "config.json is not UTF-8"),
        (put("config.json", b"[" * 100_000), Reason.SOURCE_CORRUPT, "nested too deeply"),
        (put("config.json", LFS), Reason.SOURCE_CORRUPT, "Git LFS pointer"),
        (put("generation_config.json", b""), Reason.SOURCE_CORRUPT, "generation_config.json"),
        (put("1_Pooling/config.json", b"{"), Reason.SOURCE_CORRUPT, "1_Pooling/config.json"),
        (put("tokenizer.json", b"{}"), Reason.SOURCE_CORRUPT, "tokenizer.json is not a tokenizer"),
        (put("tokenizer.model", LFS), Reason.SOURCE_CORRUPT, "tokenizer.model is not a tokenizer but"),
        (without("config.json"), Reason.SOURCE_INCOMPLETE, "has no config.json"),
        (only(), Reason.SOURCE_INCOMPLETE, "the folder is empty"),
        (only(config__json=b"{}"), Reason.SOURCE_INCOMPLETE, "has no weights"),
        (only(config__json=b"{}", model__gguf=b"GGUF"), Reason.UNSUPPORTED_QUANTIZATION, "GGUF weights only"),
        (
            only(adapter_config__json=b"{}", adapter_model__safetensors=safetensors({"a": b"12"})),
            Reason.UNSUPPORTED_MODEL,
            "LoRA adapter",
        ),
        (put("shardwright.json", b"{}"), Reason.UNSUPPORTED_MODEL, "an artifact already"),
    ],
)
def test_names_what_is_wrong_with_a_source(
    tmp_path: Path, change: Callable[[Files], None], reason: Reason, words: str
) -> None:
    files = model_files()
    change(files)
    failure = rejection(tmp_path, files)
    assert words in failure.message
    assert failure.reason == reason
