"""The tables of what vLLM supports: their releases, and the one form of each value."""

from __future__ import annotations

import re
import tomllib

import pytest

from shardwright_worker.contract.vllm_support.engine_arguments import EXTRA_ARGUMENTS, Value, accepts, canonical
from shardwright_worker.contract.vllm_support.load_formats import LOAD_FORMATS, SHARD_FORMATS, SOURCE_FORMATS
from shardwright_worker.contract.vllm_support.quantization import (
    METHODS,
    ONLINE,
    ONLINE_IF_UNQUANTIZED,
    UNSAVABLE,
    unsavable,
)
from shardwright_worker.contract.vllm_support.releases import SUPPORTED, before, is_older, release_of, since
from tools.cluster.paths import ROOT


def test_supported_releases_are_those_that_the_worker_can_be_installed_with() -> None:
    extras = tomllib.loads((ROOT / "worker/pyproject.toml").read_text())["project"]["optional-dependencies"]
    (found,) = [re.fullmatch(r"vllm>=0\.(\d+),<0\.(\d+)", each) for each in extras["engine"] if "vllm" in each]
    assert found
    assert tuple(f"0.{minor}" for minor in range(int(found[1]), int(found[2]))) == SUPPORTED


def test_rows_have_supported_releases() -> None:
    assert all({*method.releases} <= {*SUPPORTED} for method in METHODS.values())
    assert all({*one.releases} <= {*SUPPORTED} for one in LOAD_FORMATS.values())
    assert (*before("0.30"), *since("0.30")) == SUPPORTED


@pytest.mark.parametrize(
    ("version", "release"), [("0.32.0+cpu", "0.32"), ("1.0rc1", "1.0"), ("0.33", "0.33"), ("main", ""), ("", "")]
)
def test_the_release_of_a_version(version: str, release: str) -> None:
    assert release_of(version) == release


@pytest.mark.parametrize(
    ("version", "older"),
    [("0.9.2", True), ("0.31.1+cpu", True), ("0.32.0rc1", False), ("0.33", False), ("1.0", False), ("fork", False)],
)
def test_releases_are_compared_as_numbers(version: str, older: bool) -> None:
    assert is_older(version, "0.32") == older


def test_every_method_that_is_refused_says_why() -> None:
    assert all(UNSAVABLE.values())
    assert not {*UNSAVABLE} & {*ONLINE, *ONLINE_IF_UNQUANTIZED}
    assert all(one.why for name, one in LOAD_FORMATS.items() if name not in SOURCE_FORMATS)
    assert SHARD_FORMATS[0] == "sharded_state"


def test_a_method_is_refused_in_any_case() -> None:
    assert unsavable("GGUF", "--quantization").startswith(
        "--quantization GGUF cannot be saved as shards: it has a file"
    )
    assert unsavable("awq") == unsavable("") == ""


@pytest.mark.parametrize(
    ("name", "values", "form"),
    [
        ("moe_backend", ["Triton", "triton"], "triton"),
        ("linear_backend", ["a-b", "A_B"], "a_b"),
        ("language_model_only", ["true", "TRUE"], "true"),
        ("language_model_only", ["false", "False"], ""),
        ("runner", ["auto"], ""),
        ("distributed_timeout_seconds", ["007", "7"], "7"),
        ("limit_mm_per_prompt", ['{"b": 1, "a": 2}', '{"a":2,"b":1}'], '{"a":2,"b":1}'),
        ("limit_mm_per_prompt", ["{ }"], ""),
        ("limit_mm_per_prompt", ["{"], "{"),
        ("code_revision", ["main"], "main"),
    ],
)
def test_values_that_mean_the_same_have_one_form(name: str, values: list[str], form: str) -> None:
    assert {canonical(EXTRA_ARGUMENTS[name], value) for value in values} == {form}


def test_defaults_and_choices_are_accepted() -> None:
    for argument in EXTRA_ARGUMENTS.values():
        assert all(accepts(argument, choice) for choice in argument.choices)
        assert not argument.default or accepts(argument, argument.default)
        assert (argument.value is Value.CHOICE) == bool(argument.choices)
