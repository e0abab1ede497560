"""What the subcommands do with their arguments; each gives the report that is its last word."""

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shardwright_worker.checks.pattern_check import check_pattern
from shardwright_worker.cli.engine_settings import engine_settings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.maintenance import MaintenanceReport, PruneReport
from shardwright_worker.contract.naming import is_key
from shardwright_worker.contract.reasons import ABOUT_SOURCES, Reason
from shardwright_worker.contract.report import Report
from shardwright_worker.contract.text import clean
from shardwright_worker.contract.vllm_support.environment import layout_variables
from shardwright_worker.files.nofollow import normalize_path
from shardwright_worker.reporting.progress_output import ShowProgress

if TYPE_CHECKING:
    from shardwright_worker.hub.hub_request import HubRequest
    from shardwright_worker.prepare.layout import Layout

Command = Callable[[argparse.Namespace, ShowProgress, set[str]], Report]


def prepare(arguments: argparse.Namespace, show: ShowProgress, secrets: set[str]) -> Report:
    """Make a source ready and look for its artifact."""
    from shardwright_worker.prepare.prepare_folder import prepare_folder
    from shardwright_worker.prepare.prepare_repository import prepare_repository
    from shardwright_worker.source.source_digest import KnownSource

    layout = replace(_layout(arguments), deep=arguments.deep, show=show, verification=arguments.verification)
    if bool(arguments.source) == bool(arguments.repo):
        raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, "give either --source DIR or --repo ORG/NAME")
    if arguments.history_limit is not None and arguments.history_limit < 1:
        raise WorkerFailure(
            Reason.INVALID_ENGINE_ARGUMENTS, f"--history-limit {arguments.history_limit}: keep at least 1"
        )
    # What is published comes first: a source may be gone, be another one, or take long to read.
    gone = [key for key in arguments.published if layout.finished(key) is None]
    damage = (layout.damage.get(gone[0]) or f"artifact {gone[0]} is gone") if gone else None
    pruned = None
    if arguments.history_limit is not None and arguments.published and not gone:
        pruned = _prune(arguments, layout)
    try:
        if arguments.repo:
            prepared = prepare_repository(_hub_request(arguments, secrets), layout, show)
        else:
            known = KnownSource(arguments.known_digest, arguments.known_fingerprint)
            prepared = prepare_folder(Path(arguments.source), layout, show, known)
    except WorkerFailure as failure:
        if not arguments.published or failure.reason not in ABOUT_SOURCES:
            raise
        key = arguments.published[0]
        artifact = layout.finished(key)
        done = MaintenanceReport(pruned=pruned, damage=damage, source_problem=failure.message)
        return Report(
            stage="Prepare", succeeded=True, key=key, artifact=artifact, message=damage or "", maintenance=done
        )
    if arguments.history_limit is not None and not arguments.published:
        pruned = _prune(arguments, layout, prepared.key)
    return Report(
        stage="Prepare",
        succeeded=True,
        key=prepared.key,
        source=prepared.source,
        artifact=prepared.artifact,
        message="" if prepared.artifact else layout.damage.get(prepared.key, ""),
        maintenance=MaintenanceReport(pruned=pruned, damage=damage),
    )


def _prune(arguments: argparse.Namespace, layout: "Layout", *keys: str) -> PruneReport:
    """Remove older artifacts; the published ones and these keys stay."""
    from shardwright_worker.publish.prune import prune

    return prune(
        layout.output,
        arguments.history_limit,
        {*arguments.published, *keys},
        in_use={*arguments.in_use},
        until=arguments.prune_until,
        root=layout.volume_root,
    )


def shard(arguments: argparse.Namespace, show: ShowProgress, _secrets: set[str]) -> Report:
    """Load, save, verify, publish. Without --artifact-name it first finds out what prepare would."""
    from shardwright_worker.hub.download_record import recorded_files
    from shardwright_worker.prepare.prepare_folder import prepare_folder

    layout = _layout(arguments)
    source = Path(arguments.source)
    if not arguments.source or not source.is_dir():
        raise WorkerFailure(
            Reason.SOURCE_NOT_FOUND,
            f"--source {arguments.source or '(not given)'} is no local directory: name the model's folder; "
            "a repository of a hub is fetched with `shardwright-worker prepare --repo ORG/NAME`",
        )
    key, digest, seen = arguments.artifact_name, arguments.source_digest, arguments.source_fingerprint
    files = recorded_files(source, digest)
    if not key:
        prepared = prepare_folder(source, layout, show)
        key, digest, seen = prepared.key, prepared.source.digest, prepared.source.fingerprint
        files = prepared.files or []
    elif not is_key(key):
        raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, f"--artifact-name {key}: a key has 16 hex digits")
    elif not digest:
        raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, "--source-digest: it must be given with --artifact-name")
    elif key != layout.key(digest):
        raise WorkerFailure(
            Reason.INVALID_ENGINE_ARGUMENTS,
            f"--artifact-name {key} is not the key of this source, image and engine, which is {layout.key(digest)}: "
            "give what prepare has reported, with the same flags",
        )
    known = {"artifact_name": key, "source_digest": digest, "source_fingerprint": seen, "source_files": tuple(files)}
    return _make(arguments, layout, show, known)


