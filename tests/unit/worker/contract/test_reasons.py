"""The table of reasons."""

from __future__ import annotations

from shardwright_worker.contract.reasons import MEANINGS, reason_of_exit_code


def test_exit_codes_are_unique_and_have_one_reason() -> None:
    codes = {meaning.exit_code: reason for reason, meaning in MEANINGS.items() if meaning.exit_code is not None}
    assert len(codes) == sum(meaning.exit_code is not None for meaning in MEANINGS.values())
    assert all(reason_of_exit_code(code) == reason for code, reason in codes.items() if code is not None)
    assert reason_of_exit_code(1) is None
