"""Objects of impossible shapes in every watch and every list: each is skipped and counted, and nothing else is lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shardwright_operator.kube.kinds import WATCHED
from tests.faults.stage import ALONE, Theatre, created_twice, serving, stage
from tools.testing.faults import Odd, Rule
from tools.testing.scenario import End

_EVERYTHING = "/(shardedcheckpoints|jobs|pods|persistentvolumeclaims|events)$"


def odd(uid: str, **metadata: Any) -> dict[str, Any]:
    """An object of which one thing is odd."""
    body = {"metadata": {"name": uid, "namespace": "n", "uid": uid, "resourceVersion": "1", **metadata}}
    return {**body, "status": [1]} if not metadata else body


OBJECTS: tuple[Any, ...] = (
    *({}, {"metadata": None}, {"metadata": {"uid": []}}, {"metadata": {"uid": "u"}}),
    odd("a-version", resourceVersion="9" * 5000),
    odd("a-name", name="n" * 5000),
    odd("labels", labels="none", annotations=["none"]),
    odd("owners", ownerReferences={"a": 1}),
    odd("generation", generation="first", creationTimestamp="yesterday"),
)


def test_everything_ends_as_without_them(theatre: Theatre, undisturbed: Mapping[str, End]) -> None:
    rules = [Rule(verb, _EVERYTHING, Odd(OBJECTS), times=10_000) for verb in ("watch", "list")]
    with stage(theatre) as disturbed:
        disturbed.proxy.add(*rules)
        with serving(disturbed, ALONE) as (operator,):
            assert disturbed.play() == undisturbed
            metrics = operator.metrics()
            assert operator.running
        assert all(rule.hits > 1 for rule in rules), "hardly any odd object came"
        assert created_twice(disturbed.proxy.record.calls) == []
    restarts = {name: value for name, value in metrics.items() if "watch_restarts_total" in name}
    assert not restarts
    for kind in WATCHED:
        assert metrics[f'shardwright_objects_skipped_total{{resource="{kind.plural}"}}'] >= len(OBJECTS)
