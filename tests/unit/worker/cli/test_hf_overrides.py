"""The JSON of --hf-overrides has one meaning, or is refused in time that grows with its length."""

from __future__ import annotations

import json

import pytest

from shardwright_worker.cli.arguments import build_parser
from shardwright_worker.cli.engine_settings import engine_settings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import digest_of
from shardwright_worker.contract.reasons import Reason


def refused(*flags: str) -> str:
    with pytest.raises(WorkerFailure) as caught:
        engine_settings(build_parser().parse_args(["prepare", "--output", "/x", *flags]))
    assert caught.value.reason == Reason.INVALID_ENGINE_ARGUMENTS
    return caught.value.message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a":' + "[" * 4000 + "]" * 4000 + "}", "nested more than 50 deep"),
        ('{"a":' * 60 + "1" + "}" * 60, "nested more than 50 deep"),
        ('{"a": "\\ud800"}', "half of a surrogate pair"),
        ('{"\\udfff": 1}', "half of a surrogate pair"),
        ('{"a": 1, "a": 2}', "the key 'a' twice"),
        ('{"b": {"a": 1, "a": 2}}', "the key 'a' twice"),
        ('{"a": NaN}', "has NaN"),
        ('{"a": -Infinity}', "has -Infinity"),
        ('{"a": 1e400}', "too large"),
        ('{"a": ' + "9" * 5000 + "}", "a number of 5000 digits"),
        ('{"a": 9223372036854775808}', "a number of 19 digits"),
        ('{"a": "' + "x" * 2_000_000 + '"}', "characters"),
        ("{", "is not JSON"),
    ],
)
def test_overrides_have_one_meaning_or_are_refused(text: str, words: str) -> None:
    message = refused(f"--hf-overrides={text}")
    assert words in message
    assert len(message) < 400


def test_overrides_of_models_pass() -> None:
    text = json.dumps({"rope_scaling": {"factor": 4.0, "rope_type": "yarn"}, "a": [1, -2, None, True, "é", 2**62]})
    settings = engine_settings(build_parser().parse_args(["prepare", "--output", "/x", "--hf-overrides", text]))
    assert digest_of(settings.identity())
