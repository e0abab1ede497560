"""Finished downloads: changed files are noticed, and unexpected files rejected."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shardwright_worker.contract.reasons import Reason
from tests.unit.worker.hub_cases import failure, prepare, repository
from tools.testing.hub_server import HubServer
from tools.testing.tiny_files import FIRST, SECOND


def test_downloads_a_file_again_in_which_a_bit_flipped(hub: HubServer, tmp_path: Path) -> None:
    first = prepare(hub, tmp_path)
    for name in (SECOND, "config.json"):  # one with a SHA-256 of the Hub, one with Git's blob id
        content = (first.folder / name).read_bytes()
        (first.folder / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        hub.requests.clear()
        again = prepare(hub, tmp_path)
        assert (again.folder / name).read_bytes() == content
        assert again.files == first.files
        assert not hub.downloads(FIRST)


def test_accepts_a_file_that_was_only_touched(hub: HubServer, tmp_path: Path) -> None:
    first = prepare(hub, tmp_path)
    os.utime(first.folder / SECOND, (1, 1))
    hub.requests.clear()
    assert prepare(hub, tmp_path).files == first.files
    assert not [request for request in hub.requests if "/resolve/" in request.path]


@pytest.mark.parametrize("name", ["chat_template.jinja", "modeling_x.py", "extra.safetensors"])
def test_rejects_a_file_that_is_not_in_the_repository(hub: HubServer, tmp_path: Path, name: str) -> None:
    first = prepare(hub, tmp_path)
    (first.folder / name).write_bytes(b"unexpected")
    refused = failure(hub, tmp_path)
    assert refused.reason == Reason.SOURCE_CORRUPT
    assert name in refused.message
    (first.folder / name).unlink()
    assert prepare(hub, tmp_path).key == first.key


@pytest.mark.parametrize("name", ["Screenshot 2026-01-02 at 3.45.12\u202fPM.png", "docs/a\u00a0b.pdf"])
def test_accepts_any_name_of_a_file_that_is_not_selected(hub: HubServer, tmp_path: Path, name: str) -> None:
    repository(hub).files[name] = b"x"
    prepare(hub, tmp_path)
