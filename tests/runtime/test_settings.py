"""Settings, logs, metrics and health endpoints."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import AsyncIterator

import aiohttp
import pytest
from prometheus_client import Histogram
from prometheus_client.parser import text_string_to_metric_families

from shardwright_operator.api.status import Artifact, Condition, Durations, Failure, JobStatus, Status
from shardwright_operator.kube.cached_objects import Key
from shardwright_operator.runtime import logs, metrics, settings
from shardwright_operator.runtime.health import Health
from shardwright_operator.runtime.metrics import Metrics
from shardwright_operator.runtime.resource_metrics import Tally
from shardwright_operator.runtime.settings import read_settings
from shardwright_worker.contract.reasons import Reason

IMAGES = ["--engine-image=e", "--prepare-image=p"]
MOMENT = "2026-01-01T00:00:00Z"


def test_flags_win_over_the_environment_and_that_over_defaults() -> None:
    environment = {"SHARDWRIGHT_WORKERS": "3", "SHARDWRIGHT_NAMESPACES": "a, b,a", "SHARDWRIGHT_LEADER_ELECT": "false"}
    found = read_settings([*IMAGES, "--workers=5"], environment)
    assert (found.workers, found.namespaces, found.leader_elect) == (5, ("a", "b"), False)
    assert found.lease_duration == 15.0
    assert read_settings([*IMAGES, "--leader-elect"], environment).leader_elect


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (IMAGES[:1], "--prepare-image"),
        ([*IMAGES, "--workers=0"], "--workers must be at least 1"),
        ([*IMAGES, "--lease-duration=5"], "--lease-duration must be longer than --renew-deadline"),
        ([*IMAGES, "--leader-elect=maybe"], "'maybe' is neither true nor false"),
        ([*IMAGES, "--log-format=xml"], "xml"),
    ],
)
def test_a_wrong_setting_is_named(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read_settings(arguments, {})
    assert said in capsys.readouterr().err


def test_every_setting_has_a_row_with_help() -> None:
    assert [row.name for row in settings.TABLE] == list(settings.Settings.__dataclass_fields__)
    assert all(row.help for row in settings.TABLE)


def record(**fields: object) -> logging.LogRecord:
    made = logging.LogRecord("shardwright_operator.runtime.controller", logging.INFO, "f", 1, "said %s", ("so",), None)
    made.fields = fields
    return made


def test_a_line_for_machines_is_json_with_fields() -> None:
    line = json.loads(logs.JsonFormatter().format(record(resource="a/b", job=None)))
    assert line["message"] == "said so"
    assert (line["level"], line["logger"], line["resource"]) == ("info", "runtime.worker", "a/b")
    assert "job" not in line


def test_a_line_for_people_is_short() -> None:
    assert logs.TextFormatter(colour=False).format(record(resource="a/b")).endswith("INFO said so resource=a/b")
    assert "\033[36mINFO\033[0m" in logs.TextFormatter(colour=True).format(record())


def test_without_a_terminal_logs_are_json() -> None:
    stream, root = io.StringIO(), logging.getLogger()
    before = (root.handlers[:], root.level, logging.getLogger("shardwright_operator").level)
    try:
        logs.set_up("auto", "info", stream)
        logging.getLogger("shardwright_operator.x").info("hello")
        logging.getLogger("somebody.else").info("not heard")
    finally:
        root.handlers[:], root.level = before[0], before[1]
        logging.getLogger("shardwright_operator").setLevel(before[2])
        logging.getLogger("kopf").setLevel(logging.NOTSET)
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == ["hello"]


def test_metrics_are_named_by_convention() -> None:
    for row in metrics.TABLE:
        assert row.name.startswith("shardwright_")
        assert row.help.endswith(".")
        assert not row.name.endswith("_total"), "the library adds it"
        if row.kind is Histogram:
            assert row.name.endswith("_seconds")


def status(ready: str, reason: str, **fields: object) -> Status:
    condition = Condition.model_validate(
        {"type": "Ready", "status": ready, "reason": reason, "lastTransitionTime": MOMENT}
    )
    return Status(conditions=[condition]).model_copy(update=fields)


def test_resources_are_counted_by_condition_and_attempts_by_reason() -> None:
    kept = Metrics()
    tally = Tally(kept)
    working = status("Unknown", "Progressing")
    failed = status(
        "False", "OutOfMemory", last_failure=Failure(reason=Reason.OUT_OF_MEMORY, message="m", stage="Shard")
    )
    artifact = Artifact.model_validate(
        {
            "claimName": "c",
            "path": "p",
            "manifestDigest": "d",
            "bytes": 7,
            "files": 1,
            "tensorParallelSize": 1,
            "pipelineParallelSize": 1,
            "completedAt": MOMENT,
        }
    )
    done = status("True", "Succeeded", artifact=artifact, duration_seconds=Durations(load=2.0, save=3.0))
    one, two = Key("n", "one"), Key("n", "two")
    for key, before, after in (
        (one, Status(), working),
        (two, Status(), working),
        (two, working, failed),
        (two, failed, failed),
        (one, working, done),
        (one, done, done),
    ):
        tally.seen(key, before, after)
    value = kept.registry.get_sample_value
    assert value("shardwright_resources", {"ready": "True", "reason": "Succeeded"}) == 1
    assert value("shardwright_resources", {"ready": "Unknown", "reason": "Progressing"}) == 0
    assert value("shardwright_attempts_total", {"stage": "Shard", "reason": "OutOfMemory"}) == 1
    assert value("shardwright_attempts_total", {"stage": "Shard", "reason": "Succeeded"}) == 1
    assert value("shardwright_artifact_bytes_total") == 7
    assert value("shardwright_stage_seconds_sum", {"stage": "save"}) == 3.0
    looked_after = artifact.model_copy(update={"checked_at": MOMENT})
    recheck = JobStatus(name="j", stage="Prepare", attempt=3)
    tally.seen(one, done.model_copy(update={"job": recheck}), done.model_copy(update={"artifact": looked_after}))
    tally.seen(two, working.model_copy(update={"job": recheck}), done)
    assert value("shardwright_attempts_total", {"stage": "Shard", "reason": "Succeeded"}) == 1, "found, not made"
    assert value("shardwright_artifact_bytes_total") == 7
    tally.gone(two)
    tally.gone(one)
    assert value("shardwright_resources", {"ready": "True", "reason": "Succeeded"}) == 0


@pytest.fixture
async def wrong() -> dict[str, str]:
    return {}


@pytest.fixture
async def url(wrong: dict[str, str]) -> AsyncIterator[str]:
    health = Health(
        Metrics(), alive={"watch": lambda: wrong.get("watch", "")}, ready={"caches": lambda: wrong.get("caches", "")}
    )
    await health.start("127.0.0.1:0")
    yield f"http://127.0.0.1:{health.port}"
    await health.close()


async def test_health_and_readiness_say_what_is_wrong(url: str, wrong: dict[str, str]) -> None:
    async with aiohttp.ClientSession() as session:

        async def probe(path: str) -> tuple[int, str]:
            async with session.get(url + path) as answer:
                return answer.status, await answer.text()

        assert await probe("/healthz") == (200, "ok\n")
        wrong["caches"] = "not filled yet"
        assert await probe("/readyz") == (503, "caches: not filled yet\n")
        assert (await probe("/healthz"))[0] == 200
        wrong["watch"] = "dead"
        assert await probe("/healthz") == (503, "watch: dead\n")


async def test_metrics_are_served_for_prometheus(url: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(url + "/metrics") as answer:
        families = {family.name for family in text_string_to_metric_families(await answer.text())}
    assert {row.name for row in metrics.TABLE} <= families
