"""Proves an artifact: what a stock vLLM loads must be what was saved, and must run as the source does."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import Manifest, Verification
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.engine.answers import difference, kept
from shardwright_worker.engine.child import Child
from shardwright_worker.engine.ranks import RankPlan
from shardwright_worker.files.volume_errors import volume_errors
from shardwright_worker.shard.shard_request import ShardRequest
from shardwright_worker.verify.failed_proof import verdict
from shardwright_worker.verify.read_back import verify_digests

_NAMED, _FILES = 5, 20  # tensors, and files, that a message names


@dataclass(frozen=True)
class Sourced:
    """The normally loaded source: digests as the engine runs it, answers, what its tokenizer does, its files."""

    runtime_digests: dict[str, str]
    answers: dict[str, Any]
    reader: dict[str, Any]
    files: Collection[str]  # of it, without weights


def prove(
    request: ShardRequest,
    manifest: Manifest,
    artifact: Path,
    scratch: Path,
    source: Sourced,
    on_look: Callable[[], None],
) -> Verification:
    """The proof by a load. Raises WorkerFailure."""
    found = _load_stock(request, artifact, scratch, source, on_look)
    count = compare_tensors(manifest, found["tensors"], "Loaded otherwise than saved")
    compare_runtime(source.runtime_digests, found["runtime_digests"])
    compare_readers(source, found["reader"], artifact)
    if wrong := difference(source.answers, found["answers"]):
        raise WorkerFailure(Reason.VERIFICATION_FAILED, wrong[0].upper() + wrong[1:])
    return Verification(
        level=request.verification.capitalize(),
        vllm_version=manifest.engine.vllm_version,
        runtime_digests=found["runtime_digests"],
        tensors=count,
        **kept(found["answers"]),
    )


def prove_by_reading(manifest: Manifest, artifact: Path, on_bytes: Callable[[int], None]) -> Verification:
    """The proof by the bytes alone."""
    with volume_errors(artifact, "read the parts again"):
        verify_digests(artifact, manifest, on_bytes=on_bytes)
    return Verification(level="Digests", tensors=sum(len(part.tensors) for part in manifest.parts))


def _load_stock(
    request: ShardRequest, artifact: Path, scratch: Path, source: Sourced, on_look: Callable[[], None]
) -> dict[str, Any]:
    plan = RankPlan(
        artifact, scratch / "verified", request.file_pattern, request.max_file_size, request.settings.world_size
    )
    plan.scratch.mkdir()
    job = {
        "artifact": str(artifact),
        "scratch": str(plan.scratch),
        "file_pattern": request.file_pattern,
        "engine": request.settings.model_dump(),
        "answers": request.verification == "generate",
        "reader": sorted(source.reader),
    }
    child = Child("shardwright_worker.verify.verify_process", scratch / "verifier", job, plan.to_environment())
    try:
        return child.wait(on_look)
    except WorkerFailure as failure:
        raise verdict(failure, artifact) from failure


def compare_tensors(manifest: Manifest, found: dict[str, dict[str, str]], how: str) -> int:
    """Number of tensors that are as the manifest has them. Raises WorkerFailure that names those that are not."""
    wrong: list[str] = []
    count = 0
    for rank in sorted({part.rank for part in manifest.parts}):
        saved = {one.name: one.xxh3 for part in manifest.parts if part.rank == rank for one in part.tensors}
        loaded: dict[str, Any] = found.get(str(rank), {})
        wrong += [f"{name} (rank {rank})" for name in sorted(saved.keys() ^ loaded.keys())]
        wrong += [f"{name} (rank {rank})" for name in saved if name in loaded and saved[name] != loaded[name]]
        count += len(saved)
    if wrong:
        more = f" and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
        message = f"{how}: {', '.join(wrong[:_NAMED])}{more}"
        raise WorkerFailure(Reason.VERIFICATION_FAILED, message)
    return count


def compare_runtime(source: dict[str, str], shards: dict[str, str]) -> None:
    """The weights as the engine runs them must be equal on every rank."""
    ours = {str(rank): digest for rank, digest in source.items()}
    theirs = {str(rank): digest for rank, digest in shards.items()}
    if ours != theirs:
        ranks = sorted(rank for rank in ours.keys() | theirs.keys() if ours.get(rank) != theirs.get(rank))
        message = f"After vLLM's post-processing the weights of rank {', '.join(ranks)} differ from the source's"
        raise WorkerFailure(Reason.VERIFICATION_FAILED, message)


def compare_readers(source: Sourced, found: dict[str, Any], artifact: Path) -> None:
    """Where the source's tokenizer and processor load, the artifact's must load and do the same."""
    wrong = sorted(name for name, fact in source.reader.items() if found.get(name) != fact)
    if not wrong:
        return
    left_out = ", ".join(sorted(name for name in source.files if not (artifact / name).exists())[:_FILES])
    lacking = f"; it lacks these files of the source: {left_out}" if left_out else ""
    if error := found.get("error"):
        message = f"The source's tokenizer or processor loads, the artifact's does not ({error}){lacking}"
    else:
        message = f"The artifact's tokenizer differs from the source's in {', '.join(wrong)}{lacking}"
    raise WorkerFailure(Reason.VERIFICATION_FAILED, message)
