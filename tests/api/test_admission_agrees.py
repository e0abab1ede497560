"""Admission and worker agree: the API server accepts the engine settings that the worker accepts for some source."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shardwright_worker.checks.extra_values import check_values
from shardwright_worker.checks.source_quantization import check_quantization
from shardwright_worker.cli.arguments import build_parser
from shardwright_worker.cli.layout_arguments import layout_of
from shardwright_worker.contract.engine_settings import EngineSettings, flag
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.source.listing import Listing
from tests.api.conftest import refusal
from tools.testing.checkpoints import manifest
from tools.testing.engine_cases import Case, engine_cases
from tools.testing.namespace import Namespace

PARSER = build_parser()

# What only the worker can know, and why no admission rule can.
ONLY_THE_WORKER: dict[str, tuple[Callable[[Case], bool], str]] = {
    "hfOverrides": (
        lambda case: case.engine.get("hfOverrides", "").startswith("{"),
        "CEL has no JSON parser: the rule sees the braces alone",
    ),
    "limit_mm_per_prompt": (
        lambda case: "limit_mm_per_prompt" in case.engine.get("extraArgs", {}),
        "CEL has no JSON parser",
    ),
}


def _body(case: Case) -> dict[str, Any]:
    body = manifest("judged", engine=case.engine)
    body["spec"]["output"]["filePattern"] = case.pattern
    return body


def refused_by_the_worker(case: Case) -> str:
    """The worker's message if it refuses these settings for every source, empty if it accepts them for one."""
    words = ["prepare", "--output", "/o", *EngineSettings.model_validate(case.engine).to_arguments()]
    try:
        engine = layout_of(PARSER.parse_args([*words, *flag("--file-pattern", case.pattern)])).engine
        check_values(engine.extra_args)
    except WorkerFailure as failure:
        return failure.message
    messages = []
    for config in ({}, {"quantization_config": {"quant_method": engine.quantization or "awq"}}):
        try:
            check_quantization(config, engine.model_copy(update={"hf_overrides": ""}), Listing(Path(), [], []))
        except WorkerFailure as failure:
            messages.append(failure.message)
    return messages[0] if len(messages) == 2 else ""


@pytest.fixture(scope="module")
def disagreements(namespace: Namespace) -> list[tuple[Case, str, str]]:
    """The cases that API server and worker judge differently, with the messages of both."""
    found, accepted = [], 0
    for case in engine_cases(mixed=400):
        admission = refusal(namespace, "POST", namespace.path("shardedcheckpoints"), _body(case))
        worker = refused_by_the_worker(case)
        accepted += not (admission or worker)
        if bool(admission) != bool(worker):
            found.append((case, admission, worker))
    assert accepted > 150
    return found


def test_admission_and_worker_agree(disagreements: list[tuple[Case, str, str]]) -> None:
    known = [applies for applies, _ in ONLY_THE_WORKER.values()]
    assert [one for one in disagreements if one[1] or not any(applies(one[0]) for applies in known)] == []


@pytest.mark.parametrize("name", ONLY_THE_WORKER)
def test_what_only_the_worker_knows_is_still_so(name: str, disagreements: list[tuple[Case, str, str]]) -> None:
    applies, reason = ONLY_THE_WORKER[name]
    assert reason
    assert any(applies(case) for case, _, _ in disagreements)
