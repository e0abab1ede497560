"""The way through: claims, prepare, shard, Ready; and what of it is never done twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shardwright_operator.api.status import Status
from shardwright_operator.decide.observed import Job
from shardwright_operator.decide.plan import CreateJob
from shardwright_worker.contract.reasons import Reason
from tools.testing.imagined import Imagined, claim


def test_two_jobs_lead_to_ready() -> None:
    world = Imagined()
    world.to_ready()
    stages = [world.bodies[name]["metadata"]["labels"]["shardwright.io/stage"] for name in world.created]
    assert stages == ["prepare", "shard"]
    assert world.status.artifact is not None
    assert world.status.serving is not None
    assert world.status.serving.args[:4] == [
        "--model",
        f"/models/{world.status.artifact.path}",
        "--load-format",
        "sharded_state",
    ]
    assert world.outcomes() == [("Normal", "Succeeded")]


def test_the_attempt_number_is_written_before_its_job_is_created() -> None:
    world = Imagined()
    plan = world.step()
    assert not plan.actions
    assert world.status.job is not None
    (action,) = world.step().actions
    assert isinstance(action, CreateJob)
    assert action.body["metadata"]["name"] == world.status.job.name
    assert action.body["metadata"]["labels"]["shardwright.io/attempt"] == str(world.status.attempt) == "1"


def test_a_wiped_status_comes_back_without_a_shard_job() -> None:
    world = Imagined()
    world.to_ready()
    before = world.status
    world.status = Status()
    world.to_ready()
    assert [name.split("-")[1] for name in world.created] == ["prepare", "shard", "prepare"]
    assert world.status.artifact is not None
    assert before.artifact is not None
    assert world.status.artifact.key == before.artifact.key
    assert world.status.attempt > before.attempt


def test_a_wiped_status_adopts_the_job_that_runs() -> None:
    world = Imagined()
    world.settle()
    world.succeed()
    world.settle()
    job = world.running()
    world.status = world.status.model_copy(update={"job": None})
    world.settle()
    assert world.status.job is not None
    assert world.status.job.name == job.name
    assert world.live() == [job]


def test_a_foreign_job_of_our_name_is_a_conflict_until_it_goes() -> None:
    world = Imagined()
    world.step()
    assert world.status.job is not None
    name = world.status.job.name
    world.jobs[name] = Job(name, "other", world.now, False, {})
    world.settle()
    assert world.ready() == ("False", "NameConflict")
    del world.jobs[name]
    world.to_ready()


def test_a_claim_that_was_replaced_is_another_claim() -> None:
    world = Imagined()
    world.to_ready()
    world.claims["shards"] = claim("shards", uid="another")
    world.published.clear()
    world.settle()
    assert world.ready() == ("Unknown", "Progressing")
    world.to_ready()
    assert world.status.artifact is not None
    assert world.status.artifact.claim_uid == "another"


def test_a_claim_replaced_under_a_running_job_is_never_ready_by_it() -> None:
    world = Imagined()
    world.settle()
    world.succeed()
    world.settle()
    world.claims["shards"] = claim("shards", uid="another")
    world.succeed()
    world.settle()
    assert world.ready()[0] != "True"


def test_a_changed_engine_builds_beside_the_old_artifact() -> None:
    world = Imagined()
    world.to_ready()
    old = world.status.artifact
    world.edit(engine={"tensorParallelSize": 4})
    world.settle()
    assert world.status.artifact == old
    assert world.ready() == ("Unknown", "Progressing")
    assert "stays published" in world.message()
    world.to_ready()
    assert world.status.artifact is not None
    assert old is not None
    assert world.status.artifact.key != old.key


def test_the_old_artifact_is_named_while_the_new_one_fails() -> None:
    world = Imagined()
    world.to_ready()
    world.edit(engine={"tensorParallelSize": 3})
    world.settle()
    world.fail(Reason.INVALID_ENGINE_ARGUMENTS, "heads must be divisible by 3")
    world.settle()
    assert world.ready() == ("False", "InvalidEngineArguments")
    assert "stays published" in world.message()
    world.edit(engine={"tensorParallelSize": 2})
    world.settle()
    assert world.ready() == ("True", "Succeeded")


@pytest.mark.parametrize("part", [{"verification": "Digests"}, {"job": {"maxAttempts": 7, "deadline": "3h"}}])
def test_what_does_not_decide_bytes_rebuilds_nothing(part: dict[str, object]) -> None:
    world = Imagined()
    world.to_ready()
    world.edit(**part)
    world.settle()
    assert world.ready() == ("True", "Succeeded")
    assert len(world.created) == 2


def test_a_newer_operator_rebuilds_nothing() -> None:
    world = Imagined()
    world.to_ready()
    world.config = replace(world.config, engine_image="engine:2", prepare_image="prepare:2")
    world.settle()
    assert len(world.created) == 2
    assert world.ready() == ("True", "Succeeded")


def test_job_fields_replace_a_job_that_has_not_started() -> None:
    world = Imagined()
    world.settle()
    (waiting,) = world.live()
    world.edit(job={"nodeSelector": {"pool": "gpu"}})
    world.settle()
    (other,) = world.live()
    assert other.name != waiting.name
    world.running()
    world.edit(job={"nodeSelector": {"pool": "other"}})
    world.settle()
    assert [job.name for job in world.live()] == [other.name]


def test_changed_inputs_stop_the_job_that_runs_before_another_starts() -> None:
    world = Imagined()
    world.settle()
    old = world.running()
    world.edit(engine={"tensorParallelSize": 4})
    world.settle()
    (new,) = world.live()
    assert new.name != old.name


def test_a_request_on_a_ready_resource_resolves_the_source_again() -> None:
    world = Imagined()
    world.to_ready()
    world.requested_at = "now"
    world.settle()
    assert world.ready() == ("True", "Succeeded")
    (job,) = world.live()
    assert job.labels["shardwright.io/stage"] == "prepare"
    world.revision = "r2"
    world.succeed()
    world.settle()
    (job,) = world.live()
    assert job.labels["shardwright.io/stage"] == "shard"
    world.to_ready()
    assert world.status.last_handled_reconcile_at == "now"


def test_suspend_stops_before_the_next_job_and_suspends_one_that_waits() -> None:
    world = Imagined()
    world.settle()
    world.edit(suspend=True)
    world.settle()
    (job,) = world.live()
    assert job.suspended
    assert world.ready() == ("Unknown", "Suspended")
    world.edit(suspend=False)
    world.settle()
    (job,) = world.live()
    assert not job.suspended
    world.succeed()
    world.edit(suspend=True)
    world.settle()
    assert not world.live()
    world.edit(suspend=False)
    world.to_ready()


def test_a_resource_that_is_born_suspended_starts_nothing() -> None:
    world = Imagined(suspend=True)
    world.settle()
    assert world.ready() == ("Unknown", "Suspended")
    assert not world.created


def test_a_queue_decides_when_the_shard_job_starts() -> None:
    world = Imagined(job={"queueName": "gpus"})
    world.settle()
    world.succeed()
    world.settle()
    (job,) = world.live()
    assert job.suspended
    assert job.labels["kueue.x-k8s.io/queue-name"] == "gpus"
    assert world.ready() == ("Unknown", "Queued")
    world.jobs[job.name] = replace(job, suspended=False)
    world.to_ready()


def test_a_claim_is_created_where_the_spec_asks_for_it() -> None:
    create = {"size": "5Gi", "storageClassName": "fast"}
    world = Imagined(output={"persistentVolumeClaim": {"claimName": "new", "create": create}})
    world.to_ready()
    assert world.claims["new"] is not None
