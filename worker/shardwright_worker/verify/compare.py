"""Compares what was loaded from the shards with what was saved and with the source; a difference fails the proof."""

from collections.abc import Collection, Mapping
from pathlib import Path

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import Manifest
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.text import abbreviate
from shardwright_worker.engine.messages import EngineResult, TokenizerFacts

_NAMED, _FILES = 5, 20  # tensors, and files, that a message names
_NOT_LOADED = TokenizerFacts(tokens=[], vocabulary=None, special_tokens=[], chat_template="")


def compare_tensors(manifest: Manifest, loaded_digests: Mapping[int, Mapping[str, str]], what: str) -> int:
    """Return the number of tensors, all of which have the manifest's digests.

    `loaded_digests`: rank -> name -> XXH3-128.

    Raises:
        WorkerFailure: VerificationFailed that names those that differ, after `what` differs.
    """
    wrong: list[str] = []
    count = 0
    for rank in sorted({part.rank for part in manifest.parts}):
        saved = {one.name: one.xxh3 for part in manifest.parts if part.rank == rank for one in part.tensors}
        loaded = loaded_digests.get(rank, {})
        wrong += [f"{name} (rank {rank})" for name in sorted(saved.keys() ^ loaded.keys())]
        wrong += [f"{name} (rank {rank})" for name in saved if name in loaded and saved[name] != loaded[name]]
        count += len(saved)
    if wrong:
        raise WorkerFailure(Reason.VERIFICATION_FAILED, f"{what}: {abbreviate(wrong, _NAMED)}")
    return count


def compare_runtime(source: Mapping[int, str], shards: Mapping[int, str]) -> None:
    """Compare the weights as the engine runs them. Both map rank -> runtime digest.

    Raises:
        WorkerFailure: VerificationFailed that names the ranks that differ.
    """
    if source != shards:
        ranks = sorted(rank for rank in source.keys() | shards.keys() if source.get(rank) != shards.get(rank))
        numbers = ", ".join(map(str, ranks))
        message = f"After vLLM's post-processing the weights of rank {numbers} differ from the source's"
        raise WorkerFailure(Reason.VERIFICATION_FAILED, message)


def compare_tokenizers(
    source: EngineResult, shards: EngineResult, source_files: Collection[str], artifact: Path
) -> None:
    """Compare the tokenizers and processors, if the source's tokenizer loads. `source_files`: names, without weights.

    Raises:
        WorkerFailure: VerificationFailed that names what differs, and files of the source that the artifact lacks.
    """
    if source.tokenizer is None:
        return
    ours = dict(source.tokenizer)
    theirs = dict(shards.tokenizer or _NOT_LOADED)
    wrong = sorted(name for name, fact in ours.items() if theirs[name] != fact)
    if not wrong and not shards.tokenizer_error:
        return
    left_out = ", ".join(sorted(name for name in source_files if not (artifact / name).exists())[:_FILES])
    lacking = f"; it lacks these files of the source: {left_out}" if left_out else ""
    if error := shards.tokenizer_error:
        message = f"The source's tokenizer or processor loads, the artifact's does not ({error}){lacking}"
    else:
        names = ", ".join(name.replace("_", " ") for name in wrong)
        message = f"The artifact's tokenizer differs from the source's in {names}{lacking}"
    raise WorkerFailure(Reason.VERIFICATION_FAILED, message)
