"""Settings are compared by what they mean to vLLM."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.worker.serving_cases import guard, made, refusal


@pytest.mark.parametrize("line", ["--runner generate", "--convert none", "--model-impl vllm", "--config-format hf"])
def test_a_value_that_auto_may_mean_is_reported_and_not_rejected(tmp_path: Path, line: str) -> None:
    flag, value = line.split()
    name = flag[2:].replace("-", "_")
    served = ("-tp", "2", "--load-format", "sharded_state")
    (note,) = guard(made(tmp_path), *served, flag, value)
    assert note.startswith(f"{flag} is {value}, the shards were made with default")
    (note,) = guard(made(tmp_path, extra_args={name: value}), *served)
    assert note.startswith(f"{flag} is default, the shards were made with {value}")
    assert guard(made(tmp_path, extra_args={name: value}), *served, flag, value) == []
    assert f"{flag} is {value}" in refusal(made(tmp_path, extra_args={name: "other"}), *served, flag, value)


def test_a_quantization_of_the_settings_must_be_set_for_the_server(tmp_path: Path) -> None:
    manifest = made(tmp_path, quantization="moe_wna16")
    for line in ("-tp 2", "-tp 2 -q None"):
        assert "--quantization is not given, the shards were made with moe_wna16" in refusal(manifest, *line.split())
    assert "--quantization is not given" in refusal(manifest, "-tp", "2", own="gptq")
    guard(manifest, "-tp", "2", own="moe_wna16")
    guard(manifest, "-tp", "2", "-q", "moe_wna16")
