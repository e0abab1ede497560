"""Claims that go, come back or grow, and what that means for Jobs and for what is waited for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shardwright_operator.decide.plan import DeleteJob
from shardwright_worker.contract.reasons import Reason
from tools.testing.imagined import Imagined, claim


def _deleted(world: Imagined) -> set[str]:
    return {action.name for action in world.plan().actions if isinstance(action, DeleteJob)}


def test_a_job_that_writes_to_a_claim_that_goes_is_stopped_so_that_it_can_go() -> None:
    world = Imagined()
    world.settle()
    job = world.running()
    world.claims["shards"] = replace(claim("shards"), deleting=True)
    assert _deleted(world) == {job.name}
    world.step()
    assert world.status.job is None
    assert world.ready() == ("False", Reason.VOLUME_NOT_FOUND)


@pytest.mark.parametrize("name", ["models", "shards"])
def test_jobs_that_have_ended_do_not_hold_a_claim_that_goes(name: str) -> None:
    world = Imagined()
    world.to_ready()
    assert len(world.jobs) == 2
    world.claims[name] = replace(claim(name), deleting=True)
    assert _deleted(world) == set(world.jobs)


def test_an_ended_job_is_judged_before_it_makes_way_for_its_claim() -> None:
    world = Imagined()
    world.settle()
    world.succeed()
    world.settle()
    world.succeed()
    world.claims["models"] = replace(claim("models"), deleting=True)
    world.step()
    assert world.ready() == ("True", Reason.SUCCEEDED)


def test_a_job_that_reads_from_a_claim_that_goes_may_end_well() -> None:
    world = Imagined()
    world.settle()
    job = world.running()
    world.settle()
    world.claims["models"] = replace(claim("models"), deleting=True)
    assert job.name not in _deleted(world)


def test_a_claim_that_was_enlarged_lifts_what_was_too_little_space() -> None:
    world = Imagined()
    world.claims["shards"] = claim("shards", capacity=10)
    world.settle()
    world.fail(Reason.INSUFFICIENT_SPACE, "needs 20 bytes, has 10")
    world.settle()
    assert world.status.condition("Stalled") is not None
    world.claims["shards"] = claim("shards", capacity=30)
    world.to_ready()
