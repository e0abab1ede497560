"""Numbers of a configuration that no model has."""

from __future__ import annotations

from typing import Any

import pytest

from shardwright_worker.checks.model_limits import check_limits
from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure


@pytest.mark.parametrize("size", [2, 7, 4096, 10**6])
def test_numbers_larger_than_in_any_model_are_refused(size: int) -> None:
    for config in ({"num_attention_heads": 10**12}, {"num_attention_heads": 10**4000}, {"num_hidden_layers": 10**30}):
        with pytest.raises(WorkerFailure, match="digits, more than in any model"):
            check_limits(config, EngineSettings(tensor_parallel_size=size))
    with pytest.raises(WorkerFailure) as caught:
        check_limits({"num_attention_heads": 720720 * 11}, EngineSettings(tensor_parallel_size=19 * 2))
    assert len(caught.value.message) < 300
    assert ", ..." in caught.value.message


def test_nested_configurations_are_read_to_a_limited_depth() -> None:
    config: dict[str, Any] = {"num_hidden_layers": 1}
    for _ in range(900):
        config = {"num_hidden_layers": 1, "text_config": config}
    check_limits(config, EngineSettings())
