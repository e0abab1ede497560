"""Claims that go, come back or grow, and what that means for Jobs and for what is waited for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shardwright_operator.decide.plan import DeleteJob
from shardwright_worker.contract.reasons import Reason
from tools.testing.fake_namespace import FakeNamespace
from tools.testing.fake_objects import claim


def _deleted(namespace: FakeNamespace) -> set[str]:
    return {action.name for action in namespace.plan().actions if isinstance(action, DeleteJob)}


def test_a_job_that_writes_to_a_claim_that_goes_is_stopped_so_that_it_can_go() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    job = namespace.start_job()
    namespace.claims["shards"] = replace(claim("shards"), deleting=True)
    assert _deleted(namespace) == {job.name}
    namespace.step()
    assert namespace.status.job is None
    assert namespace.ready() == ("False", Reason.VOLUME_NOT_FOUND)


@pytest.mark.parametrize("name", ["models", "shards"])
def test_jobs_that_have_ended_do_not_hold_a_claim_that_goes(name: str) -> None:
    namespace = FakeNamespace()
    namespace.run_to_ready()
    assert len(namespace.jobs) == 2
    namespace.claims[name] = replace(claim(name), deleting=True)
    assert _deleted(namespace) == set(namespace.jobs)


def test_an_ended_job_is_judged_before_it_makes_way_for_its_claim() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    namespace.succeed()
    namespace.claims["models"] = replace(claim("models"), deleting=True)
    namespace.step()
    assert namespace.ready() == ("True", Reason.SUCCEEDED)


def test_a_job_that_reads_from_a_claim_that_goes_may_end_well() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    job = namespace.start_job()
    namespace.settle()
    namespace.claims["models"] = replace(claim("models"), deleting=True)
    assert job.name not in _deleted(namespace)


def test_a_claim_that_was_enlarged_lifts_what_was_too_little_space() -> None:
    namespace = FakeNamespace()
    namespace.claims["shards"] = claim("shards", capacity=10)
    namespace.settle()
    namespace.fail(Reason.INSUFFICIENT_SPACE, "needs 20 bytes, has 10")
    namespace.settle()
    assert namespace.status.condition("Stalled") is not None
    namespace.claims["shards"] = claim("shards", capacity=30)
    namespace.run_to_ready()
