"""What is wrong with a source folder is named before a GPU is taken."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.prepare.preflight import Preflight, check_source
from shardwright_worker.source import listing as listing_module
from shardwright_worker.source.listing import Listing, list_source
from tools.testing.tiny_files import FIRST, INDEX, SECOND, model_files, safetensors, write_artifact, write_files
from tools.testing.unprivileged import run_unprivileged

Files = dict[str, bytes]


def check(folder: Path, files: Files, engine: EngineSettings | None = None) -> Preflight:
    engine = engine or EngineSettings()
    return check_source(list_source(write_files(folder, files), engine.extra_args), engine)


def sizes(listing: Listing) -> dict[str, int]:
    return {file.name: file.size for file in listing.files}


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
    assert sizes(listing) == sizes(plain)


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


def test_artifacts_below_their_source_do_not_count(tmp_path: Path) -> None:
    before = sizes(list_source(write_files(tmp_path, model_files()), {}))
    write_artifact(tmp_path / "shards" / "0123456789abcdef")
    write_files(tmp_path / "shards" / ".staging" / "x", model_files())
    assert sizes(list_source(tmp_path, {})) == before


def test_files_that_are_none_and_names_that_are_no_text(tmp_path: Path) -> None:
    cases = {"generation_config.json": "is not a regular file", os.fsdecode(b"\xff.json"): "is not UTF-8"}
    for name, words in cases.items():
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

    reason, message = run_unprivileged(look)
    assert reason == Reason.SOURCE_UNREADABLE
    for words in ("may not be read by user", "belongs to 0:0 with mode 0000", "runAsUser"):
        assert words in message


@pytest.mark.parametrize(("call", "name"), [("scandir", "remote"), ("open_regular", "custom.spm")])
def test_a_part_that_does_not_answer_is_not_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, name: str
) -> None:
    source = write_files(tmp_path / "source", {**model_files(), "remote/code.py": b"x", "custom.spm": b"x"})
    place = os if call == "scandir" else listing_module
    real = getattr(place, call)

    def no_answer(path: object, *rest: object) -> object:
        if str(path).endswith(name):
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return real(path, *rest)

    monkeypatch.setattr(place, call, no_answer)
    with pytest.raises(WorkerFailure) as failed:
        list_source(source, {})
    assert failed.value.reason == Reason.VOLUME_UNAVAILABLE
    assert name in failed.value.message
