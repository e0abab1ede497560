"""A repository of a Hub on loopback, and the prepare stage on it, for tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.hub.hub_request import HubRequest
from shardwright_worker.prepare.layout import Layout
from shardwright_worker.prepare.prepare_repository import prepare_repository
from shardwright_worker.prepare.prepared import Prepared
from shardwright_worker.reporting.progress_output import ignore_progress
from tools.testing.hub_repository import Repository
from tools.testing.hub_server import HubServer

OTHERS = {
    "README.md": b"hello",
    "original/consolidated.00.pth": b"x",
    "model.gguf": b"x",
    "onnx/model.onnx": b"x",
    "pytorch_model.bin": b"x",
    "logo.png": b"x",
    ".gitattributes": b"x",
}


def repository(hub: HubServer) -> Repository:
    return hub.repositories["org/model"]


def layout(root: Path, **engine: object) -> Layout:
    return Layout(EngineSettings(**engine), root / "out", root)


def prepare(
    hub: HubServer, root: Path, *, token: str = "", revision: str = "main", repo: str = "org/model"
) -> Prepared:
    request = HubRequest(repo, revision, hub.url, token=token)
    return prepare_repository(request, layout(root), ignore_progress)


def failure(
    hub: HubServer, root: Path, *, token: str = "", revision: str = "main", repo: str = "org/model"
) -> WorkerFailure:
    with pytest.raises(WorkerFailure) as caught:
        prepare(hub, root, token=token, revision=revision, repo=repo)
    return caught.value
