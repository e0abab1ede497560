"""Finds finished artifacts: a folder counts if its manifest can be read and every file has the recorded size."""

import hashlib
from pathlib import Path

from pydantic import ValidationError

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import Manifest
from shardwright_worker.contract.naming import FORMAT_VERSION, MANIFEST_NAME, is_key, stays_inside
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.report import ArtifactReport


def read_manifest(folder: Path) -> Manifest:
    """The folder's manifest, or ArtifactDamaged that says why there is none."""
    path = folder / MANIFEST_NAME
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        what = "no such folder" if not folder.is_dir() else f"{MANIFEST_NAME}: {error.strerror}"
        raise damaged(f"{folder} is no artifact: {what}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "it"
        raise damaged(f"{path} cannot be read: {where}: {first['msg']}") from None
    if manifest.schema_version > FORMAT_VERSION:
        raise damaged(
            f"{path} has format {manifest.schema_version}, this worker reads up to {FORMAT_VERSION}: use a newer one"
        )
    for name in file_sizes(manifest):
        if not stays_inside(name):
            raise damaged(f"{path} names a file {name!r}, which is outside the folder")
    return manifest


def file_sizes(manifest: Manifest) -> dict[str, int]:
    """Size of every file that the manifest names."""
    parts = {part.file: part.size for part in manifest.parts}
    return {**parts, **{file.name: file.size for file in manifest.metadata}}


def wrong_sizes(folder: Path, manifest: Manifest) -> list[str]:
    """What is wrong with the files' sizes, one line each."""
    wrong = []
    for name, size in file_sizes(manifest).items():
        try:
            there = (folder / name).stat().st_size
        except OSError as error:
            wrong.append(f"{name} is missing" if isinstance(error, FileNotFoundError) else f"{name}: {error.strerror}")
            continue
        if there != size:
            wrong.append(f"{name} has {there} bytes instead of {size}")
    return wrong


def finished_artifact(output: Path, key: str, volume_root: Path) -> ArtifactReport | None:
    """The artifact of this key, None unless it is whole as far as manifest and sizes tell."""
    folder = output / key
    try:
        manifest = read_manifest(folder)
    except WorkerFailure:
        return None
    if manifest.key != key or wrong_sizes(folder, manifest):
        return None
    return artifact_report(folder, manifest, volume_root)


def artifact_report(folder: Path, manifest: Manifest, volume_root: Path) -> ArtifactReport:
    """What a report says of a published artifact."""
    return ArtifactReport(
        key=manifest.key,
        path=relative_path(folder, volume_root),
        manifest_digest=hashlib.sha256((folder / MANIFEST_NAME).read_bytes()).hexdigest(),
        bytes=manifest.bytes,
        files=manifest.files,
        vllm_version=manifest.engine.vllm_version,
        accelerator=manifest.engine.accelerator,
        verified_by=manifest.verification.level,
        source_revision=manifest.source.revision,
        completed_at=manifest.created_at,
    )


def artifact_keys(output: Path) -> list[str]:
    """Keys of all folders that look like artifacts, whole or not."""
    try:
        return sorted(each.name for each in output.iterdir() if is_key(each.name) and (each / MANIFEST_NAME).is_file())
    except OSError:
        return []


def relative_path(folder: Path, root: Path) -> str:
    """The folder relative to the root, `.` never: the root itself is the empty path."""
    folder, root = folder.resolve(), root.resolve()
    path = folder.relative_to(root).as_posix() if folder.is_relative_to(root) else folder.as_posix().lstrip("/")
    return "" if path == "." else path


def damaged(message: str) -> WorkerFailure:
    """The failure of an artifact that is not what its manifest says."""
    return WorkerFailure(Reason.ARTIFACT_DAMAGED, message)
