"""Runs one cell of the matrix: builds the model, and lets the worker shard and prove it."""

from __future__ import annotations

import contextlib
import hashlib
import io
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from shardwright_worker.artifact.manifest_file import read_manifest
from shardwright_worker.cli.main import run
from shardwright_worker.contract.manifest import Manifest
from shardwright_worker.contract.progress_line import read_progress
from shardwright_worker.contract.report import read_report
from tools.model_matrix.expected import EXACT
from tools.model_matrix.kinds import KINDS
from tools.model_matrix.layouts import LAYOUTS
from tools.model_matrix.results import Cell

_LONGEST = 300  # characters of a message that are kept
_DIGITS = 16  # of a digest that are kept


def run_cell(kind: str, layout: str, device: str, level: str) -> Cell:
    """Return how it ended. `level`: of its verification, at most.

    The worker runs in this process, so that its fork server imports vLLM once for all cells; the engine processes are
    forked from it for each cell, as ever.
    """
    print(f"--- {kind}, {layout}", file=sys.stderr, flush=True)
    since = time.monotonic()
    output = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(output):
        source, target = Path(folder, "source"), Path(folder, "output")
        KINDS[kind].build(source)
        target.mkdir()
        arguments = [*LAYOUTS[layout].arguments(device, KINDS[kind], level), *KINDS[kind].arguments]
        run(["shard", "--source", str(source), "--output", str(target), *arguments])
        manifests = [read_manifest(path.parent) for path in target.glob("*/shardwright.json")]
    lines = output.getvalue().strip().splitlines()
    report = read_report(lines[-1]) if lines else None
    ended = {"seconds": round(time.monotonic() - since, 1), "run": datetime.now(UTC).date()}
    if report is None:
        return Cell(result="no report", **ended)
    if report.artifact:
        [manifest] = manifests
        state = state_digest(manifest)[:_DIGITS]
        return Cell(result=EXACT[0], verified_by=report.artifact.verified_by, state=state, **ended)
    stages = [progress.stage.value for line in lines if (progress := read_progress(line))]
    stage = stages[-1] if stages else ""
    return Cell(result=report.reason.value, stage=stage, message=report.message[:_LONGEST], **ended)


def state_digest(manifest: Manifest) -> str:
    """Return the SHA-256 in hex over each tensor of each rank: its name, shape, dtype and bytes; not over its part."""
    tensors = sorted(
        (part.rank, tensor.name, tensor.dtype, *tensor.shape, tensor.xxh3)
        for part in manifest.parts
        for tensor in part.tensors
    )
    return hashlib.sha256(repr(tensors).encode()).hexdigest()
