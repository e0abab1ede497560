"""Progress: the last progress line counts, and a log is read seldom."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shardwright_operator.decide.observed import Pod
from shardwright_operator.kube.client import Client
from shardwright_operator.kube.notes import Notes
from shardwright_operator.kube.pod_progress import FIRST_READ, last_progress, read_pod_progress
from shardwright_worker.contract.progress_line import Progress, Stage
from tools.testing.namespace import Namespace

OLD = datetime.now(UTC) - timedelta(hours=1)
POD = Pod("model-x", "uid-x", "model", "Running", OLD, started_at=OLD)


def test_the_last_progress_line_counts() -> None:
    lines = [
        Progress(stage=Stage.LOADING).to_line(),
        "INFO a line of vLLM",
        Progress(stage=Stage.SAVING, ranks_done=1).to_line(),
        '{"shardwright": "else"}',
    ]
    found = last_progress("\n".join(lines))
    assert found is not None
    assert (found.stage, found.ranks_done) == (Stage.SAVING, 1)
    assert last_progress("no progress line\n") is None


async def test_no_log_is_read_of_a_pod_that_has_ended_or_just_started(client: Client, namespace: Namespace) -> None:
    calls: list[str] = []
    client._on_call = lambda verb, *_: calls.append(verb)
    ended, young = replace(POD, phase="Succeeded"), replace(POD, started_at=datetime.now(UTC))
    assert await read_pod_progress(client, namespace.name, Notes(), [ended], 0.0, 5.0) is None
    assert await read_pod_progress(client, namespace.name, Notes(), [young], 0.0, 5.0) == FIRST_READ
    assert not calls


async def test_a_log_is_read_once_in_an_interval_and_an_unreachable_kubelet_is_tolerated(
    client: Client, namespace: Namespace
) -> None:
    calls: list[str] = []
    client._on_call = lambda verb, *_: calls.append(verb)
    notes = Notes()
    assert await read_pod_progress(client, namespace.name, notes, [POD], 100.0, 5.0) == 5.0
    assert await read_pod_progress(client, namespace.name, notes, [POD], 102.0, 5.0) == pytest.approx(3.0)
    assert calls == ["log"]
