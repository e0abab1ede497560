"""Jobs that a queue suspends and resumes, and a source that changes while a Job is in the queue."""

from __future__ import annotations

from tools.cluster.description import Description
from tools.testing.checkpoints import Checkpoint, create
from tools.testing.kubectl import Kubectl, wait_for
from tools.testing.model_upload import upload_models
from tools.testing.pod_runs import run_script


def _admit(checkpoint: Checkpoint, stage: str, number: int = 1) -> None:
    """Resume the stage's Job of this number, as its queue does when it admits it."""
    job = wait_for(lambda: checkpoint.jobs(stage)[number - 1 :], bool, f"{stage} Job {number}", 600)[0]
    patch = '--patch={"spec":{"suspend":false}}'
    checkpoint.kubectl.run("patch", "job", job["metadata"]["name"], "--type=merge", patch)


def test_a_job_stays_suspended_until_its_queue_admits_it(created: None, kubectl: Kubectl) -> None:
    spec = {"tensor_parallel_size": 1, "verification": "Digests", "suspend": True}
    checkpoint = create(kubectl, "default-queue", **spec)
    checkpoint.wait_reason("Suspended", "")
    checkpoint.patch(suspend=False, job={"queueName": "cluster-default"})
    wait_for(lambda: checkpoint.jobs("prepare"), bool, "a prepare Job")
    checkpoint.wait_reason("Queued", "cluster-default")
    _admit(checkpoint, "prepare")
    shard = wait_for(lambda: checkpoint.jobs("shard"), bool, "a shard Job", 600)[0]
    assert shard["spec"]["suspend"] is True
    checkpoint.delete()


def test_a_source_that_changes_between_the_stages_is_not_published_under_the_old_digest(
    created: None, kubectl: Kubectl, cluster: Description
) -> None:
    image = cluster.images["worker-prepare"]
    upload_models(kubectl, "models", image, {"changing": ""})
    checkpoint = create(
        kubectl, "source-changes", path="changing", tensor_parallel_size=1, job={"queueName": "by-hand"}
    )
    checkpoint.wait_reason("Queued", "by-hand")
    _admit(checkpoint, "prepare")
    before = wait_for(lambda: checkpoint.status.get("source"), bool, "the source")
    wait_for(lambda: checkpoint.jobs("shard"), bool, "a shard Job in the queue")
    # Change the last byte; the size stays the same.
    change = "p=/models/changing/model-00002-of-00002.safetensors; s=$(stat -c %s $p); "
    change += "printf x | dd of=$p bs=1 seek=$((s-1)) conv=notrunc 2>/dev/null; test $(stat -c %s $p) = $s"
    run_script(kubectl, "models", image, change)
    _admit(checkpoint, "shard", 1)
    checkpoint.wait_reason("SourceChanged", "changed")
    _admit(checkpoint, "prepare", 2)
    _admit(checkpoint, "shard", 2)
    status = checkpoint.wait_ready()["status"]
    assert status["source"]["digest"] != before["digest"]
    assert status["artifact"]["sourceRevision"] == status["source"]["digest"]
    checkpoint.delete()
