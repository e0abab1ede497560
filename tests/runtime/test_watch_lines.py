"""The lines of a watch: objects become deltas or are skipped, and a malformed one does not end the watch."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shardwright_operator.kube.cache import Cache
from shardwright_operator.kube.cached_objects import Key
from shardwright_operator.kube.kinds import JOBS
from shardwright_operator.runtime.deltas import ObjectDelta
from shardwright_operator.runtime.watch_lines import RewrittenLines, WatchDecoder
from tests.runtime import raw


class Content:
    """A body that arrives in chunks of this many bytes."""

    def __init__(self, data: bytes, size: int) -> None:
        self.data, self.size, self.own = data, size, "own"

    async def iter_chunked(self, _size: int) -> Any:
        for start in range(0, len(self.data), self.size):
            yield self.data[start : start + self.size]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
async def test_lines_stay_whole_in_chunks_of_any_size(size: int) -> None:
    lines = RewrittenLines(Content(b"one\n\ntwo\nhalf", size), bytes.upper)  # type: ignore[arg-type]
    assert b"".join([piece async for piece in lines.iter_chunked(10)]) == b"ONE\nTWO\nhalf"
    assert lines.own == "own"


def event(event_type: str, body: Any) -> bytes:
    return json.dumps({"type": event_type, "object": body}).encode()


@pytest.fixture
def decoder() -> WatchDecoder:
    return WatchDecoder(JOBS, Cache().read, lambda *_: False)


def test_kopf_reads_only_the_identity_of_an_object(decoder: WatchDecoder) -> None:
    line = json.loads(decoder.rewrite(event("MODIFIED", raw.job())))
    assert line["type"] == "MODIFIED"
    assert set(line["object"]) == {"apiVersion", "kind", "metadata"}
    assert set(line["object"]["metadata"]) == {"namespace", "name", "uid", "resourceVersion"}
    delta = decoder.pop("uid-of-model-prepare-1")
    assert isinstance(delta, ObjectDelta)
    assert (delta.key, delta.entry is not None) == (Key("default", "model-prepare-1"), True)
    assert decoder.pop("uid-of-model-prepare-1") is None


def test_several_events_in_a_row_become_one_delta(decoder: WatchDecoder) -> None:
    for event_type, version in (("ADDED", 20), ("MODIFIED", 21), ("DELETED", 22)):
        decoder.rewrite(event(event_type, raw.job(version=version)))
    delta = decoder.pop("uid-of-model-prepare-1")
    assert isinstance(delta, ObjectDelta)
    assert delta.entry is None


def test_a_malformed_object_that_is_deleted_is_a_delta(decoder: WatchDecoder) -> None:
    decoder.rewrite(event("DELETED", {**raw.job(), "status": [1]}))
    assert decoder.pop("uid-of-model-prepare-1") is not None


def test_a_known_or_malformed_object_becomes_a_bookmark() -> None:
    known = WatchDecoder(JOBS, Cache().read, lambda *_: True)
    lines = [known.rewrite(event("MODIFIED", raw.job(version=77)))]
    lines.append(
        WatchDecoder(JOBS, Cache().read, lambda *_: False).rewrite(event("ADDED", {**raw.job(version=77), "status": 5}))
    )
    for line in lines:
        assert json.loads(line) == {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "77"}}}


@pytest.mark.parametrize("line", [b"<html>", b"[1]", b'{"type": "ERROR", "object": {"code": 410}}', b'{"type": "NEW"}'])
def test_a_line_that_is_not_an_event_is_unchanged(decoder: WatchDecoder, line: bytes) -> None:
    assert decoder.rewrite(line) == line
