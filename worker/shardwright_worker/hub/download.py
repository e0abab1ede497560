"""Brings a hub's repository onto the output volume: in parallel, on from where an earlier run stopped, whole or not."""

import contextlib
import os
import stat
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from shardwright_worker.contract.manifest import FileDigest, Source
from shardwright_worker.contract.progress_line import Progress, Stage
from shardwright_worker.files.move import move_folder, sync
from shardwright_worker.files.ownership import alone
from shardwright_worker.files.volume_errors import volume_errors
from shardwright_worker.files.volume_paths import is_folder, look, look_inside, refuse_links, remove_tree
from shardwright_worker.hub.download_record import RECORD, recorded_files, still_there, write_record
from shardwright_worker.hub.file_download import HubFile, fetch
from shardwright_worker.hub.hub_errors import busy, hub_failures
from shardwright_worker.hub.rate_limits import watch_client
from shardwright_worker.hub.repository import HubSource
from shardwright_worker.prepare.disk_space import make_folders
from shardwright_worker.reporting.progress_bar import Show
from shardwright_worker.source.file_digests import Stopped

__all__ = ["RECORD", "Fetching", "fetched", "recorded_files"]

_THREADS = 8


def fetched(source: HubSource, volume_root: Path) -> list[FileDigest] | None:
    """The files' digests if the source was fetched before and still is what the hub states, None otherwise."""
    folder = source.folder(volume_root)
    refuse_links(volume_root, folder)
    return still_there(folder, source.digest, source.files)


def _size(folder: Path, name: str) -> int | None:
    """Size of a regular file that lies in the folder itself; None without one."""
    state = look_inside(folder, name)
    return state.st_size if state is not None and stat.S_ISREG(state.st_mode) else None


class Fetching:
    """A source on its way: small files may be fetched and looked at before the large ones. Use as a context."""

    def __init__(self, source: HubSource, volume_root: Path, show: Show) -> None:
        self._source, self._volume_root, self._show = source, volume_root, show
        self._final = source.folder(volume_root)
        self.folder = self._final.with_name(self._final.name + ".partial")
        self._digests: dict[str, FileDigest] = {}
        self._done: dict[str, int] = {}
        self._most = 1 << 50  # bytes of a file whose size nobody states
        self._lock = threading.Lock()
        self._exit = contextlib.ExitStack()
        self.found: list[FileDigest] | None = None  # the digests, if another process fetched the source meanwhile

    def __enter__(self) -> "Fetching":
        with volume_errors(self._final.parent, f"keep the source in {self._final.parent}"):
            return self._enter()

    def _enter(self) -> "Fetching":
        for folder in (self._final, self.folder):
            refuse_links(self._volume_root, folder)
        make_folders(self._final.parent)
        self._exit.enter_context(alone(self._final.with_name(self._final.name + ".lock")))
        self.found = fetched(self._source, self._volume_root)
        if self.found is None:
            if is_folder(self._final) and look(self.folder) is None:
                move_folder(self._final, self.folder, RECORD)  # a source that lost a file: the rest need not come again
            make_folders(self.folder)
            free = os.statvfs(self.folder)
            self._most = free.f_bavail * free.f_frsize or self._most
        return self

    def __exit__(self, *_error: object) -> None:
        self._exit.close()

    @property
    def bytes_there(self) -> int:
        """Bytes that an earlier run left."""
        return sum(_size(self.folder, file.name) or 0 for file in self._source.files)

    def take(self, files: Sequence[HubFile]) -> None:
        """Fetch these, several at a time."""
        request = self._source.request
        watch_client(lambda code, wait: busy(code, request.address, request.repo, wait))
        stop = threading.Event()
        executor = ThreadPoolExecutor(_THREADS, "fetch")
        try:
            with hub_failures(request.repo, request.revision, request.address, bool(request.token), transferring=True):
                running = [executor.submit(self._take_one, file, stop) for file in sorted(files, key=lambda f: -f.size)]
                for future in running:
                    digest = future.result()
                    self._digests[digest.name] = digest
        finally:
            stop.set()
            executor.shutdown(wait=False, cancel_futures=True)

    def publish(self) -> list[FileDigest]:
        """Give the complete folder its final name."""
        with volume_errors(self._final.parent, f"give {self._final} its name"):
            return self._publish()

    def _publish(self) -> list[FileDigest]:
        digests = [self._digests[file.name] for file in self._source.files]
        source = self._source
        record = Source(digest=source.digest, revision=source.commit, repo=source.request.repo, files=digests)
        write_record(self.folder, record)
        for where, _folders, _files in os.walk(self.folder):
            sync(Path(where))
        if look(self._final) is not None:
            remove_tree(self._final)
        move_folder(self.folder, self._final, RECORD)
        sync(self._final.parent)
        return digests

    def _take_one(self, file: HubFile, stop: threading.Event) -> FileDigest:
        from huggingface_hub import hf_hub_url
        from huggingface_hub.utils import build_hf_headers

        def count(size: int) -> None:
            if stop.is_set():
                raise Stopped
            with self._lock:
                self._done[file.name] = size
                done = sum(self._done.values())
                self._show(Progress(stage=Stage.DOWNLOADING, bytes_done=done, bytes_total=self._source.bytes))

        refuse_links(self.folder, (self.folder / file.name).parent)
        request = self._source.request
        url = hf_hub_url(request.repo, file.name, revision=self._source.commit, endpoint=request.address)
        headers = build_hf_headers(token=request.token or False)
        return fetch(url, headers, file, self.folder, self._most, count)
