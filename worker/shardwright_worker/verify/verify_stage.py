"""Verifies an artifact: what a stock vLLM loads must be what was saved, and must run as the source does."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import Manifest, Verification
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.engine.answers import difference, recorded
from shardwright_worker.engine.child import Child
from shardwright_worker.engine.messages import EngineJob, EngineResult
from shardwright_worker.files.volume_errors import volume_errors
from shardwright_worker.verify.compare import compare_runtime, compare_tensors, compare_tokenizers
from shardwright_worker.verify.failed_proof import failure_of_proof
from shardwright_worker.verify.read_back import read_back
from shardwright_worker.verify.verify_process import load_shards


@dataclass(frozen=True, slots=True)
class VerifyRequest:
    """An artifact, how a server loads it, and what the source loaded to."""

    artifact: Path
    settings: EngineSettings
    file_pattern: str  # empty: vLLM's own
    level: str  # load or generate
    source: EngineResult
    source_files: Collection[str]  # names of the source's files, without weights


def verify_by_loading(
    request: VerifyRequest, manifest: Manifest, scratch: Path, on_poll: Callable[[], None]
) -> Verification:
    """Load the artifact with a stock vLLM and return the proof. `on_poll` is called while vLLM works.

    Raises:
        WorkerFailure: VerificationFailed, or what the machine or the volume did.
    """
    source, shards = request.source, _load(request, scratch, on_poll)
    count = compare_tensors(manifest, shards.loaded_digests, "The shards do not load to what was saved")
    compare_runtime(source.runtime_digests, shards.runtime_digests)
    compare_tokenizers(source, shards, request.source_files, request.artifact)
    if wrong := difference(source.answers, shards.answers):
        raise WorkerFailure(Reason.VERIFICATION_FAILED, wrong[0].upper() + wrong[1:])
    answers = recorded(shards.answers)
    return Verification(
        level=request.level.capitalize(),
        vllm_version=manifest.engine.vllm_version,
        runtime_digests={str(rank): digest for rank, digest in shards.runtime_digests.items()},
        tensors=count,
        tokens=answers.tokens,
        logprobs=answers.logprobs,
        vectors=answers.vectors,
    )


def verify_by_reading(manifest: Manifest, artifact: Path, on_total: Callable[[int], None]) -> Verification:
    """Read the artifact's files again and return the proof. `on_total` receives the bytes that were read so far.

    Raises:
        WorkerFailure: VerificationFailed, or what the volume did.
    """
    with volume_errors(artifact, "read the parts again"):
        read_back(artifact, manifest, on_total)
    return Verification(level="Digests", tensors=sum(len(part.tensors) for part in manifest.parts))


def _load(request: VerifyRequest, scratch: Path, on_poll: Callable[[], None]) -> EngineResult:
    tokenizer = request.source.tokenizer
    job = EngineJob(
        output=request.artifact,
        scratch=scratch / "verify",
        settings=request.settings,
        file_pattern=request.file_pattern,
        generates=request.level == "generate",
        compares_tokenizer=tokenizer is not None,
        compares_processor=tokenizer is not None and tokenizer.processor is not None,
    )
    try:
        return Child(load_shards, EngineResult, job).wait(on_poll)
    except WorkerFailure as failure:
        raise failure_of_proof(failure, request.artifact) from failure
