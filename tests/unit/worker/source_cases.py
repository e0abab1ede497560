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
from tools.testing.tiny_files import CONFIG, model_files, safetensors, write_files

Files = dict[str, bytes]
POOLING = {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}
DENSE = {"path": "2_Projection", "type": "sentence_transformers.models.Dense"}
CONFIG_ONLY = {"config.json": json.dumps(CONFIG).encode()}


def check(folder: Path, files: Files, engine: EngineSettings | None = None) -> Preflight:
    """Write the files of a source and check them."""
    engine = engine or EngineSettings()
    return check_source(list_source(write_files(folder, files), engine.extra_args), engine)


def rejection(folder: Path, files: Files, engine: EngineSettings | None = None) -> WorkerFailure:
    """Return the failure of a check."""
    with pytest.raises(WorkerFailure) as caught:
        check(folder, files, engine)
    return caught.value


def sentence_transformers_files(*modules: dict[str, str]) -> Files:
    """Return the files of a sentence-transformers model with these modules."""
    return {
        **model_files(),
        "modules.json": json.dumps(
            [{"path": "", "type": "sentence_transformers.models.Transformer"}, *modules]
        ).encode(),
        "1_Pooling/config.json": b'{"pooling_mode_mean_tokens": true}',
        "2_Projection/config.json": b'{"in_features": 8, "out_features": 8}',
        "2_Projection/model.safetensors": safetensors({"linear.weight": b"12" * 64}),
    }


def inspect_source(folder: Path) -> tuple[Listing, str, str]:
    """Return the listing, or the failure's reason and message."""
    try:
        listing = list_source(folder, {})
        check_source(listing, EngineSettings())
    except WorkerFailure as failure:
        return Listing(folder, [], []), failure.reason, failure.message
    return listing, "", ""


class _Rebuilt:
    """A value that is pickled as PyTorch pickles tensors: as a call of a function named _rebuild_*."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return _rebuild_tensor, (1,)


def _rebuild_tensor(_number: int) -> None:
    raise AssertionError("nothing is ever unpickled")


def torch_archive(*names: str) -> bytes:
    """Return a checkpoint with these tensors in PyTorch's ZIP format."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as opened:
        opened.writestr("x/data.pkl", pickle.dumps({name: _Rebuilt() for name in names}, 2))
    return packed.getvalue()


def torch_legacy(*names: str) -> bytes:
    """Return a checkpoint with these tensors in PyTorch's format before 1.6."""
    start = b"".join(pickle.dumps(each, 2) for each in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}))
    return start + pickle.dumps({name: _Rebuilt() for name in names}, 2) + b"\x80\x02]q\x00."
