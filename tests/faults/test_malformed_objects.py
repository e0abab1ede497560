"""Malformed objects in every watch and every list: each is skipped and counted, and nothing else is lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shardwright_operator.kube.kinds import WATCHED
from tests.faults.testbed import NO_ELECTION, SharedCluster, jobs_created_twice, new_testbed, running_operators
from tools.testing.fault_rules import Rule
from tools.testing.scenario import FinalState
from tools.testing.watch_faults import MalformedObjects

_COLLECTIONS = "/(shardedcheckpoints|jobs|pods|persistentvolumeclaims|events)$"


def _malformed(uid: str, **metadata: Any) -> dict[str, Any]:
    """Return an object with one malformed field."""
    body = {"metadata": {"name": uid, "namespace": "n", "uid": uid, "resourceVersion": "1", **metadata}}
    return {**body, "status": [1]} if not metadata else body


OBJECTS: tuple[Any, ...] = (
    *({}, {"metadata": None}, {"metadata": {"uid": []}}, {"metadata": {"uid": "u"}}),
    _malformed("a-version", resourceVersion="9" * 5000),
    _malformed("a-name", name="n" * 5000),
    _malformed("labels", labels="none", annotations=["none"]),
    _malformed("owners", ownerReferences={"a": 1}),
    _malformed("generation", generation="first", creationTimestamp="yesterday"),
)


def test_final_states_are_those_of_the_baseline(cluster: SharedCluster, baseline: Mapping[str, FinalState]) -> None:
    rules = [Rule(verb, _COLLECTIONS, MalformedObjects(OBJECTS), times=10_000) for verb in ("watch", "list")]
    with new_testbed(cluster) as testbed:
        testbed.proxy.add(*rules)
        with running_operators(testbed, NO_ELECTION) as (operator,):
            assert testbed.run() == baseline
            metrics = operator.metrics()
            assert operator.running
        assert all(rule.hits > 1 for rule in rules), "hardly any malformed object was delivered"
        assert jobs_created_twice(testbed.proxy.log.requests) == []
    restarts = {name: value for name, value in metrics.items() if "watch_restarts_total" in name}
    assert not restarts
    for kind in WATCHED:
        assert metrics[f'shardwright_objects_skipped_total{{resource="{kind.plural}"}}'] >= len(OBJECTS)
