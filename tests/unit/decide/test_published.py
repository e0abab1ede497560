"""What is published stays Ready while nothing is due, and says what was verified."""

from __future__ import annotations

import pytest

from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.verification_levels import LEVELS
from tests.unit.decide.namespaces import ready


def test_a_published_artifact_does_not_need_its_source() -> None:
    namespace = ready()
    namespace.claims["models"] = None
    plan = namespace.settle()
    assert namespace.ready() == ("True", Reason.SUCCEEDED)
    assert plan.requeue_after is None


@pytest.mark.parametrize("level", LEVELS)
def test_the_condition_says_what_was_verified_and_no_more(level: str) -> None:
    namespace = ready(verification=level)
    verified = namespace.status.condition("Verified")
    assert verified is not None
    expected = ("Unknown", Reason.DIGESTS_ONLY) if level == "Digests" else ("True", Reason.SUCCEEDED)
    assert (verified.status, verified.reason) == expected
    assert ("proven" in namespace.message()) == (level != "Digests")