def _make(arguments: argparse.Namespace, layout: "Layout", show: ShowProgress, known: dict[str, Any]) -> Report:
    from shardwright_worker.artifact.manifest_file import read_manifest
    from shardwright_worker.shard.shard_request import ShardRequest
    from shardwright_worker.shard.shard_stage import shard as make

    request = ShardRequest(
        source=Path(arguments.source).absolute(),
        output=layout.output,
        settings=layout.engine,
        image=layout.image,
        file_pattern=arguments.file_pattern,
        max_file_size=layout.max_file_size,
        verification=arguments.verification,
        deep=arguments.deep,
        attempt=arguments.attempt,
        volume_root=layout.volume_root,
        source_revision=arguments.source_revision or known["source_digest"],
        source_repo=arguments.source_repo,
        **known,
    )
    artifact = make(request, show)
    durations = read_manifest(layout.output / artifact.key).duration_seconds
    return Report(stage="Shard", succeeded=True, key=artifact.key, artifact=artifact, duration_seconds=durations)


def stop_children() -> None:
    """Kill the processes that a running shard stage has started."""
    running = sys.modules.get("shardwright_worker.shard.shard_stage")
    if running:
        running.stop()


def check(arguments: argparse.Namespace, show: ShowProgress, _secrets: set[str]) -> Report:
    """Prove an artifact, and that a server may load it."""
    from shardwright_worker.artifact.check import check_artifact
    from shardwright_worker.artifact.find import artifact_report

    folder = Path(arguments.folder)
    # A server that must not load it is told so before bytes are read.
    fits, notes = _fits(folder, arguments) if arguments.for_serving else ("", [])
    checked = check_artifact(folder, arguments.deep, show)
    if checked.note:
        print(clean(checked.note), file=sys.stderr)
    for note in notes:
        print(f"Note: {note}", file=sys.stderr)
    manifest = checked.manifest
    tensors = sum(len(part.tensors) for part in manifest.parts)
    proven = "every byte is as recorded" if arguments.deep else "sizes and headers are as recorded"
    message = "; ".join([f"{manifest.files} files, {tensors} tensors: {proven}{fits}", *notes])
    return Report(
        stage="Check",
        succeeded=True,
        key=manifest.key,
        message=message,
        artifact=artifact_report(folder, manifest, folder),
    )


def _fits(folder: Path, arguments: argparse.Namespace) -> tuple[str, list[str]]:
    """That the artifact fits the server, in words, and what could not be compared."""
    from shardwright_worker.artifact.manifest_file import read_manifest
    from shardwright_worker.serving.accelerator import visible_accelerators
    from shardwright_worker.serving.command_line import read_server_line
    from shardwright_worker.serving.guard import check_for_serving, installed_vllm
    from shardwright_worker.serving.own_quantization import own_quantization

    line = read_server_line(arguments.server)
    vllm = arguments.serving_vllm or installed_vllm()
    manifest = read_manifest(folder)
    accelerators = [arguments.serving_accelerator] if arguments.serving_accelerator else visible_accelerators()
    if accelerators == ["cpu"] and not arguments.serving_accelerator and manifest.engine.accelerator != "cpu":
        accelerators = []  # none is to be seen, which is no word about the server
    own = own_quantization(folder)
    notes = check_for_serving(manifest, line.settings, vllm, accelerators, line.beside, own)
    notes += [
        f"{clean(name, 100)} is set here and may decide what a rank holds: whether the shards were made with it could "
        "not be compared"
        for name in layout_variables(os.environ)
    ]
    seen = [] if arguments.serving_vllm or not vllm else [f"vLLM {clean(vllm, 100)}"]
    seen += [] if arguments.serving_accelerator else [clean(name, 100) for name in accelerators]
    if seen:
        notes.append(f"the server was taken to have what is here ({', '.join(seen)}); name its own otherwise")
    return " and fits this server", notes


def _layout(arguments: argparse.Namespace) -> "Layout":
    from shardwright_worker.prepare.layout import Layout

    engine = engine_settings(arguments)
    if arguments.ignored:
        print("flags that do not change what shards hold are ignored", file=sys.stderr)
    if arguments.file_pattern:
        check_pattern(arguments.file_pattern, engine)
    output = normalize_path(arguments.output)
    root = normalize_path(arguments.volume_root) if arguments.volume_root else output
    if not output.is_relative_to(root):
        raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, f"--output {output} is not inside --volume-root {root}")
    return Layout(engine, output, root, arguments.image, arguments.file_pattern, arguments.max_file_size)


def _hub_request(arguments: argparse.Namespace, secrets: set[str]) -> "HubRequest":
    from shardwright_worker.hub.hub_request import HubRequest
    from shardwright_worker.hub.repository import configure_client_logging

    token = os.environ.get("HF_TOKEN", "").strip()
    if arguments.token_file:
        try:
            token = Path(arguments.token_file).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise WorkerFailure(
                Reason.SOURCE_UNAUTHORIZED, f"the token in {arguments.token_file} cannot be read: {error}"
            ) from None
        if not token or len(token.split()) > 1:
            raise WorkerFailure(Reason.SOURCE_UNAUTHORIZED, f"{arguments.token_file} does not hold one token")
    if token:
        secrets.add(token)
    configure_client_logging()
    return HubRequest(
        arguments.repo, arguments.revision, arguments.endpoint, arguments.include, arguments.exclude, token
    )


COMMANDS: dict[str, Command] = {"prepare": prepare, "shard": shard, "check": check}
