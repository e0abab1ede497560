"""A simulated kubelet: writes the status of our Jobs' pods as a test scripts it; the Job controller is the real one."""

from __future__ import annotations

import threading
import urllib.error
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from shardwright_operator.api.names import CHECKPOINT_UID, STAGE
from tools.cluster.api import Api
from tools.testing.pod_outcomes import SUCCESS, Outcome, status_of
from tools.testing.simulated_worker import Volumes, report_of

SELECTOR = f"{CHECKPOINT_UID},{STAGE}"
_LIVE = "status.phase!=Succeeded,status.phase!=Failed"

# Called for each pod repeatedly until it returns a final outcome.
Script = Callable[[Mapping[str, Any]], Outcome]


def always_succeed(_pod: Mapping[str, Any]) -> Outcome:
    """Return success for every pod."""
    return SUCCESS


def by_stage(**outcomes: Outcome | list[Outcome]) -> Script:
    """Return a script by stage (`prepare=`, `shard=`): an outcome for all pods, or a list of one per pod."""
    lists = {stage: list(value) for stage, value in outcomes.items() if isinstance(value, list)}
    chosen: dict[str, Outcome] = {}

    def script(pod: Mapping[str, Any]) -> Outcome:
        stage = pod["metadata"]["labels"][STAGE]
        if stage in lists:
            uid = pod["metadata"]["uid"]
            if uid not in chosen:
                chosen[uid] = lists[stage].pop(0) if lists[stage] else SUCCESS
            return chosen[uid]
        value = outcomes.get(stage, SUCCESS)
        assert isinstance(value, Outcome)
        return value

    return script


class Kubelet:
    """Lists our pods every `period` seconds and moves each one phase on; a context manager."""

    def __init__(self, api: Api, script: Script = always_succeed, period: float = 0.1, namespace: str = "") -> None:
        self._api, self._period = api, period
        self._path = f"/api/v1/namespaces/{namespace}/pods" if namespace else "/api/v1/pods"
        self.script = script  # a test may change it at any time
        self.volumes = Volumes()
        self.ended: dict[str, str] = {}  # uid -> stage of the pods that have terminated
        self._shown: dict[str, Outcome] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="simulated-kubelet", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join(30)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.step()
            except (OSError, ValueError):
                pass  # the API server is down or rejects the request: retried at the next step
            self._stop.wait(self._period)

    def step(self) -> None:
        """List all pods that have not terminated, and update each."""
        for pod in self._api.call("GET", f"{self._path}?labelSelector={SELECTOR}&fieldSelector={_LIVE}")["items"]:
            if pod["metadata"].get("deletionTimestamp"):
                continue
            try:
                self._advance(pod)
            except urllib.error.HTTPError as error:
                if error.code not in (404, 409, 422):
                    raise

    def _advance(self, pod: Mapping[str, Any]) -> None:
        uid, stage = pod["metadata"]["uid"], pod["metadata"]["labels"][STAGE]
        outcome = self.script(pod)
        running = pod.get("status", {}).get("phase") == "Running"
        if outcome.final and not running:
            outcome = Outcome(running=True)  # every pod runs before it terminates
        if not outcome.final and self._shown.get(uid) == outcome:
            return
        if outcome.final and outcome.exit_code == 0 and outcome.report is None and outcome.message is None:
            outcome = replace(outcome, report=report_of(pod, stage, self.volumes))
        self._write(pod, status_of(pod, outcome, stage))
        self._shown[uid] = outcome
        if outcome.final:
            self.ended[uid] = stage

    def _write(self, pod: Mapping[str, Any], status: Mapping[str, Any]) -> None:
        name, namespace, uid = (pod["metadata"][part] for part in ("name", "namespace", "uid"))
        body = {"metadata": {"uid": uid}, "status": status}
        path = f"/api/v1/namespaces/{namespace}/pods/{name}/status"
        self._api.call("PATCH", path, body, "application/merge-patch+json")
