"""The subcommand check: verifies that an artifact is complete, and that a server can load it."""

import argparse
import os
import sys
from pathlib import Path

from shardwright_worker.contract.manifest import Manifest
from shardwright_worker.contract.report import Report
from shardwright_worker.contract.text import one_line
from shardwright_worker.contract.vllm_support.environment import layout_variables
from shardwright_worker.reporting.progress_output import ShowProgress


def check(arguments: argparse.Namespace, show: ShowProgress, _secrets: set[str]) -> Report:
    """Check the artifact; a server that must not load it is rejected before bytes are read.

    Raises:
        WorkerFailure: ArtifactDamaged, or InvalidEngineArguments with everything in which the server differs.
    """
    from shardwright_worker.artifact.check import check_artifact
    from shardwright_worker.artifact.find import artifact_report

    folder = Path(arguments.folder)
    notes = _check_server(folder, arguments) if arguments.for_serving else []
    checked = check_artifact(folder, arguments.deep, show)
    if checked.note:
        print(one_line(checked.note), file=sys.stderr)
    for note in notes:
        print(f"Note: {note}", file=sys.stderr)
    manifest = checked.manifest
    tensors = sum(len(part.tensors) for part in manifest.parts)
    proven = "every byte is as recorded" if arguments.deep else "sizes and headers are as recorded"
    fits = " and fits this server" if arguments.for_serving else ""
    message = "; ".join([f"{manifest.files} files, {tensors} tensors: {proven}{fits}", *notes])
    return Report(
        stage="Check",
        succeeded=True,
        key=manifest.key,
        message=message,
        artifact=artifact_report(folder, manifest, folder),
    )


def _check_server(folder: Path, arguments: argparse.Namespace) -> list[str]:
    """Return what could not be compared, one sentence each."""
    from shardwright_worker.artifact.manifest_file import read_manifest
    from shardwright_worker.contract.vllm_support.installed import installed_vllm
    from shardwright_worker.serving.command_line import read_server_line
    from shardwright_worker.serving.guard import check_for_serving
    from shardwright_worker.serving.own_quantization import own_quantization

    line = read_server_line(arguments.server)
    vllm = arguments.serving_vllm or installed_vllm()
    manifest = read_manifest(folder)
    accelerators = _accelerators(arguments.serving_accelerator, manifest)
    own = own_quantization(folder)
    notes = check_for_serving(manifest, line.settings, vllm, accelerators, line.beside, own)
    notes += [
        f"{one_line(name, 100)} is set here and may decide what a rank holds: whether it was set when the shards were "
        "made could not be compared"
        for name in layout_variables(os.environ)
    ]
    found = [] if arguments.serving_vllm or not vllm else [f"vLLM {one_line(vllm, 100)}"]
    found += [] if arguments.serving_accelerator else [one_line(name, 100) for name in accelerators]
    if found:
        notes.append(f"the server was assumed to have what was found here ({', '.join(found)})")
    return notes


def _accelerators(asked: str, manifest: Manifest) -> list[str]:
    from shardwright_worker.serving.accelerator import visible_accelerators

    if asked:
        return [asked]
    found = visible_accelerators()
    if found == ["cpu"] and manifest.engine.accelerator != "cpu":
        return []  # this machine has no accelerator, which says nothing about the server's
    return found
