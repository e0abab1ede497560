"""Proves a staged artifact: what a stock vLLM loads must be what was saved, and must run as the source does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import Manifest, Verification
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.shard.child import Child
from shardwright_worker.shard.rank import RankPlan
from shardwright_worker.shard.request import ShardRequest

_NAMED = 5  # tensors that a message names


def prove(
    request: ShardRequest,
    manifest: Manifest,
    staging: Path,
    scratch: Path,
    source: dict[str, Any],
    on_look: Callable[[], None],
) -> Verification:
    """The proof. `source`: runtime digests and tokens of the normally loaded source. Raises WorkerFailure."""
    found = _load_stock(request, staging, scratch, on_look)
    count = compare_tensors(manifest, found["tensors"])
    compare_runtime(source["runtime_digests"], found["runtime_digests"])
    if source["tokens"] != found["tokens"]:
        message = f"The shards answer {found['tokens']} where the source answers {source['tokens']}"
        raise WorkerFailure(Reason.VERIFICATION_FAILED, message)
    return Verification(
        level=request.verification.capitalize(),
        vllm_version=manifest.engine.vllm_version,
        runtime_digests=found["runtime_digests"],
        tensors=count,
        tokens=found["tokens"],
    )


def _load_stock(request: ShardRequest, staging: Path, scratch: Path, on_look: Callable[[], None]) -> dict[str, Any]:
    plan = RankPlan(
        staging, scratch / "verified", request.file_pattern, request.max_file_size, request.settings.world_size
    )
    plan.scratch.mkdir()
    job = {
        "staging": str(staging),
        "scratch": str(plan.scratch),
        "file_pattern": request.file_pattern,
        "engine": request.settings.model_dump(),
        "writes": request.verification == "generate",
    }
    child = Child("shardwright_worker.verify.process", scratch / "verifier", job, plan.to_environment())
    try:
        return child.wait(on_look)
    except WorkerFailure as failure:
        raise _as_verification(failure) from failure


def compare_tensors(manifest: Manifest, found: dict[str, dict[str, str]]) -> int:
    """Number of tensors that were loaded as they were saved. Raises WorkerFailure that names those that were not."""
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
        message = f"Loaded otherwise than saved: {', '.join(wrong[:_NAMED])}{more}"
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


def _as_verification(failure: WorkerFailure) -> WorkerFailure:
    kept = (Reason.OUT_OF_MEMORY, Reason.OUT_OF_DEVICE_MEMORY, Reason.DEVICE_UNAVAILABLE, Reason.COMMUNICATION_FAILED)
    if failure.reason in kept:
        return failure
    message = f"A stock vLLM cannot load the shards: {failure.message}"
    return WorkerFailure(Reason.VERIFICATION_FAILED, message, rank=failure.rank, error_type=failure.error_type)
