"""A spec of another version is read, and the engine becomes what the worker expects."""

from __future__ import annotations

from typing import get_args

from shardwright_operator.api.engine_spec import EngineSpec
from shardwright_operator.api.spec import Spec
from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.verification_levels import LEVELS
from shardwright_worker.contract.vllm_support.engine_arguments import DTYPES
from tools.testing.checkpoints import manifest


def test_fields_of_a_newer_version_are_ignored() -> None:
    raw = manifest("new", novelty={"of": "tomorrow"})["spec"]
    raw["engine"]["contextParallelSize"] = 2
    spec = Spec.model_validate(raw)
    assert spec.engine.tensor_parallel_size == 2
    assert "contextParallelSize" not in spec.model_dump(by_alias=True)["engine"]


def test_engine_settings_are_passed_to_the_worker() -> None:
    engine = {
        "image": "engine:2",
        "tensorParallelSize": 4,
        "pipelineParallelSize": 2,
        "dtype": "bfloat16",
        "extraArgs": {"load_format": "pt"},
    }
    settings = Spec.model_validate(manifest("any", engine=engine)["spec"]).engine.settings()
    assert settings == EngineSettings(
        tensor_parallel_size=4, pipeline_parallel_size=2, dtype="bfloat16", extra_args={"load_format": "pt"}
    )


def test_an_extra_argument_without_a_value_is_none() -> None:
    engine = {"extraArgs": {"code_revision": "", "distributed_timeout_seconds": "None", "load_format": "pt"}}
    assert EngineSpec.model_validate(engine).settings().extra_args == {"load_format": "pt"}


def test_every_engine_setting_of_the_worker_is_a_field_of_the_spec() -> None:
    assert set(EngineSettings.model_fields) == set(EngineSpec.model_fields) - {"image"}


def test_dtypes_are_those_of_vllm() -> None:
    assert get_args(EngineSpec.model_fields["dtype"].annotation) == tuple(DTYPES)


def test_verification_levels_are_those_of_the_worker() -> None:
    assert get_args(Spec.model_fields["verification"].annotation) == LEVELS
