"""The shard stage loads the requested source, or reports what has changed; no vLLM is needed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.progress_line import Progress, Stage
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.reporting.progress_output import ignore_progress
from shardwright_worker.shard import source_guard
from shardwright_worker.shard.shard_request import ShardRequest
from shardwright_worker.shard.shard_stage import shard
from shardwright_worker.shard.source_guard import SourceGuard
from shardwright_worker.source.file_digests import digest_files, source_digest
from shardwright_worker.source.listing import Listing, list_source
from shardwright_worker.source.source_fingerprint import fingerprint
from tools.testing.tiny_files import SECOND, model_files, write_files

Change = Callable[[Path], object]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_files(tmp_path / "source", {**model_files(), "README.md": b"about it"})


def request(source: Path, **known: object) -> ShardRequest:
    """The operator's request, after prepare has read the source."""
    listing = list_source(source, {})
    files = digest_files(source, listing.files, ignore_progress)
    values: dict[str, object] = {"source_digest": source_digest(files), "source_fingerprint": fingerprint(listing)}
    output = source.parent / "output"
    output.mkdir(exist_ok=True)
    return ShardRequest(source, output, EngineSettings(), "0" * 16, **{**values, **known})  # type: ignore[arg-type]


def _flip(source: Path) -> None:
    data = bytearray((source / SECOND).read_bytes())
    data[-1] ^= 1
    (source / SECOND).write_bytes(bytes(data))


def _flip_in_secret(source: Path) -> None:
    state = (source / SECOND).stat()
    _flip(source)
    os.utime(source / SECOND, ns=(state.st_atime_ns, state.st_mtime_ns))


def _swap_config(source: Path) -> None:
    path = source / "config.json"
    path.write_bytes(path.read_bytes().replace(b'"num_hidden_layers": 4', b'"num_hidden_layers": 5'))


CHANGES: list[Change] = [
    _flip,
    _flip_in_secret,
    _swap_config,
    lambda source: (source / SECOND).unlink(),
    lambda source: (source / "config.json").unlink(),
    lambda source: (source / "tokenizer_config.json").write_text("{}"),
    lambda source: (source / SECOND).rename(source / "other.safetensors"),
]


def _stages(wanted: ShardRequest) -> list[str]:
    stages: list[str] = []

    def show(progress: Progress) -> None:
        stages.append(progress.stage)

    SourceGuard(wanted, show)
    return stages


def _refused(call: Callable[[], object]) -> WorkerFailure:
    with pytest.raises(WorkerFailure) as failed:
        call()
    return failed.value


def test_an_unchanged_source_is_not_read_again(source: Path) -> None:
    assert _stages(request(source)) == []


def test_a_source_that_was_only_touched_is_read_again_and_accepted(source: Path) -> None:
    wanted = request(source)
    os.utime(source / SECOND)
    (source / "README.md").write_text("about it, in other words")
    assert set(_stages(wanted)) == {Stage.DIGESTING}


def test_without_a_fingerprint_everything_is_read(source: Path) -> None:
    assert set(_stages(request(source, source_fingerprint=""))) == {Stage.DIGESTING}
    wrong = request(source, source_fingerprint="", source_digest="f" * 64)
    assert _refused(lambda: SourceGuard(wrong, ignore_progress)).reason is Reason.SOURCE_CHANGED


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("hub", [False, True], ids=["folder", "hub"])
def test_a_source_that_changed_after_prepare_is_refused(source: Path, change: Change, hub: bool) -> None:
    files = tuple(digest_files(source, list_source(source, {}).files, ignore_progress))
    wanted = request(source, source_digest="a" * 64, source_files=files) if hub else request(source)
    if hub:
        _stages(wanted)  # a Hub source's digest is not over the folder's files; its recorded files are compared
    change(source)
    failure = _refused(lambda: shard(wanted, ignore_progress))
    assert failure.reason in (Reason.SOURCE_CHANGED, Reason.SOURCE_INCOMPLETE), failure.message
    assert list(wanted.output.iterdir()) == []


def test_a_changed_file_of_a_downloaded_source_is_named(source: Path) -> None:
    files = tuple(digest_files(source, list_source(source, {}).files, ignore_progress))
    wanted = request(source, source_digest="a" * 64, source_files=files)
    _flip(source)
    failure = _refused(lambda: SourceGuard(wanted, ignore_progress))
    assert (failure.reason, SECOND in failure.message) == (Reason.SOURCE_CHANGED, True)


@pytest.mark.parametrize("change", CHANGES)
def test_a_source_that_changes_while_it_is_used_is_refused(source: Path, change: Change) -> None:
    guard = SourceGuard(request(source), ignore_progress)
    guard.check("while nothing happened")
    change(source)
    failure = _refused(lambda: guard.check("while it was loaded"))
    assert failure.reason is Reason.SOURCE_CHANGED
    assert "while it was loaded" in failure.message
    changed = guard.failure_of_load(WorkerFailure(Reason.SOURCE_CORRUPT, "header too small"))
    assert changed.reason is Reason.SOURCE_CHANGED
    assert "header too small" in changed.message


def test_a_failure_of_a_load_is_kept_if_nothing_changed(source: Path) -> None:
    failure = WorkerFailure(Reason.SOURCE_INCOMPLETE, "no norm")
    assert SourceGuard(request(source), ignore_progress).failure_of_load(failure) is failure


def test_a_source_that_changes_while_it_is_read_again(source: Path) -> None:
    def change(progress: Progress) -> None:
        if progress.bytes_done == progress.bytes_total:
            os.utime(source / SECOND, ns=(1, 1))

    wanted = request(source, source_fingerprint="")
    assert _refused(lambda: SourceGuard(wanted, change)).reason is Reason.SOURCE_CHANGED


def test_the_fs_group_of_another_pod_is_not_a_change(source: Path) -> None:
    """The kubelet sets owner and mode of every file when a pod mounts the volume, even while another pod uses it."""
    stages: list[str] = []
    guard = SourceGuard(request(source), lambda progress: stages.append(progress.stage))
    for path in source.iterdir():
        path.chmod(0o640)
    guard.check("while it was loaded")
    assert set(stages) == {Stage.DIGESTING}
    stages.clear()
    guard.check("while its shards were made")
    assert stages == []


def test_a_change_right_after_the_first_listing_is_found(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted, listed = request(source), source_guard._list

    def list_and_change(requested: ShardRequest) -> Listing:
        listing = listed(requested)
        monkeypatch.setattr(source_guard, "_list", listed)
        (source / "config.json").write_bytes((source / "config.json").read_bytes() + b" ")
        return listing

    monkeypatch.setattr(source_guard, "_list", list_and_change)
    with pytest.raises(WorkerFailure) as failed:
        SourceGuard(wanted, ignore_progress).check("while it was loaded")
    assert failed.value.reason is Reason.SOURCE_CHANGED
    assert "config.json" in failed.value.message
