"""Says what a file is that should hold weights, tokens or JSON and holds something else."""

import zipfile
from pathlib import Path

from shardwright_worker.files.regular_file import NotRegular, open_regular


def looks_like(path: Path) -> str:
    """What a file is that should hold weights, tokens or JSON; empty if nothing is striking."""
    try:
        with open_regular(path) as file:
            start = file.read(512)
    except NotRegular as error:
        return str(error).removeprefix("is no regular file but ")
    if not start:
        return "an empty file"
    if not start.strip(b"\0"):
        return "a run of zero bytes (a download that broke off, or a hole left by a full disk)"
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer (fetch the file itself with `git lfs pull`)"
    if text.startswith((b"<!doctype html", b"<html", b"<head")):
        return "an HTML page (a login or error page instead of the download)"
    if text.startswith((b"<?xml", b"<error")):
        return "an XML document (an error of the object store instead of the download)"
    if text.startswith((b'{"error', b"invalid username or password")):
        return "an error message of a server instead of the download"
    if start.startswith(b"GGUF"):
        return "a GGUF file"
    return ""


def pickle_damage(path: Path) -> str:
    """What is wrong with a weights file in PyTorch's own format; empty if nothing is to be seen without unpickling."""
    looks = looks_like(path)
    if looks:
        return f"is no PyTorch file but {looks}"
    with open_regular(path) as file:
        start = file.read(4)
        if start.startswith(b"PK\x03\x04"):
            return "" if zipfile.is_zipfile(file) else "is truncated: the directory at its end is missing"
    return "" if start.startswith(b"\x80") else "is no PyTorch file: it starts like none"
