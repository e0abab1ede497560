"""Patterns for part files: each part of each rank has a name of its own, which vLLM finds."""

from __future__ import annotations

import fnmatch

import pytest

from shardwright_worker.checks.pattern_check import check_pattern
from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.vllm_support.part_names import default_file_pattern, problems
from tools.testing.file_patterns import patterns


@pytest.mark.parametrize(
    ("pattern", "tp", "pp", "words"),
    [
        ("m-{part}.safetensors", 2, 1, "must have {tp_rank}"),
        ("m-{rank}-{part}.safetensors", 1, 2, "must have {pp_rank}"),
        ("m-{pp_rank}-{part}.safetensors", 1, 1, "without pipeline parallelism"),
        ("m-{rank}.safetensors", 2, 1, "must have {part} exactly once"),
        ("m-{layer}-{part}.safetensors", 1, 1, "unknown field"),
        ("../m-{part}.safetensors", 1, 1, "plain file name"),
        ("m-{part", 1, 1, "single brace"),
        ("m-{rank}{part}.safetensors", 2, 1, "between two fields"),
        ("m{tp_rank}1{part}.safetensors", 2, 1, "other than a digit"),
        ("m-{part!r}.safetensors", 1, 1, "plain file name"),
        ("m-{part:>99}.safetensors", 1, 1, "plain file name"),
        ("m-{part.real}.safetensors", 1, 1, "unknown field"),
        ("m-{part}-[0-9]-{rank}.safetensors", 2, 1, "plain file name"),
        ("m-{part}-*.safetensors", 1, 1, "plain file name"),
        ("m-{part}.safetensors\n", 1, 1, "plain file name"),
        ("m-{{part}}.safetensors", 1, 1, "single brace"),
        ("{part}-{rank}-{part}-{part}.safetensors", 2, 1, "exactly once"),
        (".m-{part}.safetensors", 1, 1, "no dot or dash first"),
        ("m-{part}" + "x" * 200 + ".safetensors", 1, 1, "the limit is 200"),
    ],
)
def test_patterns_that_are_refused(pattern: str, tp: int, pp: int, words: str) -> None:
    with pytest.raises(WorkerFailure) as caught:
        check_pattern(pattern, EngineSettings(tensor_parallel_size=tp, pipeline_parallel_size=pp))
    assert words in caught.value.message


def test_patterns_that_are_accepted() -> None:
    check_pattern("m-{part}.safetensors", EngineSettings())
    check_pattern("m-{rank}-{part}.safetensors", EngineSettings(tensor_parallel_size=2))
    check_pattern("m-{pp_rank}-{tp_rank}-{part}.safetensors", EngineSettings(pipeline_parallel_size=2))
    check_pattern("{pp_rank}.{part}.safetensors", EngineSettings(pipeline_parallel_size=2))
    for pipeline in (1, 2):
        both = EngineSettings(tensor_parallel_size=2, pipeline_parallel_size=pipeline)
        check_pattern(default_file_pattern(pipeline), both)


def test_no_rank_loads_the_files_of_another_by_an_accepted_pattern() -> None:
    places = [(tensor, stage, part) for tensor in (0, 1, 2, 11, 12, 21) for stage in (0, 1, 11) for part in (0, 1, 11)]
    taken = 0
    for pattern in patterns(2000):
        if problems(pattern, 32, 12):
            continue
        taken += 1
        names: dict[str, tuple[int, int]] = {}
        for tensor, stage, part in places:
            name = pattern.format(rank=tensor, tp_rank=tensor, pp_rank=stage, part=part)
            assert names.setdefault(name, (tensor, stage)) == (tensor, stage)
        for tensor, stage in set(names.values()):
            wanted = pattern.format(rank=tensor, tp_rank=tensor, pp_rank=stage, part="*")
            assert {names[name] for name in fnmatch.filter(names, wanted)} == {(tensor, stage)}, pattern
    assert taken > 30
