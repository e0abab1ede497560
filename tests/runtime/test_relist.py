"""Relists: what a watch has missed is found, and what cannot be read is skipped."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from shardwright_operator.kube.cache import Cache
from shardwright_operator.kube.client import Client
from shardwright_operator.kube.credentials import Credentials
from shardwright_operator.kube.kinds import JOBS, Kind
from shardwright_operator.runtime.relist import Relister
from tests.runtime import raw
from tests.runtime.web import serving


async def test_a_malformed_object_is_skipped_and_the_rest_of_the_list_is_taken() -> None:
    job = raw.job()
    items: list[Any] = [5, {"metadata": None}, {**job, "status": []}, job]

    async def respond(_request: web.Request) -> web.Response:
        return web.json_response({"metadata": {}, "items": items})

    skipped: list[Kind] = []
    cache = Cache(on_malformed=skipped.append)
    async with serving(respond) as url:
        client = Client(Credentials(url, lambda: None))
        await Relister(client, cache, lambda: (), lambda _: None, lambda *_: None, 0.0)._relist(JOBS)
        await client.close()
    assert [entry.key.name for entry in cache.jobs] == ["model-prepare-1"]
    assert skipped == [JOBS] * 3
