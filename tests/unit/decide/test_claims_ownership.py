"""Claims and folders that several resources use: the younger waits, and no claim in use is deleted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shardwright_operator.decide.observed import Neighbor
from shardwright_operator.decide.plan import CreateClaim, DeleteJob
from shardwright_worker.contract.reasons import Reason
from tests.unit.decide.namespaces import ready
from tools.testing.fake_namespace import FakeNamespace
from tools.testing.fake_objects import START, claim

CREATE = {"persistentVolumeClaim": {"claimName": "made", "create": {"size": "1Gi", "whenDeleted": "Delete"}}}


def _neighbor(age: float, folder: str = "models/llama", uid: str = "uid-0") -> Neighbor:
    return Neighbor("other", uid, START - timedelta(seconds=age), folder)


def test_the_younger_of_two_with_one_folder_runs_nothing_and_names_both() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    assert namespace.live_jobs()
    namespace.neighbors = (_neighbor(60),)
    plan = namespace.settle()
    assert namespace.ready() == ("False", Reason.NAME_CONFLICT)
    assert all(name in namespace.message() for name in ("llama", "other", "models/llama", "output.path"))
    assert not namespace.live_jobs()
    assert plan.requeue_after is not None  # no watch reports that the other one is gone
    namespace.neighbors = ()
    namespace.run_to_ready()


def test_a_job_that_finishes_as_a_conflict_appears_is_not_repeated() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.succeed()  # prepare
    namespace.settle()
    namespace.succeed()  # shard
    namespace.neighbors = (_neighbor(60),)
    namespace.settle()
    assert namespace.ready() == ("False", Reason.NAME_CONFLICT)
    namespace.neighbors = ()
    created = list(namespace.created)
    namespace.settle()
    assert namespace.ready() == ("True", Reason.SUCCEEDED)
    assert namespace.created == created


def test_a_job_that_has_finished_does_not_hold_a_deleted_claim_in_a_conflict() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.succeed()
    namespace.neighbors = (_neighbor(60),)
    namespace.claims["shards"] = replace(claim("shards"), deleting=True)
    namespace.settle()
    assert not namespace.jobs


@pytest.mark.parametrize(("age", "uid"), [(-60, "uid-0"), (0, "uid-9")])
def test_the_older_of_two_with_one_folder_continues(age: float, uid: str) -> None:
    namespace = FakeNamespace()
    namespace.neighbors = (_neighbor(age, uid=uid),)
    namespace.run_to_ready()


def test_of_two_created_in_one_second_exactly_one_continues() -> None:
    first, second = FakeNamespace(), FakeNamespace()
    first.uid, second.uid = "uid-a", "uid-b"
    first.neighbors, second.neighbors = (_neighbor(0, uid="uid-b"),), (_neighbor(0, uid="uid-a"),)
    first.run_to_ready()
    second.settle()
    assert second.ready() == ("False", Reason.NAME_CONFLICT)


def test_a_claim_that_another_resource_owns_is_rejected_until_it_is_detached() -> None:
    namespace = FakeNamespace()
    namespace.claims["shards"] = claim("shards", owners=(("other", "uid-0"),))
    namespace.settle()
    assert namespace.ready() == ("False", Reason.NAME_CONFLICT)
    assert "other" in namespace.message()
    assert not namespace.created
    namespace.claims["shards"] = replace(claim("shards"), owners=())
    namespace.run_to_ready()


def test_a_claim_of_ones_own_is_used() -> None:
    namespace = FakeNamespace(output=CREATE)
    namespace.claims["made"] = None
    namespace.settle()
    assert namespace.claims["made"] is not None
    assert namespace.claims["made"].owners == (("llama", "uid-1"),)
    assert namespace.live_jobs()


def test_a_claim_that_others_name_is_created_without_an_owner() -> None:
    namespace = FakeNamespace(output=CREATE)
    namespace.claims["made"], namespace.named_by = None, ("other",)
    plan = namespace.plan()
    (action,) = plan.actions
    assert isinstance(action, CreateClaim)
    assert not action.owned
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    condition = namespace.status.condition("VolumeReady")
    assert condition is not None
    assert "kept" in condition.message


def _deleted(namespace: FakeNamespace) -> set[str]:
    return {action.name for action in namespace.plan().actions if isinstance(action, DeleteJob)}


def test_a_job_that_writes_to_a_claim_that_is_being_deleted_is_deleted() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    job = namespace.start_job()
    namespace.claims["shards"] = replace(claim("shards"), deleting=True)
    assert _deleted(namespace) == {job.name}
    namespace.step()
    assert namespace.status.job is None
    assert namespace.ready() == ("False", Reason.VOLUME_NOT_FOUND)


@pytest.mark.parametrize("name", ["models", "shards"])
def test_finished_jobs_do_not_hold_a_claim_that_is_being_deleted(name: str) -> None:
    namespace = ready()
    assert len(namespace.jobs) == 2
    namespace.claims[name] = replace(claim(name), deleting=True)
    assert _deleted(namespace) == set(namespace.jobs)


@pytest.mark.parametrize("stop", ["no output claim", "no output claim, suspended", "claim lost", "folder conflict"])
def test_a_finished_job_whose_result_does_not_count_yet_does_not_hold_the_source(stop: str) -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.succeed()
    if stop == "folder conflict":
        namespace.neighbors = (_neighbor(60),)
    elif stop == "claim lost":
        namespace.claims["shards"] = replace(claim("shards"), phase="Lost")
    else:
        namespace.claims["shards"] = None
    if "suspended" in stop:
        namespace.edit(suspend=True)
    namespace.claims["models"] = replace(claim("models"), deleting=True)
    namespace.settle()
    assert not namespace.jobs
    assert namespace.status.job is None


def test_a_finished_job_is_judged_before_it_is_deleted_for_its_claim() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    namespace.succeed()
    namespace.claims["models"] = replace(claim("models"), deleting=True)
    namespace.step()
    assert namespace.ready() == ("True", Reason.SUCCEEDED)


def test_a_job_that_reads_from_a_claim_that_is_being_deleted_may_end() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    job = namespace.start_job()
    namespace.settle()
    namespace.claims["models"] = replace(claim("models"), deleting=True)
    assert job.name not in _deleted(namespace)
