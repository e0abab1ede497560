"""What a decision costs: hashes of the spec, and judgments of a finished Job, counted as the real functions run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from shardwright_worker.contract import naming
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.report import read_report
from tools.testing.fake_namespace import FakeNamespace

KEEP_TWO = {"persistentVolumeClaim": {"claimName": "shards"}, "historyLimit": 2}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count the digests that are computed and the reports that are judged; the functions themselves still run."""
    counted: Counter[str] = Counter()

    def count(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*values: Any) -> Any:
            counted[name] += 1
            return function(*values)

        return wrapper

    # digest_of is imported by name in several modules; each of its calls makes one canonical text.
    monkeypatch.setattr(naming, "canonical_json", count("digests", naming.canonical_json))
    judged = "shardwright_operator.decide.job_result.read_report"
    monkeypatch.setattr(judged, count("judgments", read_report))
    return counted


def cost(namespace: FakeNamespace, calls: Counter[str]) -> tuple[int, int]:
    """Return the digests and the judgments of one decision."""
    calls.clear()
    namespace.plan()
    return calls["digests"], calls["judgments"]


@pytest.mark.parametrize(
    "parts", [{}, {"recheck": {"interval": "1h"}}, {"output": KEEP_TWO}], ids=["plain", "recheck", "historyLimit"]
)
def test_a_settled_resource_costs_one_digest(calls: Counter[str], parts: dict[str, Any]) -> None:
    namespace = FakeNamespace(**parts)
    namespace.run_to_ready()
    assert namespace.settle().actions == ()
    assert cost(namespace, calls) == (1, 0)


def test_a_running_job_costs_no_digest_for_its_failures(calls: Counter[str]) -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.start_job()
    assert cost(namespace, calls) == (1, 0)


@pytest.mark.parametrize(("stage", "most"), [("Prepare", 3), ("Shard", 5)])
def test_a_failed_job_is_judged_once(calls: Counter[str], stage: str, most: int) -> None:
    namespace = FakeNamespace()
    namespace.settle()
    if stage == "Shard":
        namespace.succeed()
        namespace.settle()
    namespace.fail(Reason.COMMUNICATION_FAILED)
    digests, judgments = cost(namespace, calls)
    assert judgments == 1
    assert digests <= most


def test_a_failure_beside_a_published_artifact_is_judged_once(calls: Counter[str]) -> None:
    namespace = FakeNamespace()
    namespace.run_to_ready()
    namespace.edit(engine={"tensorParallelSize": 4})
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    namespace.exit_without_report(1)
    digests, judgments = cost(namespace, calls)
    assert judgments == 1
    assert digests <= 6


def test_a_job_that_succeeded_is_judged_once(calls: Counter[str]) -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.succeed()
    digests, judgments = cost(namespace, calls)
    assert judgments == 1
    assert digests <= 3
