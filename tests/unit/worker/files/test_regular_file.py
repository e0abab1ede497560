"""Only regular files are opened, and nothing else can block the reader."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from shardwright_worker.files.regular_file import NotRegularFileError, open_regular, read_regular


def pipe(path: Path) -> None:
    os.mkfifo(path)


def link_to_pipe(path: Path) -> None:
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to("pipe")


def folder(path: Path) -> None:
    path.mkdir()


def link(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (pipe, "a named pipe"),
        (link_to_pipe, "a named pipe (a link to pipe)"),
        (folder, "a folder"),
        (link("/dev/zero"), "a device (a link to /dev/zero)"),
        (link("/dev/tty"), "a device (a link to /dev/tty)"),
        (link("/proc/self/environ"), "a link to /proc/"),
    ],
)
def test_names_what_is_not_a_regular_file(tmp_path: Path, make: Callable[[Path], None], text: str) -> None:
    make(tmp_path / "x")
    with pytest.raises(NotRegularFileError) as caught:
        open_regular(tmp_path / "x")
    assert text in str(caught.value)


def test_rejects_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path may have 107 bytes
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind("x")
        with pytest.raises(NotRegularFileError, match="a socket"):
            open_regular(tmp_path / "x")


def test_reads_files_and_links_to_files_up_to_the_limit(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"12345")
    (tmp_path / "y").symlink_to("x")
    with open_regular(tmp_path / "y") as file:
        assert file.read() == b"12345"
        assert os.get_blocking(file.fileno())
    assert read_regular(tmp_path / "y", 5) == b"12345"
    with pytest.raises(ValueError, match="more than 4 bytes"):
        read_regular(tmp_path / "y", 4)
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "z")
