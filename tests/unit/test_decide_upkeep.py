"""Looking after what is published: checks, rebuilds and the removal of older artifacts."""

from __future__ import annotations

from typing import Any

import pytest

from shardwright_worker.contract.maintenance import MaintenanceReport
from shardwright_worker.contract.reasons import Reason
from tools.testing.fake_namespace import FakeNamespace


def _recheck(rebuild: bool) -> FakeNamespace:
    namespace = FakeNamespace(recheck={"interval": "1h", "rebuild": rebuild})
    namespace.run_to_ready()
    return namespace


def test_nothing_is_checked_before_it_is_time_and_ready_stays_true_while_it_is() -> None:
    namespace = _recheck(False)
    plan = namespace.settle()
    assert not namespace.live_jobs()
    assert plan.requeue_after is not None
    namespace.advance(3601)
    namespace.settle()
    assert namespace.ready() == ("True", "Succeeded")
    (job,) = namespace.live_jobs()
    assert job.labels["shardwright.io/stage"] == "prepare"
    namespace.succeed()
    namespace.settle()
    assert not namespace.live_jobs()
    assert namespace.ready() == ("True", "Succeeded")


def test_a_damaged_artifact_is_not_ready_and_waits_for_a_person() -> None:
    namespace = _recheck(False)
    namespace.advance(3601)
    namespace.settle()
    namespace.worker.published.clear()
    namespace.succeed()
    namespace.settle()
    assert namespace.ready() == ("False", Reason.ARTIFACT_DAMAGED)
    assert namespace.status.artifact is None
    assert not namespace.live_jobs()
    namespace.requested_at = "rebuild it"
    namespace.run_to_ready()


def test_a_damaged_artifact_is_built_anew_if_the_spec_says_so() -> None:
    namespace = _recheck(True)
    namespace.advance(3601)
    namespace.settle()
    namespace.worker.published.clear()
    namespace.succeed()
    namespace.settle()
    assert namespace.ready()[0] != "True"
    namespace.run_to_ready()


def _arguments(namespace: FakeNamespace) -> list[str]:
    (job,) = namespace.live_jobs()
    arguments: list[Any] = namespace.bodies[job.name]["spec"]["template"]["spec"]["containers"][0]["args"]
    return [str(one) for one in arguments]


def test_older_artifacts_are_pruned_after_a_new_one_but_not_those_in_use() -> None:
    namespace = FakeNamespace()
    namespace.edit(output={"persistentVolumeClaim": {"claimName": "shards"}, "historyLimit": 1})
    namespace.users["shards"] = ("models/llama/0123456789abcdef",)
    for _ in range(2):
        namespace.settle()
        namespace.succeed()
    namespace.settle()
    assert namespace.ready() == ("True", "Succeeded")
    arguments = _arguments(namespace)
    assert namespace.status.artifact is not None
    assert arguments[arguments.index("--published") + 1] == namespace.status.artifact.key
    assert arguments[arguments.index("--in-use") + 1] == "0123456789abcdef"
    namespace.succeed()
    namespace.settle()
    assert not namespace.live_jobs()
    assert namespace.status.maintenance.last_pruned is not None
    assert namespace.status.maintenance.last_pruned.artifact == namespace.status.artifact.key


def test_nothing_is_pruned_while_a_pod_mounts_the_whole_volume() -> None:
    namespace = FakeNamespace(output={"persistentVolumeClaim": {"claimName": "shards"}, "historyLimit": 1})
    namespace.users["shards"] = ("",)
    for _ in range(2):
        namespace.settle()
        namespace.succeed()
    plan = namespace.settle()
    assert not namespace.live_jobs()
    assert "subPath" in str(namespace.status.maintenance.blocked_reason)
    assert plan.requeue_after is not None
    namespace.users.clear()
    namespace.advance(plan.requeue_after)
    namespace.settle()
    assert "--history-limit" in _arguments(namespace)
    namespace.succeed()
    namespace.settle()
    assert namespace.status.maintenance.blocked_reason is None


@pytest.mark.parametrize("seconds", [1, 7200])
def test_an_artifact_without_maintenance_is_left_alone(seconds: int) -> None:
    namespace = FakeNamespace()
    namespace.run_to_ready()
    namespace.advance(seconds)
    plan = namespace.settle()
    assert plan.requeue_after is None
    assert len(namespace.created) == 2


def test_a_check_looks_at_the_commit_that_the_artifact_was_made_from() -> None:
    hub = {"huggingFace": {"repo": "org/model", "revision": "main"}}
    namespace = FakeNamespace(source=hub, recheck={"interval": "1h"})
    namespace.run_to_ready()
    namespace.worker.revision = "r2"  # the branch has moved
    namespace.advance(3601)
    namespace.settle()
    arguments = _arguments(namespace)
    assert arguments[arguments.index("--revision") + 1] == "r1"
    namespace.requested_at = "look again"
    namespace.settle()
    arguments = _arguments(namespace)
    assert arguments[arguments.index("--revision") + 1] == "main"


