"""Hashes change with what they stand for, and with nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shardwright_operator.decide.input_hashes import Inputs, template_of
from shardwright_operator.decide.observed import Claim
from tests.unit.manifests.built_jobs import spec_with


@pytest.mark.parametrize(
    ("change", "changes"),
    [
        ({"job": {"nodeSelector": {"a": "b"}}}, True),
        ({"job": {"deadline": "3h"}}, True),
        ({"verification": "Generate"}, True),
        ({"measure": True}, True),
        ({"job": {"maxAttempts": 9}}, False),
        ({"suspend": True}, False),
    ],
)
def test_the_template_label_changes_with_job_fields(change: dict[str, Any], changes: bool) -> None:
    before, after = (spec_with(**parts) for parts in ({}, change))
    assert (template_of(before) != template_of(after)) is changes


CLAIM = Claim("shards", "uid-shards", "Bound", ("ReadWriteMany",), capacity=10)
INPUTS = Inputs(spec_with(), CLAIM, "engine:1", None)


@pytest.mark.parametrize(
    ("other", "changed"),
    [
        (replace(INPUTS, spec=spec_with(engine={"tensorParallelSize": 4})), {"artifact", "source", "retry"}),
        (replace(INPUTS, image="engine:2"), {"artifact", "source", "retry"}),
        (replace(INPUTS, request="now"), {"source", "retry"}),
        (replace(INPUTS, claim=replace(CLAIM, uid="another")), {"source", "retry"}),
        (replace(INPUTS, claim=replace(CLAIM, capacity=20)), {"retry"}),
        (replace(INPUTS, spec=spec_with(job={"maxAttempts": 9})), {"retry"}),
        (replace(INPUTS, spec=spec_with(verification="Generate")), {"retry"}),
        (replace(INPUTS, spec=spec_with(measure=True)), {"retry"}),
        (replace(INPUTS, spec=spec_with(suspend=True)), set()),
        (replace(INPUTS, spec=spec_with(recheck={"interval": "1h"})), set()),
    ],
)
def test_each_hash_changes_with_its_inputs(other: Inputs, changed: set[str]) -> None:
    assert {
        name for name in ("artifact", "source", "retry") if getattr(other, name) != getattr(INPUTS, name)
    } == changed


def test_a_field_that_is_off_leaves_the_hashes_of_earlier_operators() -> None:
    spec = spec_with(measure=False)
    inputs = replace(INPUTS, spec=spec)
    before = ("8aa4c76e", "cd44c47b", "119ab2de", "73e08559")
    assert (template_of(spec), inputs.artifact, inputs.source, inputs.retry) == before


def test_hashes_are_computed_once_and_kept_while_the_request_is_the_same() -> None:
    assert INPUTS.with_request(None) is INPUTS
    assert INPUTS.with_request("now").artifact == INPUTS.artifact
