"""Executes a plan: its actions in order, then the status, then the Events; an error stops what follows it."""

import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shardwright_operator.api.names import SUSPENDED_LABEL
from shardwright_operator.api.status import Status
from shardwright_operator.decide.observed import Config, Observed, ObservedEvent, Resource
from shardwright_operator.decide.plan import Action, CreateClaim, CreateJob, DeleteJob, Plan, SuspendJob
from shardwright_operator.kube.cache import Cache
from shardwright_operator.kube.cached_objects import Key
from shardwright_operator.kube.client import Client
from shardwright_operator.kube.errors import ApiError, Conflict, Invalid, NotFound, Unavailable
from shardwright_operator.kube.event_recorder import EventRecorder
from shardwright_operator.kube.kinds import CHECKPOINTS, CLAIMS, JOBS, Kind
from shardwright_operator.kube.live_reads import LiveReads
from shardwright_operator.kube.notes import NotesStore
from shardwright_operator.kube.responses import Raw
from shardwright_operator.kube.status_fallback import minimal_status, plan_without_reports
from shardwright_operator.manifests.job import build_job
from shardwright_operator.manifests.output_claim import build_claim

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ExecutionResult:
    """What was executed: the names of the actions, whether status was written, and what the API server rejected."""

    actions: tuple[str, ...] = ()
    wrote_status: bool = False
    rejected: str = ""


class Executor:
    """Executes plans. Every write names a uid or resourceVersion, so that one from a stale observation has no effect.

    https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
    """

    def __init__(
        self,
        client: Client,
        cache: Cache,
        notes: NotesStore,
        config: Config,
        recorder: EventRecorder,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client, self._cache, self._notes, self._config = client, cache, notes, config
        self._live = LiveReads(client, cache, notes)
        self._recorder, self._now = recorder, now

    async def execute(self, observed: Observed, plan: Plan) -> ExecutionResult:
        """Execute a plan. A rejected action ends the actions, but not the rest: the status reports it.

        Raises:
            Conflict: the observation was stale: the resource has changed or is gone.
            Invalid: the status was rejected, and only a minimal one was written.
            ApiError: another call failed.
        """
        resource = observed.resource
        done, rejected = [], ""
        for action in plan.actions:
            if rejected := await self._perform(resource, action):
                break
            done.append(type(action).__name__)
        wrote = plan.status != resource.status
        if wrote:
            plan = await self._write(observed, plan)
        # Without a write nothing has changed since the last time, and the Events were recorded then.
        if wrote or done:
            for event in plan.events:
                self._recorder.record(resource, event)
        return ExecutionResult(tuple(done), wrote, rejected)

    async def _perform(self, resource: Resource, action: Action) -> str:
        """Perform one action, and return the API server's message if it rejects it now and at the next try."""
        match action:
            case CreateJob(request):
                return await self._create(resource, JOBS, build_job(request))
            case CreateClaim():
                return await self._create(resource, CLAIMS, build_claim(action))
            case DeleteJob(name, uid):
                await self._delete_job(resource, name, uid)
            case SuspendJob(name, uid, suspend):
                # The label marks the operator's own suspensions, unlike a queue's: only a Job with it is ever resumed.
                label = {SUSPENDED_LABEL: "true" if suspend else None}
                body = {"metadata": {"uid": uid, "labels": label}, "spec": {"suspend": suspend}}
                await self._update(resource, name, self._client.patch(JOBS, resource.namespace, name, body))
        return ""

    async def _create(self, resource: Resource, kind: Kind, body: Mapping[str, Any]) -> str:
        name, notes = body["metadata"]["name"], self._notes.of(Key(resource.namespace, resource.name))
        # POST has no precondition on the owner. Without this a stale cache, or a leader that was suspended, would
        # create a child of a resource that is gone or has changed.
        await self._live.confirm_unchanged(resource)
        try:
            raw = await self._client.create(kind, resource.namespace, body)
        except Conflict:
            if kind is JOBS:
                if await self._live.job(resource, name) is None:
                    raise  # it does not exist: a quota that another client is using up responds with 409 too
            else:
                self._store(kind, await self._client.get(kind, resource.namespace, name))
            return ""
        except Unavailable:
            raise
        except ApiError as error:
            notes.rejected[name] = ObservedEvent(kind.kind, name, "FailedCreate", error.message, self._now())
            return str(error)
        notes.rejected.pop(name, None)
        self._store(kind, raw)
        return ""

    async def _delete_job(self, resource: Resource, name: str, uid: str) -> None:
        try:
            response = await self._client.delete(JOBS, resource.namespace, name, uid)
        except NotFound:
            self._cache.remove(JOBS, Key(resource.namespace, name), uid)
            return
        except Conflict:
            await self._live.job(resource, name)
            return
        # The Job itself while finalizers keep it, a Status once it is gone.
        if response.get("kind") == "Job":
            self._store(JOBS, response)
        else:
            self._cache.remove(JOBS, Key(resource.namespace, name), uid)

    async def _update(self, resource: Resource, name: str, call: Coroutine[Any, Any, Raw]) -> None:
        try:
            self._store(JOBS, await call)
        except (NotFound, Conflict):
            await self._live.job(resource, name)

    async def _write(self, observed: Observed, plan: Plan) -> Plan:
        """Write the plan's status, or one that the API server accepts, and return the plan with that status."""
        now, resource = self._now(), observed.resource
        try:
            await self._write_status(resource, plan.status)
            return plan
        except Invalid as error:
            log.error("%s", error, extra={"fields": {"resource": f"{resource.namespace}/{resource.name}"}})
            plan = plan_without_reports(now, self._config, observed, error)
        try:
            await self._write_status(resource, plan.status)
            return plan
        except Invalid as error:
            await self._write_status(resource, minimal_status(now, observed, plan.status, error))
            raise  # with backoff: the next decision would be rejected too

    async def _write_status(self, resource: Resource, status: Status) -> None:
        body = {
            "apiVersion": CHECKPOINTS.api_version,
            "kind": CHECKPOINTS.kind,
            "metadata": {"name": resource.name, "uid": resource.uid, "resourceVersion": resource.resource_version},
            "status": _wire(status),
        }
        try:
            raw = await self._client.apply_status(CHECKPOINTS, resource.namespace, resource.name, body)
        except ApiError as error:
            # It may have taken effect, or another client wrote first: read the resource before the next decision.
            if isinstance(error, Conflict | NotFound | Unavailable):
                self._notes.of(Key(resource.namespace, resource.name)).must_reread = True
            raise
        self._store(CHECKPOINTS, raw)

    def _store(self, kind: Kind, raw: Raw) -> None:
        # The response of a write is stored at once: the next reconciliation may come before the watch event.
        if entry := self._cache.read(kind, raw):
            self._cache.put(kind, entry)


def _wire(status: Status) -> dict[str, Any]:
    try:
        return status.to_wire()
    except (ValueError, OverflowError) as error:
        raise Invalid(422, "Invalid", f"the status cannot be serialized: {error}", "apply status") from error
