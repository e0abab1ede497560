"""A difference between what was saved, what the source loads to and what the shards load to fails the proof."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import Part, Tensor
from shardwright_worker.engine.messages import EngineResult, TokenizerFacts
from shardwright_worker.verify.compare import compare_runtime, compare_tensors, compare_tokenizers

FACTS = TokenizerFacts(tokens=[[1]], vocabulary=2, special_tokens=[1], chat_template="")
DIGESTS = {"a": "1" * 32, "b": "2" * 32}


def _manifest(ranks: int) -> Any:
    tensors = [Tensor(name=name, dtype="U8", shape=[1], xxh3=xxh3) for name, xxh3 in DIGESTS.items()]
    place = {"pp_rank": 0, "part": 0, "size": 1, "sha256": "3" * 64, "tensors": tensors}
    parts = [Part(file=f"{rank}", rank=rank, tp_rank=rank, **place) for rank in range(ranks)]
    return SimpleNamespace(parts=parts)


def _result(tokenizer: TokenizerFacts | None, error: str = "") -> EngineResult:
    return EngineResult(runtime_digests={}, tokenizer=tokenizer, tokenizer_error=error)


def test_equal_tensors_are_counted() -> None:
    assert compare_tensors(_manifest(2), {0: DIGESTS, 1: DIGESTS}, "Differs") == 4


@pytest.mark.parametrize(
    ("loaded", "message"),
    [
        ({0: DIGESTS, 1: {**DIGESTS, "b": "0" * 32}}, "Differs: b (rank 1)"),
        ({0: DIGESTS}, "Differs: a (rank 1), b (rank 1)"),
        ({0: {**DIGESTS, "c": "0" * 32}, 1: DIGESTS}, "Differs: c (rank 0)"),
        ({}, "Differs: a (rank 0), b (rank 0), a (rank 1), b (rank 1)"),
    ],
)
def test_tensors_that_differ_are_named(loaded: dict[int, dict[str, str]], message: str) -> None:
    with pytest.raises(WorkerFailure) as failed:
        compare_tensors(_manifest(2), loaded, "Differs")
    assert failed.value.message == message


def test_ranks_whose_running_weights_differ_are_named() -> None:
    compare_runtime({0: "x", 1: "y"}, {1: "y", 0: "x"})
    with pytest.raises(WorkerFailure, match=r"weights of rank 1, 2 differ"):
        compare_runtime({0: "x", 1: "y", 2: "z"}, {0: "x", 1: "z"})


def test_equal_tokenizers_and_none_in_the_source_pass(tmp_path: Path) -> None:
    compare_tokenizers(_result(FACTS), _result(FACTS), [], tmp_path)
    compare_tokenizers(_result(None), _result(None), ["tokenizer.json"], tmp_path)


@pytest.mark.parametrize(
    ("shards", "text"),
    [
        (_result(FACTS.model_copy(update={"special_tokens": [2], "tokens": []})), "in special tokens, tokens;"),
        (_result(None, "OSError: broken"), "the artifact's does not (OSError: broken);"),
        (_result(FACTS, "OSError: no processor"), "the artifact's does not (OSError: no processor);"),
    ],
)
def test_what_differs_and_what_is_missing_is_named(tmp_path: Path, shards: EngineResult, text: str) -> None:
    (tmp_path / "there.json").touch()
    with pytest.raises(WorkerFailure) as failed:
        compare_tokenizers(_result(FACTS), shards, ["there.json", "missing.json"], tmp_path)
    assert text in failed.value.message
    assert failed.value.message.endswith("; it lacks these files of the source: missing.json")
