"""Hashes change with what they stand for, and with nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from shardwright_operator.decide.fingerprint import template_of
from tests.unit.manifests.built_jobs import (
    spec_with,
)


@pytest.mark.parametrize(
    ("change", "changes"),
    [
        ({"job": {"nodeSelector": {"a": "b"}}}, True),
        ({"job": {"deadline": "3h"}}, True),
        ({"verification": "Generate"}, True),
        ({"job": {"maxAttempts": 9}}, False),
        ({"suspend": True}, False),
    ],
)
def test_the_template_label_changes_with_job_fields(change: dict[str, Any], changes: bool) -> None:
    before, after = (spec_with(**parts) for parts in ({}, change))
    assert (template_of(before) != template_of(after)) is changes
