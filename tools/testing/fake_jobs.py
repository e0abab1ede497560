"""Jobs in memory with a pod each, as the Job controller and a kubelet carry them from creation to their end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from shardwright_operator.api.names import SUSPENDED_LABEL
from shardwright_operator.decide.observed import Job, Pod
from tools.testing.fake_objects import pod


class FakeJobs:
    """The Jobs and pods of one resource, by name, and the clock."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.jobs: dict[str, Job] = {}
        self.bodies: dict[str, Mapping[str, Any]] = {}  # as they were created
        self.pods: dict[str, Pod] = {}
        self.created: list[str] = []  # names of Jobs, in order
        self.slow_to_delete = False  # deleted Jobs stay until `finish_deletions`

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        self.now += timedelta(seconds=seconds)

    def live_jobs(self) -> list[Job]:
        """Return the Jobs that have not finished."""
        return [job for job in self.jobs.values() if not job.finished]

    def create_job(self, body: Mapping[str, Any]) -> None:
        """Create a Job, unless there is one of its name."""
        name = body["metadata"]["name"]
        if name in self.jobs:
            return
        self.created.append(name)
        self.bodies[name] = body
        labels = body["metadata"]["labels"]
        suspended = bool(body["spec"].get("suspend"))
        self.jobs[name] = Job(name, f"uid-{len(self.created)}", self.now, True, labels, suspended=suspended)

    def suspend_job(self, name: str, uid: str, suspend: bool) -> None:
        """Suspend or resume a Job, unless it has been replaced, and mark it as suspended by the operator."""
        if not self._is(name, uid):
            return
        labels = {key: value for key, value in self.jobs[name].labels.items() if key != SUSPENDED_LABEL}
        mark = {SUSPENDED_LABEL: "true"} if suspend else {}
        self.jobs[name] = replace(self.jobs[name], suspended=suspend, labels={**labels, **mark})

    def delete_job(self, name: str, uid: str) -> None:
        """Start to delete a Job, unless it has been replaced."""
        if self._is(name, uid):
            self.jobs[name] = replace(self.jobs[name], deleting=True)

    def finish_deletions(self) -> None:
        """Remove the Jobs that are being deleted."""
        for job in [job for job in self.jobs.values() if job.deleting]:
            self.remove_job(job.name)

    def remove_job(self, name: str) -> None:
        """Remove a Job and its pod."""
        self.jobs.pop(name)
        self.pods.pop(name, None)

    def start_pod(self) -> Job:
        """Start the pod of the only live Job, unless it runs, and return the Job."""
        (job,) = self.live_jobs()
        job = self.jobs[job.name] = replace(job, suspended=False)  # a queue has admitted it, if there is one
        if job.name not in self.pods or self.pods[job.name].phase != "Running":
            self.pods[job.name] = replace(pod(job, self.now), phase="Running", started_at=self.now)
        return job

    def end_job(
        self, job: Job, code: int, message: str, condition: tuple[str, str] = ("PodFailurePolicy", ""), **facts: Any
    ) -> None:
        """End a Job's pod with an exit code and a termination message, and the Job with it.

        `condition`: reason and message of the condition Failed, unless the code is 0. `facts` replace
        fields of the pod.
        """
        ended = replace(self.pods[job.name], phase="Failed" if code else "Succeeded", exit_code=code)
        self.pods[job.name] = replace(ended, **{"termination_message": message, "finished_at": self.now, **facts})
        failed = condition if code else None
        self.jobs[job.name] = replace(job, complete=not code, failed=failed, finished_at=self.now)

    def _is(self, name: str, uid: str) -> bool:
        return name in self.jobs and self.jobs[name].uid == uid