def test_a_source_that_has_changed_on_its_claim_is_told_and_built_only_when_asked_for() -> None:
    namespace = _recheck(rebuild=True)
    before = namespace.status.artifact
    namespace.worker.revision = "r2"
    namespace.advance(3601)
    namespace.settle()
    namespace.succeed()
    plan = namespace.settle()
    assert namespace.ready() == ("True", Reason.SUCCEEDED)
    assert "requestedAt" in str(namespace.status.maintenance.source_changed)
    assert not namespace.live_jobs()
    assert plan.requeue_after == 3600
    namespace.requested_at = "take it"
    namespace.run_to_ready()
    assert namespace.status.artifact is not None
    assert before is not None
    assert namespace.status.artifact.key != before.key
    assert namespace.status.maintenance.source_changed is None


@pytest.mark.parametrize("reason", [Reason.SOURCE_NOT_FOUND, Reason.SOURCE_UNAVAILABLE])
def test_a_check_that_fails_takes_nothing_from_what_is_published_and_comes_again(reason: Reason) -> None:
    namespace = _recheck(rebuild=False)
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


@pytest.mark.parametrize("mounted", ["models", "models/llama", "/models/llama/"])
def test_nothing_is_pruned_while_a_pod_mounts_a_folder_above_the_artifacts(mounted: str) -> None:
    namespace = FakeNamespace(output={"persistentVolumeClaim": {"claimName": "shards"}, "historyLimit": 1})
    namespace.users["shards"] = (mounted,)
    namespace.run_to_ready()
    assert not namespace.live_jobs()
    assert namespace.status.maintenance.blocked_reason


def test_pods_that_mount_something_else_do_not_matter_and_folders_inside_count_for_their_artifact() -> None:
    namespace = FakeNamespace(output={"persistentVolumeClaim": {"claimName": "shards"}, "historyLimit": 1})
    namespace.users["shards"] = ("models/llama-2/0123456789abcdef", "models/llama/aaaaaaaaaaaaaaaa/sub")
    for _ in range(2):
        namespace.settle()
        namespace.succeed()
    namespace.settle()
    arguments = _arguments(namespace)
    assert [arguments[at + 1] for at, one in enumerate(arguments) if one == "--in-use"] == ["aaaaaaaaaaaaaaaa"]


def test_a_check_while_a_pod_mounts_the_whole_volume_does_not_count_as_pruning() -> None:
    output = {"persistentVolumeClaim": {"claimName": "shards"}, "historyLimit": 1}
    namespace = FakeNamespace(output=output, recheck={"interval": "1h"})
    namespace.users["shards"] = ("",)
    namespace.run_to_ready()
    namespace.advance(3601)
    namespace.settle()
    assert "--history-limit" not in _arguments(namespace)
    namespace.succeed()
    namespace.settle()
    assert namespace.status.maintenance.last_pruned is None
    assert namespace.status.maintenance.blocked_reason


def test_a_worker_that_says_nothing_of_pruning_is_not_asked_for_ever() -> None:
    namespace = FakeNamespace(output={"persistentVolumeClaim": {"claimName": "shards"}, "historyLimit": 1})
    answers: tuple[dict[str, Any], ...] = ({}, {}, {"maintenance": MaintenanceReport()})
    for changes in answers:
        namespace.settle()
        namespace.succeed(**changes)
    namespace.settle()
    assert not namespace.live_jobs()
    assert len(namespace.created) == 3


def test_a_damaged_artifact_that_somebody_restores_is_ready_again_after_the_next_look() -> None:
    namespace = _recheck(rebuild=False)
    namespace.advance(3601)
    namespace.settle()
    lost = set(namespace.worker.published)
    namespace.worker.published.clear()
    namespace.succeed(message="model-rank-0-part-0.safetensors is missing")
    namespace.settle()
    assert namespace.ready() == ("False", Reason.ARTIFACT_DAMAGED)
    assert "model-rank-0-part-0.safetensors is missing" in namespace.message()
    namespace.advance(3601)
    namespace.settle()
    namespace.succeed()
    plan = namespace.settle()  # still gone: nothing is built, and it is looked at again
    assert namespace.ready() == ("False", Reason.ARTIFACT_DAMAGED)
    assert not namespace.live_jobs()
    assert plan.requeue_after is not None
    namespace.worker.published |= lost
    namespace.advance(plan.requeue_after + 1)
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    assert namespace.ready() == ("True", Reason.SUCCEEDED)
    assert not [name for name in namespace.created[2:] if "-shard-" in name]


@pytest.mark.parametrize("deep", [True, False])
def test_a_look_is_cheap_unless_a_deep_one_is_asked_for(deep: bool) -> None:
    namespace = FakeNamespace(recheck={"interval": "1h", "deep": deep})
    namespace.run_to_ready()
    namespace.advance(3601)
    namespace.settle()
    arguments = _arguments(namespace)
    assert ("--deep" in arguments) == deep
    assert arguments[arguments.index("--known-fingerprint") + 1] == "f" * 64
    namespace.succeed()
    namespace.settle()
    shards = namespace.status.condition("ShardsComplete")
    assert shards is not None
    assert ("every byte" in shards.message) == deep


def test_a_look_that_a_person_asks_for_reads_no_source_that_nobody_has_touched() -> None:
    namespace = FakeNamespace()
    namespace.run_to_ready()
    namespace.requested_at = "look"
    namespace.settle()
    arguments = _arguments(namespace)
    assert arguments[arguments.index("--known-fingerprint") + 1] == "f" * 64
