"""Finds contradictions in a manifest: every rank must have its parts, every file one name, every tensor one place."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from string import Formatter

from shardwright_worker.contract.manifest import Manifest, Part
from shardwright_worker.contract.naming import MANIFEST_NAME
from shardwright_worker.contract.verification_levels import LEVELS

_WIDTH = re.compile(r"\d{0,2}d?")  # a width of a million would produce a name of a megabyte
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CONFIGURATIONS = ("config.json", "params.json")  # params.json is of Mistral's own format


def contradictions(manifest: Manifest) -> list[str]:
    """Return what cannot be true of an artifact that a worker made, one line each; no other file is read."""
    return [*_ranks(manifest), *_names(manifest), *_tensors(manifest), *_sizes(manifest), *_rest(manifest)]


def _ranks(manifest: Manifest) -> Iterator[str]:
    settings = manifest.engine.settings
    ranks, wide = settings.world_size, settings.tensor_parallel_size
    numbers: defaultdict[int, list[int]] = defaultdict(list)
    for part in manifest.parts:
        numbers[part.rank].append(part.part)
        if (part.pp_rank, part.tp_rank) != divmod(part.rank, wide):
            yield f"{part.file} is recorded as rank {part.rank}, tensor {part.tp_rank}, stage {part.pp_rank}"
    if unknown := [rank for rank in numbers if rank >= ranks]:
        yield f"rank {min(unknown)} is not among the {ranks} ranks of the settings"
    if len(numbers) < ranks:  # no list of all ranks: the settings may claim any number
        missing = next(rank for rank in range(len(numbers) + 1) if rank not in numbers)
        yield f"rank {missing} has no part, of {ranks} ranks in the settings"
    for rank, there in sorted(numbers.items()):
        if sorted(there) != list(range(len(there))):
            yield f"the parts of rank {rank} are not numbered from 0 to {len(there) - 1}"


def _names(manifest: Manifest) -> Iterator[str]:
    names = [*(part.file for part in manifest.parts), *(file.name for file in manifest.metadata), MANIFEST_NAME]
    yield from (f"{name} is named twice" for name in _twice(names))
    for part in manifest.parts:
        if part.file != _name_of(part, manifest.file_pattern):
            yield f"{part.file} is not the name of part {part.part} by the pattern {manifest.file_pattern!r}"


def _name_of(part: Part, pattern: str) -> str | None:
    try:
        if any(conversion or not _WIDTH.fullmatch(spec or "") for _, _, spec, conversion in Formatter().parse(pattern)):
            return None
        # vLLM's {rank} is the tensor parallel rank
        return pattern.format(rank=part.tp_rank, tp_rank=part.tp_rank, pp_rank=part.pp_rank, part=part.part)
    except (ValueError, TypeError, LookupError, AttributeError):
        return None


def _tensors(manifest: Manifest) -> Iterator[str]:
    for rank in sorted({part.rank for part in manifest.parts}):
        names = [tensor.name for part in manifest.parts if part.rank == rank for tensor in part.tensors]
        yield from (f"tensor {name} is in two places of rank {rank}" for name in _twice(names))


def _sizes(manifest: Manifest) -> Iterator[str]:
    yield from (f"{part.file} is recorded as empty" for part in manifest.parts if not part.size)
    digests = {part.file: part.sha256 for part in manifest.parts}
    digests |= {file.name: file.sha256 for file in manifest.metadata}
    yield from (f"{name} has no SHA-256" for name, digest in digests.items() if not _SHA256.fullmatch(digest))
    if not manifest.parts:
        yield "it has no parts"


def _rest(manifest: Manifest) -> Iterator[str]:
    if manifest.verification.level not in LEVELS:
        yield f"{manifest.verification.level!r} is not a level of verification"
    if not any(file.name in _CONFIGURATIONS for file in manifest.metadata):
        yield "it has no config.json"


def _twice(names: Iterable[str]) -> list[str]:
    return sorted(name for name, count in Counter(names).items() if count > 1)
