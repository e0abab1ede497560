"""What a look at an artifact finds replaces what was believed of it, and every look that is promised is made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shardwright_worker.contract.reasons import Reason
from tools.testing.imagined import Imagined, claim

HUB: dict[str, Any] = {"huggingFace": {"repo": "org/model", "revision": "main"}}
HOURLY = {"interval": "1h"}


def condition(world: Imagined, type_: str) -> tuple[str, str, str]:
    """Status, reason and message of a condition."""
    found = world.status.condition(type_)
    assert found is not None
    return found.status, found.reason, found.message


def stages(world: Imagined) -> list[str]:
    """Stages of the live Jobs."""
    return [job.labels["shardwright.io/stage"] for job in world.live()]


def arguments(world: Imagined) -> list[str]:
    """What the one live Job was told."""
    (job,) = world.live()
    told: list[str] = world.bodies[job.name]["spec"]["template"]["spec"]["containers"][0]["args"]
    return told


@pytest.mark.parametrize(
    "edit",
    [
        {"source": {"huggingFace": {**HUB["huggingFace"], "tokenSecretRef": {"name": "new", "key": "token"}}}},
        {"source": {"huggingFace": {**HUB["huggingFace"], "revision": "r1"}}},
        {"output": {"persistentVolumeClaim": {"claimName": "shards"}, "maxShardSize": "5120Mi"}},
    ],
)
def test_an_edit_that_leads_to_the_same_artifact_believes_the_look_that_it_is_gone(edit: dict[str, Any]) -> None:
    world = Imagined(source=HUB)
    world.to_ready()
    world.published.clear()
    world.edit(**edit)
    world.settle()
    world.succeed()
    world.settle()
    assert world.ready()[0] != "True"
    assert (world.status.artifact, world.status.serving) == (None, None)
    assert stages(world) == ["shard"]
    world.to_ready()


def test_damage_that_a_proof_meets_is_not_forgotten_when_the_proof_is_taken_back() -> None:
    world = Imagined()
    world.to_ready()
    world.published.clear()
    world.edit(verification="Generate")
    world.settle()
    world.fail(Reason.ARTIFACT_DAMAGED, "a part is gone")
    world.settle()
    assert (world.status.artifact, world.status.serving) == (None, None)
    world.edit(verification="Load")
    world.settle()
    assert world.ready()[0] != "True"
    assert stages(world) == ["shard"]


def test_damage_that_another_spec_meets_is_looked_at_when_the_spec_is_taken_back() -> None:
    world = Imagined()
    world.to_ready()
    before = world.spec
    world.edit(output={"persistentVolumeClaim": {"claimName": "shards"}, "maxShardSize": "5120Mi"})
    world.settle()
    world.fail(Reason.ARTIFACT_DAMAGED, "something else has its place")
    world.settle()
    assert world.ready() == ("False", Reason.ARTIFACT_DAMAGED)
    world.published.clear()
    world.edit(**before)
    world.settle()
    assert stages(world) == ["prepare"]
    world.succeed()
    world.settle()
    assert world.ready()[0] != "True"


@pytest.mark.parametrize("stage", ["prepare", "shard"])
def test_a_foreign_folder_in_the_way_is_looked_at_again_and_nothing_spins(stage: str) -> None:
    world = Imagined(recheck=HOURLY)
    world.settle()
    if stage == "shard":
        world.succeed()
        world.settle()
    world.fail(Reason.ARTIFACT_DAMAGED, "something else has its place")
    pause = world.settle().requeue_after
    assert pause is not None
    assert 3500 < pause <= 3600
    assert not world.live()
    for _ in range(3):
        world.later(3600)
        world.settle()
        assert stages(world) == ["prepare"]
        world.fail(Reason.ARTIFACT_DAMAGED, "something else has its place")
        pause = world.settle().requeue_after
        assert pause is not None
        assert 3500 < pause <= 3600
        assert world.ready() == ("False", Reason.ARTIFACT_DAMAGED)


def test_a_source_that_is_gone_does_not_keep_its_artifact_from_being_looked_at() -> None:
    world = Imagined(recheck=HOURLY)
    world.to_ready()
    world.claims["models"] = None
    world.later(3601)
    world.settle()
    volumes = world.bodies[world.live()[0].name]["spec"]["template"]["spec"]["volumes"]
    assert "source" not in [one["name"] for one in volumes], "its pod would never start"
    world.succeed()
    world.settle()
    assert world.ready() == ("True", "Succeeded")
    assert "could not be looked at" in world.status.upkeep["sourceChanged"]
    assert world.status.artifact
    assert world.status.artifact.checked_at == world.now
    world.published.clear()
    world.later(3601)
    world.settle()
    world.succeed()
    world.settle()
    assert world.ready() == ("False", Reason.ARTIFACT_DAMAGED)
    assert world.status.serving is None


@pytest.mark.parametrize(
    ("reason", "type_"),
    [(Reason.VOLUME_UNAVAILABLE, "VolumeReady"), (Reason.SOURCE_UNREADABLE, "SourceReady")],
)
def test_trouble_in_looking_after_an_artifact_shows_in_its_condition(reason: Reason, type_: str) -> None:
    world = Imagined(recheck=HOURLY)
    world.to_ready()
    world.later(3601)
    world.settle()
    world.fail(reason, "it gives no answer")
    world.settle()
    assert world.ready() == ("True", "Succeeded")
    assert condition(world, type_)[:2] == ("False", reason)


def test_a_source_claim_that_is_missing_is_not_the_output_claim() -> None:
    world = Imagined()
    world.claims["models"] = None
    world.settle()
    assert world.ready() == ("False", Reason.VOLUME_NOT_FOUND)
    assert condition(world, "SourceReady")[:2] == ("False", Reason.VOLUME_NOT_FOUND)
    assert condition(world, "VolumeReady")[0] != "False"


def test_a_suspended_resource_creates_no_claim_and_says_that_it_is_suspended() -> None:
    output = {"persistentVolumeClaim": {"claimName": "new", "create": {"size": "1Gi"}}}
    world = Imagined(suspend=True, output=output)
    world.settle()
    assert "new" not in world.claims
    assert world.ready() == ("Unknown", Reason.SUSPENDED)


@pytest.mark.parametrize("create", [{"size": "1Gi", "whenDeleted": "Retain"}, None])
def test_a_claim_that_goes_against_the_specs_word_is_told(create: dict[str, str] | None) -> None:
    given = {"claimName": "shards"} | ({"create": create} if create else {})
    world = Imagined(output={"persistentVolumeClaim": given})
    world.claims["shards"] = claim("shards", owned=True, owners=(("llama", "uid-1"),))
    world.to_ready()
    assert "is deleted together with this resource" in condition(world, "VolumeReady")[2]


def test_a_source_that_goes_with_another_resource_is_told() -> None:
    world = Imagined()
    world.claims["models"] = claim("models", owners=(("other", "uid-9"),))
    world.to_ready()
    assert "models is deleted together with the ShardedCheckpoint other" in condition(world, "SourceReady")[2]
    world.claims["models"] = claim("models")
    world.settle()
    assert "deleted" not in condition(world, "SourceReady")[2]


def test_a_job_that_removes_artifacts_reads_none_of_them() -> None:
    world = Imagined(
        recheck={**HOURLY, "deep": True}, output={"persistentVolumeClaim": {"claimName": "shards"}, "keep": 1}
    )
    world.settle()
    world.succeed()
    world.settle()
    world.succeed()
    world.settle()
    assert "--keep" in arguments(world)
    assert "--deep" not in arguments(world)
    world.to_ready()
    world.later(3601)
    world.settle()
    assert "--deep" in arguments(world)


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_level_that_is_raised_while_a_job_runs_is_no_failure_of_that_job(attempts: int) -> None:
    world = Imagined(job={"maxAttempts": attempts})
    world.settle()
    world.succeed()
    world.settle()
    world.running()
    world.settle()
    asked = arguments(world)
    world.edit(verification="Generate")
    world.settle()
    assert arguments(world) == asked
    world.verified_by = "Load"
    world.succeed()
    world.verified_by = ""
    world.settle()
    assert world.status.last_failure is None
    assert world.status.attempts == []
    assert stages(world) == ["shard"]
    world.to_ready()
    assert world.status.artifact
    assert world.status.artifact.verified_by == "Generate"


def test_the_last_attempt_may_have_published_before_its_deadline() -> None:
    world = Imagined(job={"maxAttempts": 1})
    world.settle()
    world.succeed()
    world.settle()
    job = world.running()
    world.settle()
    world._report(job)  # it publishes, and says no more
    world.pods.pop(job.name)
    world.jobs[job.name] = replace(world.jobs[job.name], failed=("DeadlineExceeded", ""), finished_at=world.now)
    world.settle()
    assert stages(world) == ["prepare"]
    world.succeed()
    world.settle()
    assert world.ready() == ("True", "Succeeded")


def test_the_last_attempt_that_has_not_published_is_the_last() -> None:
    world = Imagined(job={"maxAttempts": 1})
    world.settle()
    world.succeed()
    world.settle()
    world.die(137)
    world.settle()
    world.succeed()
    world.settle()
    assert world.ready() == ("False", Reason.ATTEMPTS_EXHAUSTED)
    assert not world.live()


def test_an_image_that_cannot_be_pulled_does_not_hold_accelerators_for_ever() -> None:
    world = Imagined(job={"maxAttempts": 2})
    world.settle()
    world.succeed()
    world.settle()
    for _ in range(2):
        (job,) = world.live()
        waiting = ("ImagePullBackOff", 'Back-off pulling image "registry/typo:1"')
        world.running()
        world.pods[job.name] = replace(world.pods[job.name], phase="Pending", started_at=None, waiting=waiting)
        world.settle()
        assert world.ready() == ("False", Reason.IMAGE_PULL_FAILED)
        world.later(7200)
        world.pods.pop(job.name)  # as the Job controller deletes it
        world.jobs[job.name] = replace(job, failed=("DeadlineExceeded", ""), finished_at=world.now)
        world.settle()
        world.later(1000)
        world.settle()
    assert world.ready() == ("False", Reason.ATTEMPTS_EXHAUSTED)
    assert "typo:1" in world.message()
    assert not world.live()


def adopted() -> Imagined:
    """A resource that has found the artifact of an earlier one, and has fetched nothing."""
    earlier = Imagined(source=HUB)
    earlier.to_ready()
    world = Imagined(source=HUB)
    world.uid, world.published, world.levels = "uid-2", {*earlier.published}, {**earlier.levels}
    world.settle()
    report = world._report(world.running())
    assert report.source
    world.succeed(source=report.source.model_copy(update={"fingerprint": "", "volume": "output"}))
    world.settle()
    assert world.ready() == ("True", "Succeeded")
    assert len(world.created) == 1
    return world


def test_a_proof_that_needs_a_source_fetches_it_before_accelerators_are_taken() -> None:
    world = adopted()
    world.edit(verification="Generate")
    world.settle()
    assert stages(world) == ["prepare"]
    told = arguments(world)
    assert told[told.index("--verification") + 1] == "generate"
    assert told[told.index("--revision") + 1] == "r1", "the commit that it was made from"
    report = world._report(world.running())
    assert report.source
    world.succeed(source=report.source.model_copy(update={"fingerprint": ""}))  # even if the worker cannot vouch for it
    world.settle()
    assert stages(world) == ["shard"]
    world.to_ready()
    assert [name.split("-")[1] for name in world.created] == ["prepare", "prepare", "shard"]


def test_a_fetched_source_that_somebody_removed_is_fetched_again() -> None:
    world = Imagined(source=HUB)
    world.settle()
    world.succeed()
    world.settle()
    world.fail(Reason.SOURCE_NOT_FOUND, "--source /output/.sources/x is no local directory")
    world.settle()
    assert world.status.last_failure
    assert world.status.last_failure.reason == Reason.SOURCE_CHANGED
    world.later(1000)
    world.settle()
    assert stages(world) == ["prepare"]
    world.to_ready()
