"""Messages between processes survive the way through their files; anything else in a file fails clearly."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import Part, Tensor
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.engine.messages import (
    Answers,
    EngineFacts,
    EngineFailed,
    EngineJob,
    EngineResult,
    LoadTimes,
    SourceResult,
    TokenizerFacts,
    has_outcome,
    read_outcome,
    write_outcome,
)
from shardwright_worker.engine.rank_messages import RankSaved

TOKENIZER = TokenizerFacts(tokens=[[1, 2]], vocabulary=7, special_tokens=[1, [2, 3], None, None], chat_template="")
TENSOR = Tensor(name="norm", dtype="BF16", shape=[8], xxh3="0" * 32)
PART = Part(file="a.safetensors", rank=1, tp_rank=1, pp_rank=0, part=0, size=9, sha256="1" * 64, tensors=[TENSOR])
FACTS = EngineFacts(
    vllm_version="0.32.0",
    torch_version="2.13.0",
    transformers_version="5",
    safetensors_version="0.8.0",
    accelerator="cpu",
    dtype="bfloat16",
    quantization="",
    moe_backend="",
    linear_backend="",
    quantization_lists={"modules_to_not_convert": ["lm_head"]},
)
SOURCE = SourceResult(
    engine=FACTS,
    times=LoadTimes(imported=3.0, configured=4.5, started=9.25),
    saved={1: RankSaved(rank=1, parts=[PART], untied=True)},
    runtime_digests={0: "a", 1: "b"},
    answers=Answers(tokens=[[3]], logprobs=[[-0.5, -math.inf]], spread=math.inf),
    tokenizer=TOKENIZER,
)


def test_no_outcome_is_none(tmp_path: Path) -> None:
    assert not has_outcome(tmp_path)
    assert read_outcome(tmp_path, EngineResult) is None


@pytest.mark.parametrize("result", [SOURCE, EngineResult(loaded_digests={0: {"norm": "c"}}, runtime_digests={0: "a"})])
def test_a_result_is_read_as_it_was_written(tmp_path: Path, result: EngineResult) -> None:
    write_outcome(tmp_path, result)
    assert has_outcome(tmp_path)
    assert read_outcome(tmp_path, type(result)) == result
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_numbers_that_are_not_numbers_are_kept(tmp_path: Path) -> None:
    write_outcome(tmp_path, EngineResult(runtime_digests={}, answers=Answers(vectors=[[math.nan]])))
    result = read_outcome(tmp_path, EngineResult)
    assert isinstance(result, EngineResult)
    assert math.isnan(result.answers.vectors[0][0])


def test_a_failure_comes_before_a_result(tmp_path: Path) -> None:
    failed = EngineFailed.of(WorkerFailure(Reason.SOURCE_CORRUPT, "\udc80 is damaged", rank=2, error_type="OSError"))
    write_outcome(tmp_path, EngineResult(runtime_digests={}))
    write_outcome(tmp_path, failed)
    assert read_outcome(tmp_path, EngineResult) == failed
    assert failed.message == "? is damaged"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"runtime_digests": {}, "unknown": 1}', '{"runtime_digests": {"a": 1}}']
)
def test_anything_else_is_an_unexpected_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "result.json").write_text(text)
    with pytest.raises(WorkerFailure, match=r"result\.json is not a message") as failed:
        read_outcome(tmp_path, EngineResult)
    assert failed.value.reason is Reason.UNEXPECTED_ERROR


def test_a_job_without_a_source_loads_the_output() -> None:
    job = EngineJob(output=Path("/o"), scratch=Path("/s"), settings=EngineSettings(tensor_parallel_size=2))
    assert (job.model, job.rank_plan.ranks, job.rank_plan.output) == (Path("/o"), 2, Path("/o"))
    assert job.model_copy(update={"source": Path("/m")}).model == Path("/m")
