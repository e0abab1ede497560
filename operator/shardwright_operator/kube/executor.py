"""Carries out a plan: its actions in order, then the status, then the events; an error stops what follows it."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shardwright_operator.api.names import SUSPENDED
from shardwright_operator.api.status import Status
from shardwright_operator.decide.observed import Resource, Warning
from shardwright_operator.decide.plan import Action, CreateClaim, CreateJob, DeleteJob, Plan, SuspendJob
from shardwright_operator.kube.cache import Cache
from shardwright_operator.kube.cached_objects import Key
from shardwright_operator.kube.client import Client
from shardwright_operator.kube.errors import ApiError, Conflict, Invalid, NotFound, Unavailable
from shardwright_operator.kube.event_recorder import EventRecorder
from shardwright_operator.kube.kinds import CHECKPOINTS, CLAIMS, JOBS, Kind
from shardwright_operator.kube.notes import NotesStore
from shardwright_operator.kube.observer import Observation, Observer
from shardwright_operator.kube.responses import Raw
from shardwright_operator.kube.status_fallback import bare, without_words
from shardwright_operator.manifests.job import build_job
from shardwright_operator.manifests.output_claim import build_claim

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ExecutionResult:
    """What was carried out: names of the actions, whether status was written, and what the API server refused."""

    actions: tuple[str, ...] = ()
    wrote_status: bool = False
    rejected: str = ""


class Executor:
    """Carries out plans. Every write is guarded, so that a stale view, or a second leader, changes nothing."""

    def __init__(
        self,
        client: Client,
        cache: Cache,
        memory: NotesStore,
        observer: Observer,
        recorder: EventRecorder,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client, self._cache, self._memory = client, cache, memory
        self._observer, self._recorder, self._now = observer, recorder, now

    async def execute(self, sight: Observation, plan: Plan) -> ExecutionResult:
        """Do what the plan says. A refused action ends the actions, not the rest: status tells of it."""
        resource = sight.observed.resource
        done, refused = [], ""
        for action in plan.actions:
            if refused := await self._perform(resource, action):
                break
            done.append(type(action).__name__)
        wrote = plan.status != resource.status
        if wrote:
            plan = await self._write(sight, plan)
        if wrote or done:
            for event in plan.events:
                self._recorder.record(resource, event)
        return ExecutionResult(tuple(done), wrote, refused)

    async def _perform(self, resource: Resource, action: Action) -> str:
        """Do one action; gives the API server's words if it will not let us, now and at the next try."""
        match action:
            case CreateJob(request):
                return await self._create(resource, JOBS, build_job(request))
            case CreateClaim():
                return await self._create(resource, CLAIMS, build_claim(action))
            case DeleteJob(name, uid):
                await self._delete_job(resource, name, uid)
            case SuspendJob(name, uid, suspend):
                # The mark tells our own suspension from a queue's: only what bears it is ever resumed.
                mark = {SUSPENDED: "true" if suspend else None}
                body = {"metadata": {"uid": uid, "labels": mark}, "spec": {"suspend": suspend}}
                await self._guarded(resource, name, self._client.patch(JOBS, resource.namespace, name, body))
        return ""

    async def _create(self, resource: Resource, kind: Kind, body: Mapping[str, Any]) -> str:
        name, notes = body["metadata"]["name"], self._memory.of(Key(resource.namespace, resource.name))
        # Whatever a stale view says, or a leader that slept: a resource that is gone or has changed gets nothing.
        await self._observer.confirm(resource)
        try:
            raw = await self._client.create(kind, resource.namespace, body)
        except Conflict:
            if kind is JOBS:
                if await self._observer.look_at_job(resource, name) is None:
                    raise  # refused, and not since it exists: a quota that others use up at this moment says so too
            else:
                self._take(kind, await self._client.get(kind, resource.namespace, name))
            return ""
        except Unavailable:
            raise
        except ApiError as error:
            notes.refused[name] = Warning(kind.kind, name, "FailedCreate", error.message, self._now())
            return str(error)
        notes.refused.pop(name, None)
        self._take(kind, raw)
        return ""

    async def _delete_job(self, resource: Resource, name: str, uid: str) -> None:
        try:
            answer = await self._client.delete(JOBS, resource.namespace, name, uid)
        except NotFound:
            self._cache.remove(JOBS, Key(resource.namespace, name), uid)
            return
        except Conflict:
            await self._observer.look_at_job(resource, name)
            return
        if answer.get("kind") == "Job":
            self._take(JOBS, answer)
        else:
            self._cache.remove(JOBS, Key(resource.namespace, name), uid)

    async def _guarded(self, resource: Resource, name: str, call: Any) -> None:
        try:
            self._take(JOBS, await call)
        except (NotFound, Conflict):
            await self._observer.look_at_job(resource, name)

    async def _write(self, sight: Observation, plan: Plan) -> Plan:
        """Write the status, or one that the API server does not refuse; gives the plan whose status it is."""
        observed, now, resource = sight.observed, self._now(), sight.observed.resource
        try:
            await self._write_status(resource, plan.status)
            return plan
        except Invalid as error:
            log.error("%s", error, extra={"fields": {"resource": f"{resource.namespace}/{resource.name}"}})
            plan = without_words(now, self._observer.config, observed, error)
        try:
            await self._write_status(resource, plan.status)
            return plan
        except Invalid as error:
            await self._write_status(resource, bare(now, observed, plan.status, error))
            raise  # the same would come of it at once

    async def _write_status(self, resource: Resource, status: Status) -> None:
        guard = {"name": resource.name, "uid": resource.uid, "resourceVersion": resource.resource_version}
        body = {
            "apiVersion": CHECKPOINTS.api_version,
            "kind": CHECKPOINTS.kind,
            "metadata": guard,
            "status": _wire(status),
        }
        try:
            raw = await self._client.apply_status(CHECKPOINTS, resource.namespace, resource.name, body)
        except ApiError as error:
            # It may have taken effect, or somebody wrote before us: look before the next decision.
            if isinstance(error, Conflict | NotFound | Unavailable):
                self._memory.of(Key(resource.namespace, resource.name)).doubtful = True
            raise
        self._take(CHECKPOINTS, raw)

    def _take(self, kind: Kind, raw: Raw) -> None:
        if entry := self._cache.read(kind, raw):
            self._cache.put(kind, entry)


def _wire(status: Status) -> dict[str, Any]:
    try:
        return status.to_wire()
    except (ValueError, OverflowError) as error:
        raise Invalid(422, "Invalid", f"the status cannot be written: {error}", "apply status") from error
