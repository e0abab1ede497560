"""The table of reasons."""

from __future__ import annotations

from shardwright_worker.contract.reasons import MEANINGS, Group, Reason, reason_of_exit_code


def test_exit_codes_are_unique_and_have_one_reason() -> None:
    codes = {meaning.exit_code: reason for reason, meaning in MEANINGS.items() if meaning.exit_code is not None}
    assert len(codes) == sum(meaning.exit_code is not None for meaning in MEANINGS.values())
    assert all(reason_of_exit_code(code) == reason for code, reason in codes.items() if code is not None)
    assert reason_of_exit_code(1) is None


def test_every_reason_has_a_row() -> None:
    assert set(MEANINGS) == set(Reason)
    assert {meaning.group for meaning in MEANINGS.values()} == set(Group)


def test_a_retryable_failure_while_shards_are_loaded_stays_retryable() -> None:
    """The exceptions are failures that the process that loads the shards does not raise."""
    never_raised = {
        Reason.SOURCE_UNAVAILABLE,
        Reason.TRANSFER_FAILED,
        Reason.SOURCE_CHANGED,
        Reason.DISRUPTED,
        Reason.WORKER_PROTOCOL_ERROR,
    }
    blamed = {one for one, meaning in MEANINGS.items() if meaning.exit_code and meaning.retry and meaning.blames_shards}
    assert blamed == never_raised
