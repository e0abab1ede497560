"""Namespaces that several tests of decisions start from, and what they read of them."""

from __future__ import annotations

from typing import Any

from shardwright_operator.api.names import STAGE
from shardwright_operator.api.status import Condition
from shardwright_worker.contract.reasons import Reason
from tools.testing.fake_namespace import FakeNamespace

HUB: dict[str, Any] = {"huggingFace": {"repo": "org/model", "revision": "main"}}
HOURLY = {"interval": "1h"}
KEEP_ONE: dict[str, Any] = {"persistentVolumeClaim": {"claimName": "shards"}, "historyLimit": 1}
OLDER = "0123456789abcdef"  # key of an artifact that is not the published one


def ready(**parts: Any) -> FakeNamespace:
    """Return a namespace whose resource is Ready."""
    namespace = FakeNamespace(**parts)
    namespace.run_to_ready()
    return namespace


def rechecking(**recheck: Any) -> FakeNamespace:
    """Return a namespace whose resource was Ready and whose recheck has started."""
    namespace = ready(recheck={**HOURLY, **recheck})
    namespace.advance(3601)
    namespace.settle()
    return namespace


def damaged(source: dict[str, Any] | None = None, **recheck: Any) -> tuple[FakeNamespace, set[str]]:
    """Return a namespace whose artifact was found damaged, and the keys of what was published there."""
    namespace = FakeNamespace(recheck={**HOURLY, **recheck}, **({"source": source} if source else {}))
    namespace.run_to_ready()
    namespace.advance(3601)
    namespace.settle()
    lost = set(namespace.worker.published)
    namespace.worker.published.clear()
    namespace.succeed()
    namespace.settle()
    assert namespace.ready() == ("False", Reason.ARTIFACT_DAMAGED)
    return namespace, lost


def condition(namespace: FakeNamespace, type_: str) -> Condition:
    """Return a condition that is shown."""
    found = namespace.status.condition(type_)
    assert found is not None
    return found


def state(namespace: FakeNamespace, type_: str) -> tuple[str, str]:
    """Return status and reason of a condition that is shown."""
    found = condition(namespace, type_)
    return found.status, found.reason


def stages(namespace: FakeNamespace) -> list[str]:
    """Return the stages of the live Jobs."""
    return [job.labels[STAGE] for job in namespace.live_jobs()]


def created_stages(namespace: FakeNamespace) -> list[str]:
    """Return the stages of all Jobs so far, in the order of their creation."""
    return [name.split("-")[1] for name in namespace.created]


def arguments(namespace: FakeNamespace) -> list[str]:
    """Return the command line of the one live Job."""
    (job,) = namespace.live_jobs()
    return [str(one) for one in namespace.bodies[job.name]["spec"]["template"]["spec"]["containers"][0]["args"]]


def value_of(namespace: FakeNamespace, flag: str) -> str:
    """Return the value of a flag in the command line of the one live Job."""
    line = arguments(namespace)
    return line[line.index(flag) + 1]
