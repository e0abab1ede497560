"""Sources for tests: complete ones, with one thing changed, and in PyTorch's formats."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path

import pytest

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.prepare.preflight import Preflight, check_source
from shardwright_worker.source.listing import Listing, list_source
from tools.testing.tiny_files import CONFIG, write_files

Files = dict[str, bytes]


def check(folder: Path, files: Files, engine: EngineSettings | None = None) -> Preflight:
    engine = engine or EngineSettings()
    return check_source(list_source(write_files(folder, files), engine.extra_args), engine)


def rejection(folder: Path, files: Files, engine: EngineSettings | None = None) -> WorkerFailure:
    with pytest.raises(WorkerFailure) as caught:
        check(folder, files, engine)
    return caught.value


def inspect_source(folder: Path) -> tuple[Listing, str, str]:
    """The listing, or the failure's reason and message."""
    try:
        listing = list_source(folder, {})
        check_source(listing, EngineSettings())
    except WorkerFailure as failure:
        return Listing(folder, [], []), failure.reason, failure.message
    return listing, "", ""


CONFIG_ONLY = {"config.json": json.dumps(CONFIG).encode()}


class _Rebuilt:
    """Pickles as PyTorch's tensors do: a call of a function whose name begins with _rebuild_."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return _rebuild_tensor, (1,)


def _rebuild_tensor(_number: int) -> None:
    raise AssertionError("nothing is ever unpickled")


def torch_archive(*names: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as opened:
        opened.writestr("x/data.pkl", pickle.dumps({name: _Rebuilt() for name in names}, 2))
    return packed.getvalue()


def torch_legacy(*names: str) -> bytes:
    start = b"".join(pickle.dumps(each, 2) for each in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}))
    return start + pickle.dumps({name: _Rebuilt() for name in names}, 2) + b"\x80\x02]q\x00."
