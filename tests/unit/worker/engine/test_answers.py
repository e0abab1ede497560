"""Answers are the same if they are equal to the last bit, unless one engine does not answer the same twice."""

from __future__ import annotations

import math
from typing import Any

import pytest

from shardwright_worker.engine.answers import difference, distance, recorded
from shardwright_worker.engine.messages import Answers

GENERATED = Answers(tokens=[[1, 2]], candidates=[[[1, 7], [2, 7]]], logprobs=[[-0.5, -1.5]])
POOLED = Answers(vectors=[[0.25, -0.5]])
NONE = Answers()


def _generated(**changes: Any) -> Answers:
    return GENERATED.model_copy(update=changes)


@pytest.mark.parametrize("answers", [GENERATED, POOLED, NONE])
def test_equal_answers_do_not_differ(answers: Answers) -> None:
    assert difference(answers, answers.model_copy()) == ""


@pytest.mark.parametrize(
    ("source", "shards", "text"),
    [
        (GENERATED, _generated(tokens=[[1, 3]]), "answer [[1, 3]]"),
        (GENERATED, _generated(logprobs=[[-0.5, -1.5000001]]), "log-probabilities"),
        (GENERATED, _generated(candidates=[[[1, 7], [2, 8]]]), "log-probabilities"),
        (GENERATED, _generated(logprobs=[]), "log-probabilities"),
        (GENERATED, _generated(logprobs=[[math.nan, -1.5]]), "log-probabilities"),
        (POOLED, Answers(vectors=[[0.25, -0.5000001]]), "vectors"),
        (POOLED, Answers(vectors=[[0.25]]), "vectors"),
        (POOLED, NONE, "vectors"),
    ],
)
def test_other_answers_are_described(source: Answers, shards: Answers, text: str) -> None:
    assert text in difference(source, shards)


def test_answers_may_differ_as_much_as_those_of_one_engine() -> None:
    varying = _generated(spread=0.01)
    assert difference(varying, _generated(logprobs=[[-0.5, -1.509]])) == ""
    assert "0.02" in difference(varying, _generated(logprobs=[[-0.5, -1.52]]))


def test_nan_and_infinity_equal_themselves_but_are_not_recorded() -> None:
    broken = Answers(vectors=[[math.nan, math.inf]])
    assert distance(broken, broken) == 0.0
    assert difference(broken, broken) == ""
    assert recorded(broken) == NONE


def test_a_bounded_part_is_recorded() -> None:
    assert [len(line) for line in recorded(Answers(vectors=[[1.0] * 5000])).vectors] == [64]
