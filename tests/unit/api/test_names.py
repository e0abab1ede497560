"""The names shared with the cluster are written once, in api/names.py, and the chart grants access to the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from shardwright_operator.api import names
from tools.cluster.paths import ROOT

_SOURCES = sorted((ROOT / "operator").rglob("*.py"))


@pytest.mark.parametrize("source", _SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_other_file_of_the_operator_contains_a_name(source: Path) -> None:
    if source == Path(names.__file__):
        return
    literal = rf"\"({names.GROUP}|{names.VERSION}|{names.KIND}|{names.PLURAL})[\"/]"
    assert re.findall(literal, source.read_text()) == []


def test_labels_are_valid_label_keys() -> None:
    labels = [
        value for name, value in vars(names).items() if name.isupper() and isinstance(value, str) and "/" in value
    ]
    keys = [one for one in labels if one not in (names.API_VERSION, names.LABEL_PREFIX)]
    assert [one for one in keys if not re.fullmatch(r"[a-z0-9.-]{1,253}/[A-Za-z0-9_.-]{1,63}", one)] == []


def test_examples_are_of_the_current_version() -> None:
    for example in (ROOT / "examples").glob("*.yaml"):
        for one in yaml.safe_load_all(example.read_text()):
            assert one["kind"] != names.KIND or one["apiVersion"] == names.API_VERSION
