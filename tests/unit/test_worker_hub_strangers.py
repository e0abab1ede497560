"""A hub's source is what the hub states: nothing that somebody puts beside it is ever part of an artifact."""

from __future__ import annotations

from pathlib import Path

import pytest

from shardwright_worker.contract.reasons import Reason
from tests.unit.hub_cases import failure, prepare, repository
from tools.testing.hub_server import HubServer


@pytest.mark.parametrize("name", ["chat_template.jinja", "modeling_x.py", "extra.safetensors"])
def test_a_file_that_the_repository_does_not_have_is_named(hub: HubServer, tmp_path: Path, name: str) -> None:
    first = prepare(hub, tmp_path)
    (first.folder / name).write_bytes(b"planted")
    refused = failure(hub, tmp_path)
    assert refused.reason == Reason.SOURCE_CORRUPT
    assert name in refused.message
    (first.folder / name).unlink()
    assert prepare(hub, tmp_path).key == first.key


@pytest.mark.parametrize("name", ["Screenshot 2026-01-02 at 3.45.12\u202fPM.png", "docs/a\u00a0b.pdf"])
def test_a_file_that_nobody_reads_stops_nothing_whatever_its_name(hub: HubServer, tmp_path: Path, name: str) -> None:
    repository(hub).files[name] = b"x"
    prepare(hub, tmp_path)
