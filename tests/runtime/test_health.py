"""The HTTP endpoints: probes name what is wrong, and Prometheus can read the metrics."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from shardwright_operator.runtime.health import HealthServer
from shardwright_operator.runtime.metrics import TABLE, Metrics


@pytest.fixture
async def problems() -> dict[str, str]:
    return {}


@pytest.fixture
async def url(problems: dict[str, str]) -> AsyncIterator[str]:
    health = HealthServer(
        Metrics(),
        alive={"watch": lambda: problems.get("watch", "")},
        ready={"cache": lambda: problems.get("cache", "")},
    )
    await health.start("127.0.0.1:0")
    yield f"http://127.0.0.1:{health.port}"
    await health.close()


async def test_health_and_readiness_name_the_failing_check(url: str, problems: dict[str, str]) -> None:
    async with aiohttp.ClientSession() as session:

        async def probe(path: str) -> tuple[int, str]:
            async with session.get(url + path) as response:
                return response.status, await response.text()

        assert await probe("/healthz") == (200, "ok\n")
        problems["cache"] = "not filled yet"
        assert await probe("/readyz") == (503, "cache: not filled yet\n")
        assert (await probe("/healthz"))[0] == 200
        problems["watch"] = "dead"
        assert await probe("/healthz") == (503, "watch: dead\n")


async def test_metrics_are_served_for_prometheus(url: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(url + "/metrics") as response:
        families = {family.name for family in text_string_to_metric_families(await response.text())}
    assert {row.name for row in TABLE} <= families
