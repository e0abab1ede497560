"""The arguments in a resource's status fit its artifact, and those of another spec do not."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shardwright_operator.api.spec import Spec
from shardwright_operator.decide.report_status import serving_of
from shardwright_worker.contract.manifest import Manifest
from shardwright_worker.contract.vllm_support.part_names import default_file_pattern
from tests.unit.worker.serving_cases import guard, refusal
from tools.testing.fake_worker import artifact
from tools.testing.tiny_files import write_artifact

VALUES = st.text('abcxyz019._{}[]":, -$\n=', max_size=20)


ENGINES: Any = st.fixed_dictionaries(
    {"tensorParallelSize": st.integers(1, 8), "pipelineParallelSize": st.integers(1, 3)},
    optional={
        "enableExpertParallel": st.booleans(),
        "dtype": st.sampled_from(["auto", "half", "bfloat16"]),
        "quantization": VALUES,
        "trustRemoteCode": st.booleans(),
        "hfOverrides": st.just("") | st.dictionaries(VALUES, VALUES, max_size=2).map(json.dumps),
        "extraArgs": st.fixed_dictionaries(
            {},
            optional={
                "load_format": st.sampled_from(["pt", "runai_streamer"]),
                "runner": st.sampled_from(["auto", "pooling", "generate"]),
                "moe_backend": st.sampled_from(["triton", "--api-key=x", "auto", "flashinfer-trtllm"]),
                "language_model_only": st.sampled_from(["true", "false"]),
                "limit_mm_per_prompt": st.sampled_from(['{"image": 0}', '{"image": 2, "video": 0}']),
                "code_revision": st.sampled_from(["main", "-x"]),
                "safetensors_load_strategy": st.just("lazy"),
            },
        ),
    },
)


DECIDING = {
    "tensorParallelSize": "--tensor-parallel-size",
    "pipelineParallelSize": "--pipeline-parallel-size",
    "enableExpertParallel": "--enable-expert-parallel",
    "hfOverrides": "--hf-overrides",
}


@cache
def _plain() -> Manifest:
    with tempfile.TemporaryDirectory() as folder:
        return write_artifact(Path(folder))


def _published(engine: dict[str, Any], pattern: str) -> tuple[Manifest, list[str], list[str]]:
    """The manifest of what a spec makes, its serving arguments, and those of a spec that differs in each field."""
    output = {"persistentVolumeClaim": {"claimName": "c"}, "filePattern": pattern}
    body = {"source": {"persistentVolumeClaim": {"claimName": "c"}}, "engine": engine, "output": output}
    spec = Spec.model_validate(body)
    settings = spec.engine.settings()
    dtype = {"half": "torch.float16"}.get(settings.dtype, "torch.bfloat16")
    file_pattern = pattern or default_file_pattern(settings.pipeline_parallel_size)
    base = _plain().engine.model_copy(update={"settings": settings, "dtype": dtype, "quantization": "resolved"})
    manifest = _plain().model_copy(update={"engine": base, "file_pattern": file_pattern})
    return manifest, serving_of(spec, artifact("0" * 16)).args, [spec.output.file_pattern]


@given(ENGINES, st.booleans())
def test_the_arguments_in_a_status_fit_and_each_deciding_change_is_reported_by_name(
    engine: dict[str, Any], named: bool
) -> None:
    pattern = (
        ("s-{pp_rank}.{rank}-{part}" if engine["pipelineParallelSize"] > 1 else "s-{rank}-{part}") if named else ""
    )
    manifest, words, _ = _published(engine, pattern and pattern + ".safetensors")
    assert guard(manifest, *words) == []
    assert guard(manifest, "vllm", "serve", "--port", "8000", *words, "--enable-lora") == []
    changes = {
        "tensorParallelSize": engine["tensorParallelSize"] + 1,
        "pipelineParallelSize": engine["pipelineParallelSize"] + 1,
        "enableExpertParallel": not engine.get("enableExpertParallel", False),
        "hfOverrides": '{"other": true}',
    }
    for field, value in changes.items():
        _, others, _ = _published({**engine, field: value}, "")
        assert f"{DECIDING[field]} is" in refusal(manifest, *others)
    if named:
        without = [word for word in words if word != "--model-loader-extra-config" and "pattern" not in word]
        assert "--model-loader-extra-config pattern is" in refusal(manifest, *without)
