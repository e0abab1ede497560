"""Finds finished artifacts: a folder counts if its manifest holds together and its files are what it says."""

import hashlib
import os
import stat
from pathlib import Path

from pydantic import ValidationError

from shardwright_worker.artifact.artifact_files import file_sizes, wrong_files, wrong_sizes
from shardwright_worker.artifact.manifest_consistency import contradictions
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import MANIFEST_LIMIT, Manifest
from shardwright_worker.contract.naming import FORMAT_VERSION, MANIFEST_NAME, is_key, release_of, stays_inside
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.report import ArtifactReport
from shardwright_worker.files.volume_paths import entries, is_folder, look, read_plain, refuse_links

__all__ = ["file_sizes", "wrong_sizes"]

NAMED = 5  # lines of damage that a message holds


def read_manifest(folder: Path, name: str = MANIFEST_NAME) -> Manifest:
    """The folder's manifest, or ArtifactDamaged that says why there is none. VolumeUnavailable says nothing of it."""
    return _read(folder, name)[0]


def _read(folder: Path, name: str = MANIFEST_NAME) -> tuple[Manifest, str]:
    """The manifest and its SHA-256."""
    path = folder / name
    try:
        content = _content(path)
        manifest = Manifest.model_validate_json(content)
    except FileNotFoundError as error:
        there = is_folder(folder)
        words = error.strerror if look(path) else os.strerror(error.errno or 0)
        raise damaged(f"{folder} is no artifact: {f'{name}: {words}' if there else 'no such folder'}") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "it"
        raise damaged(f"{path} cannot be read: {where}: {first['msg']}"[:500]) from None
    if manifest.schema_version > FORMAT_VERSION:
        raise damaged(
            f"{path} has format {manifest.schema_version}, this worker reads up to {FORMAT_VERSION}: use a newer one"
        )
    for name in file_sizes(manifest):
        if not stays_inside(name):
            raise damaged(f"{path} names a file {name!r}, which is outside the folder")
    return manifest, hashlib.sha256(content).hexdigest()


def manifest_digest(folder: Path) -> str:
    """SHA-256 of the folder's manifest, as reports have it."""
    return _read(folder)[1]


def _content(path: Path) -> bytes:
    try:
        return read_plain(path, MANIFEST_LIMIT)
    except ValueError as error:
        raise damaged(f"{error}, which no manifest has") from None


def finished_artifact(output: Path, key: str, volume_root: Path, vllm_version: str = "") -> ArtifactReport | None:
    """The artifact of this key, None unless manifest, sizes and headers tell that it is whole.

    `vllm_version`: of the vLLM that is installed here, where that is known; an artifact of another release under the
    same key is refused. ArtifactDamaged if what has the name is nothing that a new artifact could replace.
    """
    folder = output / key
    refuse_links(volume_root, output)
    state = look(folder)
    if state is None:
        return None
    if not stat.S_ISDIR(state.st_mode):
        raise not_a_folder(folder, state.st_mode)
    try:
        manifest, digest = _read_whole(folder, key)
    except WorkerFailure as failure:
        if failure.reason != Reason.ARTIFACT_DAMAGED:
            raise
        return None
    _refuse_release(folder, manifest, vllm_version)
    return _report(folder, manifest, digest, volume_root)


def damage_of(folder: Path, key: str) -> str:
    """What is wrong with the artifact of this key as far as the cheap look tells; empty if it is whole."""
    try:
        _read_whole(folder, key)
    except WorkerFailure as failure:
        if failure.reason != Reason.ARTIFACT_DAMAGED:
            raise
        return failure.message
    return ""


def _read_whole(folder: Path, key: str) -> tuple[Manifest, str]:
    """The manifest of the artifact of this key, and its SHA-256. ArtifactDamaged if it is not whole."""
    manifest, digest = _read(folder)
    problems = contradictions(manifest)
    if manifest.key != key or not manifest.may_have_key(key):
        problems = [f"its manifest is not that of {key}: source, settings, image or pattern are others", *problems]
    if words := describe(folder, problems or wrong_files(folder, manifest)):
        raise damaged(words)
    return manifest, digest


def describe(folder: Path, problems: list[str]) -> str:
    """The damage in one line; empty without one."""
    more = f" and {len(problems) - NAMED} more" if len(problems) > NAMED else ""
    return f"{folder}: {'; '.join(line[:300] for line in problems[:NAMED])}{more}" if problems else ""


def artifact_report(folder: Path, manifest: Manifest, volume_root: Path) -> ArtifactReport:
    """What a report says of a published artifact."""
    return _report(folder, manifest, _read(folder)[1], volume_root)


def _report(folder: Path, manifest: Manifest, digest: str, volume_root: Path) -> ArtifactReport:
    return ArtifactReport(
        key=manifest.key,
        path=relative_path(folder, volume_root),
        manifest_digest=digest,
        bytes=manifest.bytes,
        files=manifest.files,
        vllm_version=manifest.engine.vllm_version,
        accelerator=manifest.engine.accelerator,
        verified_by=manifest.verification.level,
        source_revision=manifest.source.revision,
        completed_at=manifest.created_at,
    )


def artifact_keys(output: Path) -> list[str]:
    """Keys of all folders that look like artifacts, whole or not. Links are none."""
    names = filter(is_key, entries(output))
    return [name for name in names if is_folder(output / name) and _has_manifest(output / name)]


def _has_manifest(folder: Path) -> bool:
    state = look(folder / MANIFEST_NAME)
    return state is not None and stat.S_ISREG(state.st_mode)


def relative_path(folder: Path, root: Path) -> str:
    """The folder relative to the root, `.` never: the root itself is the empty path."""
    folder, root = folder.resolve(), root.resolve()
    path = folder.relative_to(root).as_posix() if folder.is_relative_to(root) else folder.as_posix().lstrip("/")
    return "" if path == "." else path


def not_a_folder(folder: Path, mode: int) -> WorkerFailure:
    """The failure of an artifact's name that something else than a folder has."""
    what = "a link, and links are not followed" if stat.S_ISLNK(mode) else "no folder"
    return damaged(f"{folder} is {what}; an artifact is to have this name: move it away")


def damaged(message: str) -> WorkerFailure:
    """The failure of an artifact that is not what its manifest says."""
    return WorkerFailure(Reason.ARTIFACT_DAMAGED, message)


def _refuse_release(folder: Path, manifest: Manifest, vllm_version: str) -> None:
    made = manifest.engine.vllm_version
    if vllm_version and release_of(vllm_version) != release_of(made):
        raise WorkerFailure(
            Reason.INVALID_ENGINE_ARGUMENTS,
            f"{folder} was made with vLLM {made}, and here is {vllm_version} under the same name: the image's tag was "
            "pushed again, or the environment changed. Name the image by its digest, or use another --output",
        )
