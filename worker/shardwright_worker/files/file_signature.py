"""Recognizes files by their first bytes where weights, a tokenizer or JSON were expected."""

import zipfile
from pathlib import Path

from shardwright_worker.files.regular_file import NotRegularFileError, open_regular


def identify_content(path: Path) -> str:
    """Return what a file is that cannot hold weights, a tokenizer or JSON, or an empty string if it may hold them.

    Raises:
        OSError: the file cannot be read.

    Git LFS pointers: https://github.com/git-lfs/git-lfs/blob/v3.5.1/docs/spec.md#the-pointer
    """
    try:
        with open_regular(path) as file:
            start = file.read(512)
    except NotRegularFileError as error:
        return str(error).removeprefix("is not a regular file but ")
    if not start:
        return "an empty file"
    if not start.strip(b"\0"):
        return "a run of zero bytes (an interrupted download, or a hole left by a full disk)"
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


def find_pickle_damage(path: Path) -> str:
    """Return what is wrong with a PyTorch checkpoint as far as that shows without unpickling, or an empty string.

    torch.save writes a ZIP archive, before PyTorch 1.6 a bare pickle:
    https://github.com/pytorch/pytorch/blob/v2.13.0/torch/serialization.py#L1021

    Raises:
        OSError: the file cannot be read.
    """
    content = identify_content(path)
    if content:
        return f"is not a PyTorch checkpoint but {content}"
    with open_regular(path) as file:
        start = file.read(4)
        if start.startswith(b"PK\x03\x04"):
            return "" if zipfile.is_zipfile(file) else "is truncated: the directory at its end is missing"
    return "" if start.startswith(b"\x80") else "is not a PyTorch checkpoint: unrecognized file signature"
