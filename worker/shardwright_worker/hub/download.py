"""Downloads a repository to the output volume: in parallel, resumable, and published under its name only when complete.

Files are collected in `.sources/<digest>.partial`, which is renamed to `.sources/<digest>` at the end. Lock, partial
folder and rename are not specific to the Hub: a second kind of source that is downloaded should share them, from a
package in a lower layer, as packages of one layer do not import each other.
"""

import contextlib
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from shardwright_worker.contract.manifest import FileDigest, Source
from shardwright_worker.contract.progress_line import Progress, Stage
from shardwright_worker.files.durable_files import fsync_path
from shardwright_worker.files.folders import make_folders
from shardwright_worker.files.free_space import space_of
from shardwright_worker.files.lock_file import exclusive_lock
from shardwright_worker.files.nofollow import is_folder, lstat_below, lstat_if_exists, reject_symlinks, remove_tree
from shardwright_worker.files.parallel import run_parallel
from shardwright_worker.files.rename import move_folder
from shardwright_worker.files.volume_errors import volume_errors
from shardwright_worker.hub.download_record import RECORD, verify_download, write_record
from shardwright_worker.hub.file_download import download_file
from shardwright_worker.hub.hub_errors import hub_errors, rate_limit_failure
from shardwright_worker.hub.hub_file import HubFile
from shardwright_worker.hub.repository import HubSource
from shardwright_worker.hub.retry_after import fail_on_long_waits
from shardwright_worker.reporting.progress_output import ShowProgress

_THREADS = 8  # files downloaded at a time
_MAX_UNKNOWN_SIZE = 1 << 50  # bytes of a file whose size the Hub does not state, on a volume of unknown size


def find_download(source: HubSource, volume_root: Path) -> list[FileDigest] | None:
    """Return the digests of a finished download whose files are what the Hub states, or None.

    Raises:
        WorkerFailure: the volume does not answer, or the path leads through a link.
    """
    folder = source.folder(volume_root)
    reject_symlinks(volume_root, folder)
    return verify_download(folder, source.digest, source.files)


def _size(folder: Path, name: str) -> int | None:
    """Return the size of a regular file in the folder, or None without one."""
    state = lstat_below(folder, name)
    return state.st_size if state is not None and stat.S_ISREG(state.st_mode) else None


class Download:
    """A download in progress, as a context: its files can be fetched and checked in groups. One worker at a time.

    `folder` holds the files. `found` has the digests if another process finished the download meanwhile.
    """

    def __init__(self, source: HubSource, volume_root: Path, show: ShowProgress) -> None:
        self._source, self._volume_root, self._show = source, volume_root, show
        self._final = source.folder(volume_root)
        self.folder = self._final.with_name(self._final.name + ".partial")
        self.found: list[FileDigest] | None = None
        self._digests: dict[str, FileDigest] = {}
        self._max_unknown_size = _MAX_UNKNOWN_SIZE
        self._exit = contextlib.ExitStack()

    def __enter__(self) -> "Download":
        with volume_errors(self._final.parent, f"keep the source in {self._final.parent}"):
            return self._enter()

    def _enter(self) -> "Download":
        for folder in (self._final, self.folder):
            reject_symlinks(self._volume_root, folder)
        make_folders(self._final.parent)
        self._exit.enter_context(exclusive_lock(self._final.with_name(self._final.name + ".lock")))
        self.found = find_download(self._source, self._volume_root)
        if self.found is None:
            if is_folder(self._final) and lstat_if_exists(self.folder) is None:
                move_folder(self._final, self.folder, RECORD)  # an incomplete download: keep the files that it has
            make_folders(self.folder)
            self._max_unknown_size = space_of(self.folder).free or self._max_unknown_size
        return self

    def __exit__(self, *_error: object) -> None:
        self._exit.close()

    @property
    def bytes_present(self) -> int:
        """Bytes that are downloaded already."""
        return sum(_size(self.folder, file.name) or 0 for file in self._source.files)

    def fetch(self, files: Sequence[HubFile]) -> None:
        """Download these files, several at a time, largest first.

        Raises:
            WorkerFailure: a reason of the Hub, the network or the volume.
        """
        request = self._source.request
        fail_on_long_waits(lambda code, wait: rate_limit_failure(code, request.address, request.repo, wait))
        before = sum(digest.size for digest in self._digests.values())
        order = sorted(files, key=lambda file: -file.size)
        with hub_errors(request.repo, request.revision, request.address, bool(request.token), transferring=True):
            digests = run_parallel(self._fetch_one, order, lambda done: self._show_progress(before + done), _THREADS)
        self._digests.update({digest.name: digest for digest in digests})

    def finish(self) -> list[FileDigest]:
        """Sync the complete folder, rename it to its final name, and return the digests of its files.

        Raises:
            WorkerFailure: a reason of the volume.
        """
        with volume_errors(self._final.parent, f"publish {self._final}"):
            return self._finish()

    def _finish(self) -> list[FileDigest]:
        digests = [self._digests[file.name] for file in self._source.files]
        source = self._source
        record = Source(digest=source.digest, revision=source.commit, repo=source.request.repo, files=digests)
        write_record(self.folder, record)
        for where, _folders, _files in os.walk(self.folder):
            fsync_path(Path(where))
        if lstat_if_exists(self._final) is not None:
            remove_tree(self._final)
        move_folder(self.folder, self._final, RECORD)
        fsync_path(self._final.parent)
        return digests

    def _show_progress(self, done: int) -> None:
        self._show(Progress(stage=Stage.DOWNLOADING, bytes_done=max(done, 0), bytes_total=self._source.bytes))

    def _fetch_one(self, file: HubFile, count: Callable[[int], None]) -> FileDigest:
        from huggingface_hub import hf_hub_url
        from huggingface_hub.utils import build_hf_headers

        reject_symlinks(self.folder, (self.folder / file.name).parent)
        request = self._source.request
        url = hf_hub_url(request.repo, file.name, revision=self._source.commit, endpoint=request.address)
        headers = build_hf_headers(token=request.token or False)
        return download_file(url, headers, file, self.folder, self._max_unknown_size, count)
