"""What counts as the same answer: equal to the last bit, unless an engine does not answer the same twice."""

from __future__ import annotations

import math
from typing import Any

import pytest

from shardwright_worker.engine.answers import difference, distance, kept

WRITTEN: dict[str, Any] = {"tokens": [[1, 2]], "places": [[[1, 7], [2, 7]]], "logprobs": [[-0.5, -1.5]], "spread": 0.0}
POOLED: dict[str, Any] = {"vectors": [[0.25, -0.5]], "spread": 0.0}


@pytest.mark.parametrize("answers", [WRITTEN, POOLED, {}])
def test_equal_answers(answers: dict[str, Any]) -> None:
    assert difference(answers, dict(answers)) == ""


@pytest.mark.parametrize(
    ("source", "shards", "words"),
    [
        (WRITTEN, {**WRITTEN, "tokens": [[1, 3]]}, "answer [[1, 3]]"),
        (WRITTEN, {**WRITTEN, "logprobs": [[-0.5, -1.5000001]]}, "log-probabilities"),
        (WRITTEN, {**WRITTEN, "places": [[[1, 7], [2, 8]]]}, "log-probabilities"),
        (WRITTEN, {**WRITTEN, "logprobs": []}, "log-probabilities"),
        (WRITTEN, {**WRITTEN, "logprobs": [[math.nan, -1.5]]}, "log-probabilities"),
        (POOLED, {**POOLED, "vectors": [[0.25, -0.5000001]]}, "vectors"),
        (POOLED, {**POOLED, "vectors": [[0.25]]}, "vectors"),
        (POOLED, {}, "vectors"),
    ],
)
def test_other_answers(source: dict[str, Any], shards: dict[str, Any], words: str) -> None:
    assert words in difference(source, shards)


def test_only_what_the_engine_itself_does_not_repeat_may_differ() -> None:
    shaky = {**WRITTEN, "spread": 0.01}
    assert difference(shaky, {**WRITTEN, "logprobs": [[-0.5, -1.509]]}) == ""
    assert "0.02" in difference(shaky, {**WRITTEN, "logprobs": [[-0.5, -1.52]]})


def test_no_number_equals_itself() -> None:
    broken = {"vectors": [[math.nan, math.inf]], "spread": 0.0}
    assert distance(broken, broken) == 0.0
    assert difference(broken, broken) == ""
    assert kept(broken) == {"tokens": [], "logprobs": []}


def test_a_manifest_keeps_a_bounded_part() -> None:
    assert [len(line) for line in kept({"vectors": [[1.0] * 5000]})["vectors"]] == [64]
