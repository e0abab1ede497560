"""Maintenance that fails: the artifact stays published unless it is damaged, and nothing is built."""

from __future__ import annotations

import pytest

from shardwright_worker.contract.reasons import Reason
from tests.unit.decide.namespaces import HOURLY, created_stages, damaged, ready, stages, state
from tools.testing.fake_namespace import FakeNamespace


@pytest.mark.parametrize("seconds", [1, 7200])
def test_an_artifact_without_maintenance_is_left_alone(seconds: int) -> None:
    namespace = ready()
    namespace.advance(seconds)
    plan = namespace.settle()
    assert plan.requeue_after is None
    assert len(namespace.created) == 2


@pytest.mark.parametrize("reason", [Reason.SOURCE_NOT_FOUND, Reason.SOURCE_UNAVAILABLE])
def test_a_failed_check_leaves_what_is_published_and_is_repeated(reason: Reason) -> None:
    namespace = ready(recheck={**HOURLY, "rebuild": False})
    namespace.advance(3601)
    for _ in range(4):
        namespace.settle()
        if not namespace.live_jobs():
            break
        namespace.fail(reason, "no such model")
        plan = namespace.settle()
        assert namespace.ready() == ("True", Reason.SUCCEEDED)
        assert "no such model" in namespace.message()
        assert namespace.status.condition("Stalled") is None
        assert plan.requeue_after is not None
        namespace.advance(min(plan.requeue_after, 2000.0))
    tried = len(namespace.created)
    namespace.advance(3601)
    namespace.settle()
    assert len(namespace.created) == tried + 1
    namespace.succeed()
    namespace.settle()
    assert "no such model" not in namespace.message()


@pytest.mark.parametrize("stage", ["prepare", "shard"])
def test_a_foreign_folder_in_the_artifacts_place_is_checked_once_an_interval(stage: str) -> None:
    namespace = FakeNamespace(recheck=HOURLY)
    namespace.settle()
    if stage == "shard":
        namespace.succeed()
        namespace.settle()
    namespace.fail(Reason.ARTIFACT_DAMAGED, "something else has its place")
    pause = namespace.settle().requeue_after
    assert pause is not None
    assert 3500 < pause <= 3600
    assert not namespace.live_jobs()
    for _ in range(3):
        namespace.advance(3600)
        namespace.settle()
        assert stages(namespace) == ["prepare"]
        namespace.fail(Reason.ARTIFACT_DAMAGED, "something else has its place")
        pause = namespace.settle().requeue_after
        assert pause is not None
        assert 3500 < pause <= 3600
        assert namespace.ready() == ("False", Reason.ARTIFACT_DAMAGED)


def test_a_missing_source_does_not_keep_its_artifact_from_being_checked() -> None:
    namespace = ready(recheck=HOURLY)
    namespace.claims["models"] = None
    namespace.advance(3601)
    namespace.settle()
    volumes = namespace.bodies[namespace.live_jobs()[0].name]["spec"]["template"]["spec"]["volumes"]
    assert "source" not in [one["name"] for one in volumes], "its pod would never start"
    namespace.succeed()
    namespace.settle()
    assert namespace.ready() == ("True", "Succeeded")
    assert "could not be inspected" in str(namespace.status.maintenance.source_changed)
    assert namespace.status.artifact
    assert namespace.status.artifact.checked_at == namespace.now
    namespace.worker.published.clear()
    namespace.advance(3601)
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    assert namespace.ready() == ("False", Reason.ARTIFACT_DAMAGED)
    assert namespace.status.serving is None


@pytest.mark.parametrize(
    ("reason", "type_"),
    [(Reason.VOLUME_UNAVAILABLE, "VolumeReady"), (Reason.SOURCE_UNREADABLE, "SourceReady")],
)
def test_a_failed_check_is_shown_in_its_condition(reason: Reason, type_: str) -> None:
    namespace = ready(recheck=HOURLY)
    namespace.advance(3601)
    namespace.settle()
    namespace.fail(reason, "input/output error")
    namespace.settle()
    assert namespace.ready() == ("True", "Succeeded")
    assert state(namespace, type_) == ("False", reason)


def test_a_check_that_finds_another_folder_in_its_place_ends_ready() -> None:
    namespace = ready(recheck={"interval": "1h"})
    namespace.advance(3601)
    namespace.settle()
    namespace.fail(Reason.ARTIFACT_DAMAGED, "it has no shardwright.json")
    plan = namespace.settle()
    assert namespace.ready() == ("False", Reason.ARTIFACT_DAMAGED)
    assert namespace.status.serving is None
    assert not namespace.live_jobs()
    assert plan.requeue_after is not None
    namespace.advance(plan.requeue_after + 1)
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    assert namespace.ready()[0] == "True"
    assert "shard" not in created_stages(namespace)[2:]


@pytest.mark.parametrize(
    "reason",
    [
        Reason.DISRUPTED,
        Reason.SOURCE_UNAVAILABLE,
        Reason.VOLUME_UNAVAILABLE,
        Reason.SOURCE_NOT_FOUND,
        Reason.ARTIFACT_DAMAGED,
    ],
)
def test_a_failed_check_for_a_restored_artifact_builds_nothing(reason: Reason) -> None:
    namespace, lost = damaged()
    namespace.advance(3601)
    namespace.settle()
    namespace.fail(reason)
    plan = namespace.settle()
    assert namespace.ready() == ("False", Reason.ARTIFACT_DAMAGED)
    namespace.worker.published |= lost
    while not namespace.live_jobs():
        assert plan.requeue_after is not None
        namespace.advance(plan.requeue_after + 1)
        plan = namespace.settle()
    namespace.succeed()
    namespace.settle()
    assert namespace.ready()[0] == "True"
    assert "shard" not in created_stages(namespace)[2:]
