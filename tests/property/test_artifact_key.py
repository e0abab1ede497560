"""One artifact has one key: however its settings are written, and whether prepare, shard or adoption computes it."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shardwright_operator.api.spec import Spec
from shardwright_operator.manifests.job import build_job
from shardwright_worker.cli.arguments import build_parser
from shardwright_worker.cli.layout_arguments import layout_of
from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.manifest import Engine, Manifest, Source, Verification
from shardwright_worker.contract.naming import artifact_key
from shardwright_worker.contract.vllm_support.engine_arguments import EXTRA_ARGUMENTS
from shardwright_worker.contract.vllm_support.part_names import default_file_pattern
from shardwright_worker.prepare.layout import Layout
from tools.testing.checkpoints import manifest
from tools.testing.job_requests import prepare_request, shard_request

PARSER = build_parser()
DIGEST = "d" * 64
OVERRIDES = {"rope_theta": 1, "text_config": {"b": [1], "a": None}}

# Each list holds spellings of one value; None leaves the field out.
SPELLINGS: list[tuple[str, list[Any]]] = [
    ("dtype", ["half", "float16"]),
    ("dtype", ["float", "float32"]),
    ("dtype", [None, "auto"]),
    ("quantization", ["awq", "AWQ", "Awq"]),
    ("quantization", [None, ""]),
    ("enableExpertParallel", [None, False]),
    ("trustRemoteCode", [None, False]),
    ("hfOverrides", [None, "", "{}", "{ }"]),
    ("hfOverrides", [json.dumps(OVERRIDES), json.dumps(OVERRIDES, indent=2), json.dumps(OVERRIDES, sort_keys=True)]),
]
EXTRA_SPELLINGS: list[tuple[str, list[Any]]] = [
    ("moe_backend", ["flashinfer_trtllm", "flashinfer-trtllm", "FlashInfer-TRTLLM"]),
    ("linear_backend", ["Triton", "triton"]),
    ("language_model_only", ["true", "True", "TRUE"]),
    ("distributed_timeout_seconds", ["300", "0300"]),
    ("limit_mm_per_prompt", ['{"image": 2, "video": 0}', '{"video":0,"image":2}']),
    *((name, [None, argument.default]) for name, argument in EXTRA_ARGUMENTS.items() if argument.default),
]
SIZES = ["5Gi", "5120Mi", "5368709120", "5242880Ki"]


@st.composite
def spellings(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two specs that mean the same."""
    tensor, pipeline = draw(st.sampled_from([1, 2, 4])), draw(st.sampled_from([1, 2]))
    engines: list[dict[str, Any]] = [
        {"tensorParallelSize": tensor, "pipelineParallelSize": pipeline, "extraArgs": {}} for _ in range(2)
    ]
    if pipeline == 1 and draw(st.booleans()):
        del engines[0]["pipelineParallelSize"]
    for field, written in draw(st.lists(st.sampled_from(SPELLINGS), unique_by=lambda one: one[0])):
        for engine in engines:
            engine[field] = draw(st.sampled_from(written))
    for name, written in draw(st.lists(st.sampled_from(EXTRA_SPELLINGS), unique_by=lambda one: one[0])):
        for engine in engines:
            engine["extraArgs"][name] = draw(st.sampled_from(written))
    patterns = ["", default_file_pattern(pipeline)]
    outputs = [
        {"filePattern": draw(st.sampled_from(patterns)), "maxFileSize": draw(st.sampled_from(SIZES))} for _ in range(2)
    ]
    first, second = (_without_none({"engine": one, "output": two}) for one, two in zip(engines, outputs, strict=True))
    return first, second


def _without_none(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: _without_none(each) for name, each in value.items() if each is not None}


def spec_of(parts: dict[str, Any]) -> Spec:
    body = manifest("one", engine=parts["engine"])["spec"]
    return Spec.model_validate({**body, "output": {**body["output"], **parts["output"]}})


def manifest_for(layout: Layout) -> Manifest:
    """The manifest of an artifact of this layout, as far as its key follows from it."""
    return Manifest(
        key="0" * 16,
        created_at="",
        source=Source(digest=DIGEST),
        engine=Engine(
            settings=layout.engine,
            image=layout.image,
            vllm_version="0.32.0",
            torch_version="",
            accelerator="",
            dtype="",
        ),
        file_pattern=layout.file_pattern or default_file_pattern(layout.engine.pipeline_parallel_size),
        max_file_size=layout.max_file_size,
        parts=[],
        metadata=[],
        verification=Verification(level="Load"),
    )


def keys_of(spec: Spec) -> set[str]:
    """The keys that the Jobs of a spec compute, and the one that follows from a manifest of its artifact."""
    jobs = [build_job(prepare_request(spec)), build_job(shard_request(spec))]
    lines = [job["spec"]["template"]["spec"]["containers"][0]["args"] for job in jobs]
    layouts = [layout_of(PARSER.parse_args(line)) for line in lines]
    made = manifest_for(layouts[1])
    keys = {layout.key(DIGEST) for layout in layouts}
    assert all(made.may_have_key(key) for key in keys)
    return keys


@settings(deadline=None)
@given(spellings())
def test_settings_that_mean_the_same_have_one_key(specs: tuple[dict[str, Any], dict[str, Any]]) -> None:
    first, second = map(spec_of, specs)
    assert keys_of(first) == keys_of(second)
    assert len(keys_of(first)) == 1


@settings(deadline=None)
@given(spellings())
def test_an_artifact_is_adopted_by_settings_that_are_written_otherwise(
    specs: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    first, second = map(spec_of, specs)
    (key,) = keys_of(first)
    layout = layout_of(PARSER.parse_args(_prepare_line(second)))
    assert manifest_for(layout).may_have_key(key)


def _prepare_line(spec: Spec) -> list[str]:
    line: list[str] = build_job(prepare_request(spec))["spec"]["template"]["spec"]["containers"][0]["args"]
    return line


OTHERS: list[tuple[str, Any]] = [
    ("tensorParallelSize", 8),
    ("pipelineParallelSize", 3),
    ("enableExpertParallel", True),
    ("dtype", "bfloat16"),
    ("quantization", "gptq"),
    ("trustRemoteCode", True),
    ("hfOverrides", '{"rope_theta": 2}'),
    ("extraArgs", {"moe_backend": "cutlass"}),
    ("extraArgs", {"load_format": "pt"}),
    ("extraArgs", {"runner": "pooling"}),
]


def test_settings_that_mean_something_else_have_another_key() -> None:
    specs = [spec_of({"engine": {field: value}, "output": {}}) for field, value in OTHERS]
    keys = [key for spec in [spec_of({"engine": {}, "output": {}}), *specs] for key in keys_of(spec)]
    assert len({*keys}) == len(keys) == len(OTHERS) + 1


def test_keys_of_earlier_artifacts_stay_what_they_are() -> None:
    plain = EngineSettings(tensor_parallel_size=2)
    assert artifact_key(DIGEST, plain, "engine:1", "", 5 * 2**30) == "2cb0e4676c475c9f"
    extra = {"load_format": "pt", "moe_backend": "triton"}
    full = EngineSettings(tensor_parallel_size=2, hf_overrides='{"a": 1}', quantization="awq", extra_args=extra)
    assert artifact_key(DIGEST, full, "engine:1", "", 5 * 2**30) == "a75c5361a6af788e"
