"""The reconcile loop: what is recorded in status is created before other resources are reconciled."""

from __future__ import annotations

from shardwright_operator.decide import decide
from shardwright_operator.kube.cached_objects import Key
from shardwright_operator.runtime.controller import Controller
from shardwright_operator.runtime.metrics import Metrics
from shardwright_operator.runtime.queue import WorkQueue
from shardwright_operator.runtime.resource_metrics import ResourceMetrics
from tests.runtime.replica import CONFIG, Replica
from tools.testing.namespace import Namespace


async def test_a_recorded_job_is_created_before_other_resources_are_reconciled(
    replica: Replica, namespace: Namespace
) -> None:
    queue, metrics, ours = WorkQueue[Key](), Metrics(), Key(namespace.name, "model")
    controller = Controller(
        queue, replica.observer, decide, replica.executor, CONFIG, metrics, ResourceMetrics(metrics)
    )
    queue.add(ours)
    assert (await queue.get())[0] == ours
    queue.add(Key(namespace.name, "waits"))
    await controller.reconcile(ours)
    queue.done(ours)
    assert (await queue.get())[0] == ours
