"""The subcommand prepare: makes a source ready, looks for its artifact, and removes older ones."""

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from shardwright_worker.cli.layout_arguments import layout_of
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.maintenance import MaintenanceReport, PruneReport
from shardwright_worker.contract.reasons import MEANINGS, Group, Reason
from shardwright_worker.contract.report import Report
from shardwright_worker.reporting.progress_output import ShowProgress

if TYPE_CHECKING:
    from shardwright_worker.hub.hub_request import HubRequest
    from shardwright_worker.prepare.layout import Layout
    from shardwright_worker.prepare.prepared import Prepared


def prepare(arguments: argparse.Namespace, show: ShowProgress, secrets: set[str]) -> Report:
    """Run the stage. Published artifacts are inspected first: a source may be gone, changed, or take long to read.

    Raises:
        WorkerFailure: With any reason of the stage. A problem of the source is only reported if an artifact is
            published.
    """
    _check_flags(arguments)
    layout = replace(layout_of(arguments), deep=arguments.deep, show=show, verification=arguments.verification)
    missing = [key for key in arguments.published if layout.finished(key) is None]
    damage = (layout.damage.get(missing[0]) or f"artifact {missing[0]} is missing") if missing else None
    pruned = None
    if arguments.history_limit is not None and arguments.published and not missing:
        pruned = _prune(arguments, layout)
    try:
        prepared = _prepare_source(arguments, layout, show, secrets)
    except WorkerFailure as failure:
        if not arguments.published or MEANINGS[failure.reason].group is not Group.SOURCE:
            raise
        done = MaintenanceReport(pruned=pruned, damage=damage, source_problem=failure.message)
        return _report_of_published(arguments.published[0], layout, done)
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


def _check_flags(arguments: argparse.Namespace) -> None:
    if sum(map(bool, (arguments.source, arguments.repo))) != 1:
        raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, "set either --source DIR or --repo ORG/NAME")
    if arguments.history_limit is not None and arguments.history_limit < 1:
        message = f"--history-limit {arguments.history_limit}: must be at least 1"
        raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, message)


def _prepare_source(
    arguments: argparse.Namespace, layout: "Layout", show: ShowProgress, secrets: set[str]
) -> "Prepared":
    from shardwright_worker.prepare.prepare_folder import prepare_folder
    from shardwright_worker.prepare.prepare_repository import prepare_repository
    from shardwright_worker.source.source_digest import KnownSource

    if arguments.repo:
        return prepare_repository(_hub_request(arguments, secrets), layout, show)
    known = KnownSource(arguments.known_digest, arguments.known_fingerprint)
    return prepare_folder(Path(arguments.source), layout, show, known)


def _report_of_published(key: str, layout: "Layout", done: MaintenanceReport) -> Report:
    """Return the report of a published artifact whose source cannot be read now."""
    return Report(
        stage="Prepare",
        succeeded=True,
        key=key,
        artifact=layout.finished(key),
        message=done.damage or "",
        maintenance=done,
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


def _hub_request(arguments: argparse.Namespace, secrets: set[str]) -> "HubRequest":
    from shardwright_worker.hub.hub_request import HubRequest
    from shardwright_worker.hub.repository import configure_client_logging

    token = _token(arguments.token_file)
    if token:
        secrets.add(token)
    configure_client_logging()
    return HubRequest(
        arguments.repo, arguments.revision, arguments.endpoint, arguments.include, arguments.exclude, token
    )


def _token(file: str) -> str:
    if not file:
        return os.environ.get("HF_TOKEN", "").strip()
    try:
        token = Path(file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise WorkerFailure(Reason.SOURCE_UNAUTHORIZED, f"the token in {file} cannot be read: {error}") from None
    if len(token.split()) != 1:
        raise WorkerFailure(Reason.SOURCE_UNAUTHORIZED, f"{file} must hold one token and nothing else")
    return token
