"""Finds finished artifacts: a folder is one if its manifest is consistent and its files are what the manifest says."""

import stat
from pathlib import Path

from shardwright_worker.artifact.artifact_files import wrong_files
from shardwright_worker.artifact.manifest_consistency import contradictions
from shardwright_worker.artifact.manifest_file import (
    damage_failure,
    manifest_digest,
    read_manifest_and_digest,
    summarize_problems,
)
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import Manifest
from shardwright_worker.contract.naming import MANIFEST_NAME, is_key, public_version
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.report import ArtifactReport
from shardwright_worker.files.nofollow import is_folder, list_folder, lstat_if_exists, reject_symlinks


def find_artifact(output: Path, key: str, volume_root: Path, vllm_version: str = "") -> ArtifactReport | None:
    """Return the artifact of this key, or None unless manifest, file sizes and headers show that it is complete.

    `vllm_version` is that of the installed vLLM, if there is one: an artifact of another release under the same key
    is rejected.

    Raises:
        WorkerFailure: ArtifactDamaged if the name is taken by something that is not a folder; InvalidEngineArguments
            for another release of vLLM; VolumeUnavailable if the volume does not answer.
    """
    folder = output / key
    reject_symlinks(volume_root, output)
    state = lstat_if_exists(folder)
    if state is None:
        return None
    if not stat.S_ISDIR(state.st_mode):
        raise not_a_folder_failure(folder, state.st_mode)
    try:
        manifest, digest = _read_complete(folder, key)
    except WorkerFailure as failure:
        if failure.reason != Reason.ARTIFACT_DAMAGED:
            raise
        return None
    _reject_other_release(folder, manifest, vllm_version)
    return _report(folder, manifest, digest, volume_root)


def find_damage(folder: Path, key: str) -> str:
    """Return what manifest, file sizes and headers show to be wrong with an artifact; an empty string if nothing.

    Raises:
        WorkerFailure: the volume does not answer.
    """
    try:
        _read_complete(folder, key)
    except WorkerFailure as failure:
        if failure.reason != Reason.ARTIFACT_DAMAGED:
            raise
        return failure.message
    return ""


def artifact_report(folder: Path, manifest: Manifest, volume_root: Path) -> ArtifactReport:
    """Return the report of a published artifact, its path relative to the volume's root."""
    return _report(folder, manifest, manifest_digest(folder), volume_root)


def artifact_keys(output: Path) -> list[str]:
    """Return the keys of all folders that have a key's name and a manifest, damaged or not; links are left out."""
    names = filter(is_key, list_folder(output))
    return [name for name in names if is_folder(output / name) and _has_manifest(output / name)]


def relative_path(folder: Path, root: Path) -> str:
    """Return the path of a folder relative to the root, that of the root itself as an empty string."""
    folder, root = folder.resolve(), root.resolve()
    path = folder.relative_to(root).as_posix() if folder.is_relative_to(root) else folder.as_posix().lstrip("/")
    return "" if path == "." else path


def not_a_folder_failure(folder: Path, mode: int) -> WorkerFailure:
    """Return the failure for an artifact's name that something other than a folder has; `mode` is its st_mode."""
    kind = "a symbolic link, and links are not followed" if stat.S_ISLNK(mode) else "not a folder"
    return damage_failure(f"{folder} is {kind}; this name is needed for an artifact: move it away")


def _read_complete(folder: Path, key: str) -> tuple[Manifest, str]:
    """Return manifest and digest of a complete artifact of this key; ArtifactDamaged for any other."""
    manifest, digest = read_manifest_and_digest(folder)
    problems = contradictions(manifest)
    if manifest.key != key or not manifest.may_have_key(key):
        problems = [f"its manifest is not that of {key}: source, settings, image or pattern differ", *problems]
    if summary := summarize_problems(folder, problems or wrong_files(folder, manifest)):
        raise damage_failure(summary)
    return manifest, digest


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
        measured=manifest.measured,
    )


def _has_manifest(folder: Path) -> bool:
    state = lstat_if_exists(folder / MANIFEST_NAME)
    return state is not None and stat.S_ISREG(state.st_mode)


def _reject_other_release(folder: Path, manifest: Manifest, vllm_version: str) -> None:
    made_with = manifest.engine.vllm_version
    if vllm_version and public_version(vllm_version) != public_version(made_with):
        raise WorkerFailure(
            Reason.INVALID_ENGINE_ARGUMENTS,
            f"{folder} was made with vLLM {made_with}, and {vllm_version} is installed here under the same key: the "
            "image's tag was pushed again, or the environment changed. Set the image by its digest, or use another "
            "--output",
        )
