"""What is wrong with a source folder is named before a GPU is taken."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shardwright_worker.contract.engine import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.prepare.digests import digest_files, source_digest
from shardwright_worker.prepare.listing import list_source
from shardwright_worker.prepare.preflight import Checked, check_source
from shardwright_worker.prepare.shipped_digests import check_shipped_digests
from shardwright_worker.terminal import silent
from tests.harness.nobody import as_nobody
from tests.harness.tiny_files import CONFIG, FIRST, INDEX, SECOND, model_files, safetensors, write_artifact, write_files

Files = dict[str, bytes]


def check(folder: Path, files: Files, engine: EngineSettings | None = None) -> Checked:
    engine = engine or EngineSettings()
    return check_source(list_source(write_files(folder, files), engine.extra_args), engine)


def refusal(folder: Path, files: Files, engine: EngineSettings | None = None) -> WorkerFailure:
    with pytest.raises(WorkerFailure) as caught:
        check(folder, files, engine)
    return caught.value


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


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"


def test_a_whole_model_passes(tmp_path: Path) -> None:
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
        (put(FIRST, b"<!doctype html>"), Reason.SOURCE_CORRUPT, f"{FIRST} is no safetensors file but an HTML page"),
        (put(FIRST, LFS), Reason.SOURCE_CORRUPT, "git lfs pull"),
        (put("config.json", b'{"a": '), Reason.SOURCE_CORRUPT, "config.json is not a valid JSON file"),
        (put("config.json", b"[]"), Reason.SOURCE_CORRUPT, "config.json is not a JSON object"),
        (put("config.json", b'{"a": "\xff"}'), Reason.SOURCE_CORRUPT, "config.json is not UTF-8"),
        (put("config.json", b"[" * 100_000), Reason.SOURCE_CORRUPT, "nested too deeply"),
        (put("config.json", LFS), Reason.SOURCE_CORRUPT, "Git LFS pointer"),
        (put("generation_config.json", b""), Reason.SOURCE_CORRUPT, "generation_config.json"),
        (put("1_Pooling/config.json", b"{"), Reason.SOURCE_CORRUPT, "1_Pooling/config.json"),
        (put("tokenizer.json", b"{}"), Reason.SOURCE_CORRUPT, "tokenizer.json is no tokenizer"),
        (put("tokenizer.model", LFS), Reason.SOURCE_CORRUPT, "tokenizer.model is no tokenizer but"),
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
def test_what_is_wrong_is_named(tmp_path: Path, change: Callable[[Files], None], reason: Reason, words: str) -> None:
    files = model_files()
    change(files)
    failure = refusal(tmp_path, files)
    assert words in failure.message
    assert failure.reason == reason


def test_no_weights_beside_an_index_names_the_files(tmp_path: Path) -> None:
    files = {name: content for name, content in model_files().items() if not name.endswith(".safetensors")}
    failure = refusal(tmp_path, files)
    assert failure.reason == Reason.SOURCE_INCOMPLETE
    assert FIRST in failure.message


def test_pickles_are_used_only_without_safetensors(tmp_path: Path) -> None:
    files = model_files()
    files["pytorch_model.bin"] = b"<html>"
    check(tmp_path / "both", files)
    plain = {"config.json": files["config.json"], "pytorch_model.bin": b"\x80\x02}."}
    assert check(tmp_path / "bin", plain).weights == ["pytorch_model.bin"]
    broken = {**plain, "pytorch_model.bin": b"<html>"}
    assert "an HTML page" in refusal(tmp_path / "broken", broken).message


def test_files_that_no_index_names_are_ignored_as_vllm_does(tmp_path: Path) -> None:
    check(tmp_path, {**model_files(), "model-old.safetensors": b"junk"})


def test_other_formats_beside_the_weights_do_not_count(tmp_path: Path) -> None:
    files = model_files()
    extra = {"original/consolidated.00.pth": b"x", "model.gguf": b"x", "onnx/model.onnx": b"x", ".git/config": b"x"}
    plain = list_source(write_files(tmp_path / "plain", files), {})
    listing = list_source(write_files(tmp_path / "more", {**files, **extra, "optimizer.pt": b"x"}), {})
    assert listing.files == plain.files


def test_a_source_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "file").write_text("x")
    cases = {
        tmp_path / "model": "holds file, other",
        tmp_path / "file": "is a file",
        Path("org/model"): "--repo org/model",
    }
    for folder, words in cases.items():
        with pytest.raises(WorkerFailure) as caught:
            list_source(folder, {})
        assert caught.value.reason == Reason.SOURCE_NOT_FOUND
        assert words in caught.value.message


def test_a_link_that_leads_nowhere(tmp_path: Path) -> None:
    write_files(tmp_path, model_files())
    (tmp_path / FIRST).unlink()
    (tmp_path / FIRST).symlink_to("../../blobs/gone")
    with pytest.raises(WorkerFailure) as caught:
        list_source(tmp_path, {})
    assert caught.value.reason == Reason.SOURCE_INCOMPLETE
    assert "a link to ../../blobs/gone" in caught.value.message


def test_links_as_in_a_hub_cache_are_followed(tmp_path: Path) -> None:
    write_files(tmp_path / "blobs", model_files())
    (tmp_path / "snapshot").mkdir()
    for name in model_files():
        (tmp_path / "snapshot" / name).symlink_to(f"../blobs/{name}")
    assert list_source(tmp_path / "snapshot", {}).bytes == sum(len(each) for each in model_files().values())


@pytest.mark.parametrize(
    ("config", "engine", "words"),
    [
        (
            {},
            {"tensor_parallel_size": 3},
            "Total number of attention heads (8) must be divisible by tensor parallel size (3)",
        ),
        ({"num_key_value_heads": 6, "num_attention_heads": 24}, {"tensor_parallel_size": 4}, "key and value heads (6)"),
        ({}, {"pipeline_parallel_size": 5}, "must not exceed the number of layers (4)"),
        ({}, {"enable_expert_parallel": True}, "Number of experts in the model must be greater than 0"),
        (
            {"num_local_experts": 4},
            {"enable_expert_parallel": True, "tensor_parallel_size": 8},
            "4 experts cannot be spread over 8 ranks",
        ),
        ({}, {"quantization": "awq"}, "Cannot find the config file for awq"),
        ({}, {"hf_overrides": '{"num_attention_heads": 6}', "tensor_parallel_size": 4}, "attention heads (6)"),
        ({"text_config": {"num_attention_heads": 5}}, {"tensor_parallel_size": 2}, "attention heads (5)"),
    ],
)
def test_settings_that_do_not_fit_the_model(
    tmp_path: Path, config: dict[str, Any], engine: dict[str, Any], words: str
) -> None:
    failure = refusal(tmp_path, model_files({**CONFIG, **config}), EngineSettings(**engine))
    assert failure.reason == Reason.INVALID_ENGINE_ARGUMENTS
    assert words in failure.message


@pytest.mark.parametrize(
    ("config", "engine"),
    [
        ({}, {"tensor_parallel_size": 8}),  # more ranks than key and value heads: they are repeated
        ({"num_key_value_heads": 1}, {"tensor_parallel_size": 4}),
        ({"num_key_value_heads": [4, 2]}, {"tensor_parallel_size": 8}),
        ({"kv_lora_rank": 512, "num_key_value_heads": 3}, {"tensor_parallel_size": 4}),
        ({"n_routed_experts": 8}, {"enable_expert_parallel": True, "tensor_parallel_size": 8}),
        ({"quantization_config": {"quant_method": "fp8"}}, {"quantization": "fp8"}),
        ({"text_config": {"num_attention_heads": 16, "num_key_value_heads": 16}}, {"tensor_parallel_size": 16}),
        ({"num_attention_heads": 0, "num_key_value_heads": None}, {"tensor_parallel_size": 2}),
    ],
)
def test_settings_that_do_fit(tmp_path: Path, config: dict[str, Any], engine: dict[str, Any]) -> None:
    check(tmp_path, model_files({**CONFIG, **config}), EngineSettings(**engine))


@pytest.mark.parametrize(
    ("config", "quantization", "words"),
    [
        ({"quantization_config": {"quant_method": "bitsandbytes"}}, "", "bitsandbytes packs weights"),
        ({"quantization_config": {"load_in_4bit": True}}, "", "bitsandbytes"),
        ({"text_config": {**CONFIG, "quantization_config": {"quant_method": "gguf"}}}, "", "GGUF"),
        ({}, "fp8", "quantise the model first"),
        ({}, "fp8_per_tensor", "quantise the model first"),
        ({}, "deepspeedfp", "vLLM no longer has it"),
    ],
)
def test_quantisations_that_shards_cannot_hold(
    tmp_path: Path, config: dict[str, Any], quantization: str, words: str
) -> None:
    failure = refusal(tmp_path, model_files({**CONFIG, **config}), EngineSettings(quantization=quantization))
    assert failure.reason == Reason.UNSUPPORTED_QUANTIZATION
    assert words in failure.message


def test_a_wider_dtype_needs_more_room(tmp_path: Path) -> None:
    write_files(tmp_path, model_files())
    values = 64 + 32 + 32 + 64
    assert check(tmp_path, {}, EngineSettings(dtype="float32")).expected_bytes == values * 4
    assert check(tmp_path, {}, EngineSettings(dtype="half")).expected_bytes == values * 2


def test_digests_name_the_content(tmp_path: Path) -> None:
    files = {**model_files(), "README.md": b"hello", "LICENSE": b"free"}
    listing = list_source(write_files(tmp_path, files), {})
    digests = digest_files(tmp_path, listing.files, silent)
    assert {each.name: each.sha256 for each in digests} == {
        name: hashlib.sha256(content).hexdigest() for name, content in files.items()
    }
    first = source_digest(digests)
    (tmp_path / "README.md").write_bytes(b"other")
    assert source_digest(digest_files(tmp_path, list_source(tmp_path, {}).files, silent)) == first
    (tmp_path / "config.json").write_bytes(b"{}")
    assert source_digest(digest_files(tmp_path, list_source(tmp_path, {}).files, silent)) != first


def test_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    listing = list_source(write_files(tmp_path, model_files()), {})
    (tmp_path / FIRST).write_bytes(b"shorter")
    with pytest.raises(WorkerFailure, match="changed while it was read"):
        digest_files(tmp_path, listing.files, silent)


def test_digesting_says_how_far_it_is(tmp_path: Path) -> None:
    listing = list_source(write_files(tmp_path, model_files()), {})
    seen: list[int | None] = []
    digest_files(tmp_path, listing.files, lambda progress: seen.append(progress.bytes_done))
    assert seen == sorted(seen, key=lambda done: done or 0)
    assert seen[-1] == listing.bytes


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("SHA256SUMS", "{digest}  {file}\n"),
        ("sha256sums.txt", "{digest} *./{file}\n"),
        ("checksums.sha256", "SHA256 ({file}) = {digest}\n"),
        (FIRST + ".sha256", "{digest}\n"),
        (FIRST + ".sha256", "{digest}  {file}\n"),
    ],
)
def test_digests_that_the_source_ships_are_compared(tmp_path: Path, name: str, line: str) -> None:
    files = model_files()
    right = hashlib.sha256(files[FIRST]).hexdigest()
    for digest, fine in ((right, True), ("0" * 64, False)):
        files[name] = ("# comment\n" + line.format(digest=digest, file=FIRST)).encode()
        listing = list_source(write_files(tmp_path, files), {})
        digests = digest_files(tmp_path, listing.files, silent)
        if fine:
            assert check_shipped_digests(listing, digests) == 1
            continue
        with pytest.raises(WorkerFailure) as caught:
            check_shipped_digests(listing, digests)
        assert caught.value.reason == Reason.SOURCE_CORRUPT
        assert f"{FIRST} is damaged: {name} states" in caught.value.message


def test_artifacts_below_their_source_do_not_count(tmp_path: Path) -> None:
    before = list_source(write_files(tmp_path, model_files()), {}).files
    write_artifact(tmp_path / "shards" / "0123456789abcdef")
    write_files(tmp_path / "shards" / ".staging" / "x", model_files())
    assert list_source(tmp_path, {}).files == before


def test_files_that_are_none_and_names_that_are_no_text(tmp_path: Path) -> None:
    for name, words in (("generation_config.json", "is no regular file"), (os.fsdecode(b"\xff.json"), "is not UTF-8")):
        folder = write_files(tmp_path / words, model_files())
        os.mkfifo(folder / name)
        with pytest.raises(WorkerFailure) as caught:
            list_source(folder, {})
        assert caught.value.reason == Reason.SOURCE_CORRUPT
        assert words in caught.value.message


def test_a_folder_that_may_not_be_read(open_folder: Path) -> None:
    write_files(open_folder / "model", model_files())
    (open_folder / "model").chmod(0)

    def look() -> tuple[str, str]:
        with pytest.raises(WorkerFailure) as caught:
            list_source(open_folder / "model", {})
        return caught.value.reason, caught.value.message

    reason, message = as_nobody(look)
    assert reason == Reason.SOURCE_NOT_FOUND
    assert "cannot be read by user" in message
