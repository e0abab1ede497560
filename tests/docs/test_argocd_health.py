"""The health script for Argo CD, run by a real Lua on resources in every situation of docs/gitops.md."""

from __future__ import annotations

from typing import Any

import pytest
from lupa import LuaRuntime

from tools.cluster.paths import ROOT

_SCRIPT = (ROOT / "examples" / "argocd" / "health.lua").read_text()


def _health(resource: dict[str, Any]) -> Any:
    lua = LuaRuntime()
    lua.globals().obj = lua.table_from(resource, recursive=True)
    return lua.execute(_SCRIPT)


def _resource(
    *conditions: tuple[str, str], suspend: bool = False, observed: int = 2, **metadata: str
) -> dict[str, Any]:
    return {
        "metadata": {"generation": 2, **metadata},
        "spec": {"suspend": suspend},
        "status": {
            "observedGeneration": observed,
            "conditions": [{"type": kind, "status": status, "message": kind} for kind, status in conditions],
        },
    }


@pytest.mark.parametrize(
    ("resource", "health"),
    [
        ({"metadata": {"generation": 1}, "spec": {}}, "Progressing"),
        ({"metadata": {"generation": 1}, "spec": {}, "status": {"observedGeneration": -1}}, "Progressing"),
        (_resource(("Ready", "Unknown"), ("Reconciling", "True")), "Progressing"),
        (_resource(("Ready", "False"), ("Reconciling", "True")), "Progressing"),
        (_resource(("Ready", "False"), ("Stalled", "True")), "Degraded"),
        (_resource(("Ready", "True")), "Healthy"),
        (_resource(("Ready", "True"), observed=1), "Progressing"),
        (_resource(("Ready", "Unknown"), suspend=True), "Suspended"),
        (_resource(("Ready", "True"), suspend=True), "Healthy"),
        (_resource(("Ready", "False"), ("Stalled", "True"), suspend=True), "Degraded"),
        (_resource(("Ready", "True"), deletionTimestamp="2026-01-01T00:00:00Z"), "Progressing"),
    ],
)
def test_health(resource: dict[str, Any], health: str) -> None:
    assert _health(resource)["status"] == health


def test_the_message_is_that_of_ready() -> None:
    assert _health(_resource(("Stalled", "True"), ("Ready", "False")))["message"] == "Ready"
