"""Files and folders of a source that this user may not read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.source.listing import Listing, list_source
from shardwright_worker.source.selection import LARGEST_FILE
from tests.unit.worker.source_cases import POOLING, inspect_source, sentence_transformers_files
from tools.testing.tiny_files import FIRST, INDEX, model_files, write_files
from tools.testing.unprivileged import run_unprivileged


def test_names_a_source_folder_that_may_not_be_read(open_folder: Path) -> None:
    write_files(open_folder / "model", model_files())
    (open_folder / "model").chmod(0)

    def attempt() -> tuple[str, str]:
        with pytest.raises(WorkerFailure) as caught:
            list_source(open_folder / "model", {})
        return caught.value.reason, caught.value.message

    reason, message = run_unprivileged(attempt)
    assert reason == Reason.SOURCE_UNREADABLE
    for words in ("may not be read by user", "belongs to 0:0 with mode 0000", "runAsUser"):
        assert words in message


def names(listing: Listing) -> set[str]:
    return {file.name for file in listing.files}


def closed(name: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        (folder / name / "inner").mkdir(parents=True)
        (folder / name).chmod(0)

    return make


def closed_inside(name: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        (folder / name / "inner").mkdir(parents=True)
        (folder / name / "inner").chmod(0o600)

    return make


def circles(folder: Path) -> None:
    (folder / "loop").symlink_to(".")
    (folder / "up").symlink_to("..")


def deep(folder: Path) -> None:
    os.makedirs(folder.joinpath(*["d"] * 300))


def crowded(folder: Path) -> None:
    (folder / "data").mkdir()
    for number in range(3000):
        (folder / "data" / f"{number}.json").write_text("{")


def special_files(folder: Path) -> None:
    (folder / "eval").mkdir()
    os.mkfifo(folder / "eval" / "x.json")
    (folder / "eval" / "y.json").symlink_to("nowhere")
    (folder / "eval" / "z.json").write_text("{")
    (folder / "eval" / "secret.json").write_text("{}")
    (folder / "eval" / "secret.json").chmod(0)


def unknown_at_the_top(folder: Path) -> None:
    os.mkfifo(folder / "events")
    (folder / "README.md").symlink_to("/dev/zero")
    (folder / "NOTES").symlink_to("/proc/self/environ")
    (folder / "private.key").write_text("mine")
    (folder / "private.key").chmod(0)
    with open(folder / "dataset.dat", "wb") as file:
        file.truncate(LARGEST_FILE + 1)
    (folder / "all_results.json").write_text("{not JSON")


@pytest.mark.parametrize(
    "make",
    [
        closed("lost+found"),
        closed(".snapshot"),
        closed("@eaDir"),
        closed("onnx"),
        closed("original"),
        closed("checkpoint-500"),
        closed("whatever"),
        closed_inside("some"),
        circles,
        deep,
        crowded,
        special_files,
        unknown_at_the_top,
    ],
)
def test_ignores_what_vllm_never_reads(open_folder: Path, make: Callable[[Path], None]) -> None:
    folder = write_files(open_folder / "model", model_files())
    make(folder)

    def counted() -> tuple[set[str], str]:
        listing, _reason, message = inspect_source(folder)
        return names(listing), message

    found, message = run_unprivileged(counted)
    assert message == ""
    assert found - {"all_results.json", "eval/z.json"} == {*model_files()}


@pytest.mark.parametrize(
    "name", [FIRST, "config.json", INDEX, "tokenizer.json", "1_Pooling/config.json", "modules.json"]
)
def test_names_a_file_that_may_not_be_read(open_folder: Path, name: str) -> None:
    folder = write_files(open_folder / "model", sentence_transformers_files(POOLING))
    (folder / name).chmod(0o600)
    reason, message = run_unprivileged(lambda: inspect_source(folder)[1:])
    assert reason == Reason.SOURCE_UNREADABLE
    for words in (f"{name} may not be read by user 65534 (groups 65534)", "belongs to 0:0 with mode 0600", "chmod"):
        assert words in message


@pytest.mark.parametrize("place", ["model", "model/1_Pooling"])
def test_names_a_folder_that_may_not_be_entered(open_folder: Path, place: str) -> None:
    folder = write_files(open_folder / "model", sentence_transformers_files(POOLING))
    (open_folder / place).chmod(0o644)
    reason, message = run_unprivileged(lambda: inspect_source(folder)[1:])
    assert reason == Reason.SOURCE_UNREADABLE
    assert f"{open_folder / place} belongs to 0:0 with mode 0644" in message
