"""Listing a source folder."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.source import listing as listing_module
from shardwright_worker.source.listing import Listing, list_source
from tools.testing.tiny_files import FIRST, model_files, write_artifact, write_files


def sizes(listing: Listing) -> dict[str, int]:
    return {file.name: file.size for file in listing.files}


def test_leaves_out_weights_in_other_formats(tmp_path: Path) -> None:
    files = model_files()
    extra = {"original/consolidated.00.pth": b"x", "model.gguf": b"x", "onnx/model.onnx": b"x", ".git/config": b"x"}
    plain = list_source(write_files(tmp_path / "plain", files), {})
    listing = list_source(write_files(tmp_path / "more", {**files, **extra, "optimizer.pt": b"x"}), {})
    assert sizes(listing) == sizes(plain)


def test_rejects_a_source_that_is_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "file").write_text("x")
    cases = {
        tmp_path / "model": "holds file, other",
        tmp_path / "file": "is a file",
        Path("org/model"): "--repo org/model",
    }
    for folder, text in cases.items():
        with pytest.raises(WorkerFailure) as caught:
            list_source(folder, {})
        assert caught.value.reason == Reason.SOURCE_NOT_FOUND
        assert text in caught.value.message


def test_names_a_dangling_link(tmp_path: Path) -> None:
    write_files(tmp_path, model_files())
    (tmp_path / FIRST).unlink()
    (tmp_path / FIRST).symlink_to("../../blobs/gone")
    with pytest.raises(WorkerFailure) as caught:
        list_source(tmp_path, {})
    assert caught.value.reason == Reason.SOURCE_INCOMPLETE
    assert "a link to ../../blobs/gone" in caught.value.message


def test_follows_links_to_blobs(tmp_path: Path) -> None:
    write_files(tmp_path / "blobs", model_files())
    (tmp_path / "snapshot").mkdir()
    for name in model_files():
        (tmp_path / "snapshot" / name).symlink_to(f"../blobs/{name}")
    assert list_source(tmp_path / "snapshot", {}).bytes == sum(len(each) for each in model_files().values())


def test_leaves_out_artifacts_below_their_source(tmp_path: Path) -> None:
    before = sizes(list_source(write_files(tmp_path, model_files()), {}))
    write_artifact(tmp_path / "shards" / "0123456789abcdef")
    write_files(tmp_path / "shards" / ".staging" / "x", model_files())
    assert sizes(list_source(tmp_path, {})) == before


def test_rejects_needed_files_that_are_not_regular_or_not_utf8(tmp_path: Path) -> None:
    cases = {"generation_config.json": "is not a regular file", os.fsdecode(b"\xff.json"): "is not UTF-8"}
    for name, text in cases.items():
        folder = write_files(tmp_path / text, model_files())
        os.mkfifo(folder / name)
        with pytest.raises(WorkerFailure) as caught:
            list_source(folder, {})
        assert caught.value.reason == Reason.SOURCE_CORRUPT
        assert text in caught.value.message


@pytest.mark.parametrize(("call", "name"), [("scandir", "remote"), ("open_regular", "custom.spm")])
def test_does_not_leave_out_what_the_volume_cannot_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, name: str
) -> None:
    source = write_files(tmp_path / "source", {**model_files(), "remote/code.py": b"x", "custom.spm": b"x"})
    place = os if call == "scandir" else listing_module
    real = getattr(place, call)

    def unavailable(path: object, *rest: object) -> object:
        if str(path).endswith(name):
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return real(path, *rest)

    monkeypatch.setattr(place, call, unavailable)
    with pytest.raises(WorkerFailure) as failed:
        list_source(source, {})
    assert failed.value.reason == Reason.VOLUME_UNAVAILABLE
    assert name in failed.value.message
