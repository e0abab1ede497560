"""Events: repeated ones become a series, whichever replica writes them, and recording never waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from shardwright_operator.decide.observed import Resource
from shardwright_operator.decide.plan import Event
from shardwright_operator.kube.client import Client
from shardwright_operator.kube.convert.checkpoint import convert_checkpoint
from shardwright_operator.kube.credentials import Credentials
from shardwright_operator.kube.event_recorder import EventRecorder
from shardwright_operator.kube.kinds import EVENTS
from shardwright_operator.kube.observed_resource import parse_resource
from tools.testing.namespace import Namespace

FAILED = Event("Warning", "OutOfMemory", "the pod needed more memory")


@pytest.fixture
def resource(namespace: Namespace) -> Resource:
    return parse_resource(convert_checkpoint(namespace.create("model")))


@pytest.fixture
async def recorder(client: Client) -> AsyncIterator[EventRecorder]:
    recorder = EventRecorder(client, "replica-1")
    running = asyncio.ensure_future(recorder.run())
    yield recorder
    running.cancel()


def events_of(namespace: Namespace) -> list[Any]:
    return [one for one in namespace.objects("events") if one["regarding"]["kind"] == "ShardedCheckpoint"]


async def test_an_event_regards_the_resource(recorder: EventRecorder, resource: Resource, namespace: Namespace) -> None:
    recorder.record(resource, FAILED)
    await recorder.drain(30)
    (event,) = events_of(namespace)
    assert event["regarding"]["uid"] == resource.uid
    assert (event["type"], event["reason"], event["note"]) == ("Warning", FAILED.reason, FAILED.message)
    assert (event["reportingController"], event["reportingInstance"]) == ("shardwright.io/operator", "replica-1")


async def test_repeated_events_become_one_with_a_series(
    recorder: EventRecorder, resource: Resource, namespace: Namespace
) -> None:
    for _ in range(4):
        recorder.record(resource, FAILED)
    recorder.record(resource, Event("Normal", "Succeeded", "done"))
    await recorder.drain(30)
    counts = {event["reason"]: (event.get("series") or {}).get("count") for event in events_of(namespace)}
    assert counts == {"OutOfMemory": 4, "Succeeded": None}


async def test_a_series_continues_in_the_next_process(
    recorder: EventRecorder, client: Client, resource: Resource, namespace: Namespace
) -> None:
    recorder.record(resource, FAILED)
    await recorder.drain(30)
    other = EventRecorder(client, "replica-2")
    running = asyncio.ensure_future(other.run())
    other.record(resource, FAILED)
    await other.drain(30)
    running.cancel()
    (event,) = events_of(namespace)
    assert event["series"]["count"] == 2


async def test_a_series_starts_again_when_its_event_has_expired(
    recorder: EventRecorder, client: Client, resource: Resource, namespace: Namespace
) -> None:
    recorder.record(resource, FAILED)
    await recorder.drain(30)
    (event,) = events_of(namespace)
    await client.delete(EVENTS, namespace.name, event["metadata"]["name"], event["metadata"]["uid"])
    recorder.record(resource, FAILED)
    await recorder.drain(30)
    assert len(events_of(namespace)) == 1


async def test_a_long_message_is_cut(recorder: EventRecorder, resource: Resource, namespace: Namespace) -> None:
    recorder.record(resource, Event("Warning", "OutOfMemory", "ä" * 2000))
    await recorder.drain(30)
    (event,) = events_of(namespace)
    assert event["note"].endswith("…")
    assert len(event["note"].encode()) <= 1024


async def test_recording_never_waits_and_never_fails(resource: Resource) -> None:
    dropped: list[int] = []
    client = Client(Credentials("http://127.0.0.1:1", lambda: None), timeout=1.0)
    recorder = EventRecorder(client, on_drop=lambda: dropped.append(1))
    for number in range(2500):
        recorder.record(resource, Event("Normal", "Succeeded", f"message {number}"))
    assert len(dropped) == 500
    running = asyncio.ensure_future(recorder.run())
    await recorder.drain(0.2)
    assert not running.done()
    running.cancel()
    await client.close()
