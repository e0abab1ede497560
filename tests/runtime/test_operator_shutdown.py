"""Stopping: what was decided before is still reported."""

from __future__ import annotations

import asyncio

from shardwright_operator.decide.plan import Event
from shardwright_operator.kube.convert.checkpoint import convert_checkpoint
from shardwright_operator.kube.observed_resource import parse_resource
from shardwright_operator.runtime.operator import Operator
from shardwright_operator.runtime.settings import read_settings
from tools.control_plane.control_plane import ControlPlane
from tools.testing.namespace import Namespace


async def test_pending_events_are_written_before_it_stops(served: ControlPlane, namespace: Namespace) -> None:
    resource = parse_resource(convert_checkpoint(namespace.create("model")))
    flags = [f"--kubeconfig={served.kubeconfig}", f"--namespaces={namespace.name}", "--metrics-address=127.0.0.1:0"]
    settings = read_settings(["--engine-image=e", "--prepare-image=p", "--leader-elect=false", *flags], {})
    operator, stop = Operator(settings), asyncio.Event()
    operator._recorder.record(resource, Event("Normal", "Succeeded", "done"))
    stop.set()
    await operator.run(stop)
    ours = [one for one in namespace.objects("events") if one["regarding"]["kind"] == "ShardedCheckpoint"]
    assert [one["reason"] for one in ours] == ["Succeeded"]
