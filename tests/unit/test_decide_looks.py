"""What a look at an artifact finds replaces what was believed of it, and every look that is promised is made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shardwright_worker.contract.reasons import Reason
from tools.testing.fake_namespace import FakeNamespace
from tools.testing.fake_objects import claim

HUB: dict[str, Any] = {"huggingFace": {"repo": "org/model", "revision": "main"}}
HOURLY = {"interval": "1h"}


def condition(namespace: FakeNamespace, type_: str) -> tuple[str, str, str]:
    """Status, reason and message of a condition."""
    found = namespace.status.condition(type_)
    assert found is not None
    return found.status, found.reason, found.message


def stages(namespace: FakeNamespace) -> list[str]:
    """Stages of the live Jobs."""
    return [job.labels["shardwright.io/stage"] for job in namespace.live_jobs()]


def arguments(namespace: FakeNamespace) -> list[str]:
    """What the one live Job was told."""
    (job,) = namespace.live_jobs()
    told: list[str] = namespace.bodies[job.name]["spec"]["template"]["spec"]["containers"][0]["args"]
    return told


@pytest.mark.parametrize(
    "edit",
    [
        {"source": {"huggingFace": {**HUB["huggingFace"], "tokenSecretRef": {"name": "new", "key": "token"}}}},
        {"source": {"huggingFace": {**HUB["huggingFace"], "revision": "r1"}}},
        {"output": {"persistentVolumeClaim": {"claimName": "shards"}, "maxFileSize": "5120Mi"}},
    ],
)
def test_an_edit_that_leads_to_the_same_artifact_believes_the_look_that_it_is_gone(edit: dict[str, Any]) -> None:
    namespace = FakeNamespace(source=HUB)
    namespace.run_to_ready()
    namespace.worker.published.clear()
    namespace.edit(**edit)
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    assert namespace.ready()[0] != "True"
    assert (namespace.status.artifact, namespace.status.serving) == (None, None)
    assert stages(namespace) == ["shard"]
    namespace.run_to_ready()


def test_damage_that_a_proof_meets_is_not_forgotten_when_the_proof_is_taken_back() -> None:
    namespace = FakeNamespace()
    namespace.run_to_ready()
    namespace.worker.published.clear()
    namespace.edit(verification="Generate")
    namespace.settle()
    namespace.fail(Reason.ARTIFACT_DAMAGED, "a part is gone")
    namespace.settle()
    assert (namespace.status.artifact, namespace.status.serving) == (None, None)
    namespace.edit(verification="Load")
    namespace.settle()
    assert namespace.ready()[0] != "True"
    assert stages(namespace) == ["shard"]


def test_damage_that_another_spec_meets_is_looked_at_when_the_spec_is_taken_back() -> None:
    namespace = FakeNamespace()
    namespace.run_to_ready()
    before = namespace.spec
    namespace.edit(output={"persistentVolumeClaim": {"claimName": "shards"}, "maxFileSize": "5120Mi"})
    namespace.settle()
    namespace.fail(Reason.ARTIFACT_DAMAGED, "something else has its place")
    namespace.settle()
    assert namespace.ready() == ("False", Reason.ARTIFACT_DAMAGED)
    namespace.worker.published.clear()
    namespace.edit(**before)
    namespace.settle()
    assert stages(namespace) == ["prepare"]
    namespace.succeed()
    namespace.settle()
    assert namespace.ready()[0] != "True"


@pytest.mark.parametrize("stage", ["prepare", "shard"])
def test_a_foreign_folder_in_the_way_is_looked_at_again_and_nothing_spins(stage: str) -> None:
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


def test_a_source_that_is_gone_does_not_keep_its_artifact_from_being_looked_at() -> None:
    namespace = FakeNamespace(recheck=HOURLY)
    namespace.run_to_ready()
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
def test_trouble_in_looking_after_an_artifact_shows_in_its_condition(reason: Reason, type_: str) -> None:
    namespace = FakeNamespace(recheck=HOURLY)
    namespace.run_to_ready()
    namespace.advance(3601)
    namespace.settle()
    namespace.fail(reason, "it gives no answer")
    namespace.settle()
    assert namespace.ready() == ("True", "Succeeded")
    assert condition(namespace, type_)[:2] == ("False", reason)


def test_a_source_claim_that_is_missing_is_not_the_output_claim() -> None:
    namespace = FakeNamespace()
    namespace.claims["models"] = None
    namespace.settle()
    assert namespace.ready() == ("False", Reason.VOLUME_NOT_FOUND)
    assert condition(namespace, "SourceReady")[:2] == ("False", Reason.VOLUME_NOT_FOUND)
    assert condition(namespace, "VolumeReady")[0] != "False"


def test_a_suspended_resource_creates_no_claim_and_says_that_it_is_suspended() -> None:
    output = {"persistentVolumeClaim": {"claimName": "new", "create": {"size": "1Gi"}}}
    namespace = FakeNamespace(suspend=True, output=output)
    namespace.settle()
    assert "new" not in namespace.claims
    assert namespace.ready() == ("Unknown", Reason.SUSPENDED)


@pytest.mark.parametrize("create", [{"size": "1Gi", "whenDeleted": "Retain"}, None])
def test_a_claim_that_goes_against_the_specs_word_is_told(create: dict[str, str] | None) -> None:
    given = {"claimName": "shards"} | ({"create": create} if create else {})
    namespace = FakeNamespace(output={"persistentVolumeClaim": given})
    namespace.claims["shards"] = claim("shards", owners=(("llama", "uid-1"),))
    namespace.run_to_ready()
    assert "is deleted together with this resource" in condition(namespace, "VolumeReady")[2]


def test_a_source_that_goes_with_another_resource_is_told() -> None:
    namespace = FakeNamespace()
    namespace.claims["models"] = claim("models", owners=(("other", "uid-9"),))
    namespace.run_to_ready()
    assert "models is deleted together with the ShardedCheckpoint other" in condition(namespace, "SourceReady")[2]
    namespace.claims["models"] = claim("models")
    namespace.settle()
    assert "deleted" not in condition(namespace, "SourceReady")[2]


def test_a_job_that_removes_artifacts_reads_none_of_them() -> None:
    namespace = FakeNamespace(
        recheck={**HOURLY, "deep": True}, output={"persistentVolumeClaim": {"claimName": "shards"}, "historyLimit": 1}
    )
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    assert "--history-limit" in arguments(namespace)
    assert "--deep" not in arguments(namespace)
    namespace.run_to_ready()
    namespace.advance(3601)
    namespace.settle()
    assert "--deep" in arguments(namespace)


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_level_that_is_raised_while_a_job_runs_is_no_failure_of_that_job(attempts: int) -> None:
    namespace = FakeNamespace(job={"maxAttempts": attempts})
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    namespace.start_job()
    namespace.settle()
    asked = arguments(namespace)
    namespace.edit(verification="Generate")
    namespace.settle()
    assert arguments(namespace) == asked
    namespace.worker.verified_by = "Load"
    namespace.succeed()
    namespace.worker.verified_by = ""
    namespace.settle()
    assert namespace.status.last_failure is None
    assert namespace.status.failed_attempts == []
    assert stages(namespace) == ["shard"]
    namespace.run_to_ready()
    assert namespace.status.artifact
    assert namespace.status.artifact.verified_by == "Generate"


def test_the_last_attempt_may_have_published_before_its_deadline() -> None:
    namespace = FakeNamespace(job={"maxAttempts": 1})
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    job = namespace.start_job()
    namespace.settle()
    namespace._report(job)  # it publishes, and says no more
    namespace.pods.pop(job.name)
    namespace.jobs[job.name] = replace(
        namespace.jobs[job.name], failed=("DeadlineExceeded", ""), finished_at=namespace.now
    )
    namespace.settle()
    assert stages(namespace) == ["prepare"]
    namespace.succeed()
    namespace.settle()
    assert namespace.ready() == ("True", "Succeeded")


def test_the_last_attempt_that_has_not_published_is_the_last() -> None:
    namespace = FakeNamespace(job={"maxAttempts": 1})
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    namespace.exit_without_report(137)
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    assert namespace.ready() == ("False", Reason.ATTEMPTS_EXHAUSTED)
    assert not namespace.live_jobs()


def test_an_image_that_cannot_be_pulled_does_not_hold_accelerators_for_ever() -> None:
    namespace = FakeNamespace(job={"maxAttempts": 2})
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    for _ in range(2):
        (job,) = namespace.live_jobs()
        waiting = ("ImagePullBackOff", 'Back-off pulling image "registry/typo:1"')
        namespace.start_job()
        namespace.pods[job.name] = replace(namespace.pods[job.name], phase="Pending", started_at=None, waiting=waiting)
        namespace.settle()
        assert namespace.ready() == ("False", Reason.IMAGE_PULL_FAILED)
        namespace.advance(7200)
        namespace.pods.pop(job.name)  # as the Job controller deletes it
        namespace.jobs[job.name] = replace(job, failed=("DeadlineExceeded", ""), finished_at=namespace.now)
        namespace.settle()
        namespace.advance(1000)
        namespace.settle()
    assert namespace.ready() == ("False", Reason.ATTEMPTS_EXHAUSTED)
    assert "typo:1" in namespace.message()
    assert not namespace.live_jobs()


def adopted() -> FakeNamespace:
    """A resource that has found the artifact of an earlier one, and has fetched nothing."""
    earlier = FakeNamespace(source=HUB)
    earlier.run_to_ready()
    namespace = FakeNamespace(source=HUB)
    namespace.uid, namespace.worker = "uid-2", earlier.worker
    namespace.settle()
    report = namespace._report(namespace.start_job())
    assert report.source
    namespace.succeed(source=report.source.model_copy(update={"fingerprint": "", "volume": "output"}))
    namespace.settle()
    assert namespace.ready() == ("True", "Succeeded")
    assert len(namespace.created) == 1
    return namespace


def test_a_proof_that_needs_a_source_fetches_it_before_accelerators_are_taken() -> None:
    namespace = adopted()
    namespace.edit(verification="Generate")
    namespace.settle()
    assert stages(namespace) == ["prepare"]
    told = arguments(namespace)
    assert told[told.index("--verification") + 1] == "generate"
    assert told[told.index("--revision") + 1] == "r1", "the commit that it was made from"
    report = namespace._report(namespace.start_job())
    assert report.source
    namespace.succeed(
        source=report.source.model_copy(update={"fingerprint": ""})
    )  # even if the worker cannot vouch for it
    namespace.settle()
    assert stages(namespace) == ["shard"]
    namespace.run_to_ready()
    assert [name.split("-")[1] for name in namespace.created] == ["prepare", "prepare", "shard"]


def test_a_fetched_source_that_somebody_removed_is_fetched_again() -> None:
    namespace = FakeNamespace(source=HUB)
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    namespace.fail(Reason.SOURCE_NOT_FOUND, "--source /output/.sources/x is no local directory")
    namespace.settle()
    assert namespace.status.last_failure
    assert namespace.status.last_failure.reason == Reason.SOURCE_CHANGED
    namespace.advance(1000)
    namespace.settle()
    assert stages(namespace) == ["prepare"]
    namespace.run_to_ready()
