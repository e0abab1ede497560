"""Verification fails when it must: whoever touches the shards between save and proof is found out."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.progress import Progress, Stage
from shardwright_worker.contract.reasons import Reason
from tests import models
from tests.engine.conftest import Make, Watch

FIRST, SECOND = "model.layers.0.mlp.gate_up_proj.weight", "model.layers.1.mlp.gate_up_proj.weight"


def _flip(folder: Path) -> None:
    path = sorted(folder.glob("*.safetensors"))[0]
    data = bytearray(path.read_bytes())
    data[-5000] ^= 1
    path.write_bytes(data)


def _remove(folder: Path) -> None:
    sorted(folder.glob("*.safetensors"))[-1].unlink()


def _swap(folder: Path) -> None:
    """Two tensors of one shape change places: nothing but their content tells."""
    for path in folder.glob("*.safetensors"):
        data = path.read_bytes()
        end = 8 + int.from_bytes(data[:8], "little")
        header = json.loads(data[8:end])
        header[FIRST], header[SECOND] = header[SECOND], header[FIRST]
        path.write_bytes(data[:8] + json.dumps(header, separators=(",", ":")).encode().ljust(end - 8) + data[end:])


def _before_proof(output: Path, damage: Callable[[Path], None]) -> Watch:
    pending = [damage]

    def watch(progress: Progress) -> None:
        if progress.stage is Stage.VERIFYING and pending:
            [staging] = [path for path in (output / ".staging").iterdir() if path.is_dir()]
            pending.pop()(staging)

    return watch


@pytest.mark.parametrize(
    ("damage", "level", "words"),
    [
        (_flip, "load", "Loaded otherwise than saved: "),
        (_swap, "load", SECOND),
        (_remove, "load", "Missing keys"),
        (_flip, "digests", "model-rank-0-part-0.safetensors"),
        (_remove, "digests", "is missing"),
    ],
)
def test_damage_is_found(
    make: Make, output: Path, tmp_path: Path, damage: Callable[[Path], None], level: str, words: str
) -> None:
    source = models.llama(tmp_path / "source")
    limit = 10**9 if damage is _swap else 300_000
    with pytest.raises(WorkerFailure) as raised:
        make(source, level, _before_proof(output, damage), max_file_size=limit)
    assert raised.value.reason is Reason.VERIFICATION_FAILED
    assert words in raised.value.message
    assert list(output.iterdir()) == []
