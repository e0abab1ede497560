"""Keys and file names: every input changes the key, and a safe name stays inside its folder."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.naming import artifact_key, is_key, stays_inside
from shardwright_worker.contract.vllm_support.engine_arguments import EXTRA_ARGUMENTS
from tests.property.report_strategies import PLAIN

settings = st.builds(
    EngineSettings,
    tensor_parallel_size=st.integers(1, 64),
    pipeline_parallel_size=st.integers(1, 16),
    enable_expert_parallel=st.booleans(),
    dtype=st.sampled_from(["auto", "bfloat16", "float16"]),
    quantization=st.sampled_from(["", "fp8", "awq"]),
    trust_remote_code=st.booleans(),
    hf_overrides=st.just("") | st.dictionaries(st.text(max_size=5), st.integers(), max_size=3).map(json.dumps),
    extra_args=st.dictionaries(st.sampled_from(sorted(EXTRA_ARGUMENTS)), PLAIN, max_size=3),
)


@given(settings, st.text("0123456789abcdef", min_size=64, max_size=64), PLAIN, PLAIN, st.integers(1, 2**50))
def test_a_key_is_a_key_and_every_input_changes_it(
    engine: EngineSettings, digest: str, image: str, pattern: str, size: int
) -> None:
    key = artifact_key(digest, engine, image, pattern, size)
    assert is_key(key)
    assert key == artifact_key(digest, engine.model_copy(), image, pattern, size)
    wider = engine.model_copy(update={"tensor_parallel_size": engine.tensor_parallel_size + 1})
    others = {
        artifact_key(digest[::-1] + "x", engine, image, pattern, size),
        artifact_key(digest, wider, image, pattern, size),
        artifact_key(digest, engine, image + "x", pattern, size),
        artifact_key(digest, engine, image, pattern + "x", size),
        artifact_key(digest, engine, image, pattern, size + 1),
    }
    assert key not in others


@given(st.dictionaries(st.text(max_size=5), st.integers(), max_size=4))
def test_overrides_that_mean_the_same_have_one_key(overrides: dict[str, int]) -> None:
    written = [json.dumps(overrides), json.dumps(dict(reversed(overrides.items())), indent=1)]
    keys = {artifact_key("d", EngineSettings(hf_overrides=text), "", "", 1) for text in written}
    assert len(keys) == 1


@given(st.lists(st.sampled_from(["..", ".", "", "a", "b.json", "a\\b", "\0"]), min_size=1, max_size=5).map("/".join))
def test_a_name_that_stays_inside_resolves_inside(name: str) -> None:
    import os.path

    if stays_inside(name):
        assert os.path.normpath(f"/folder/{name}") == f"/folder/{name}"
