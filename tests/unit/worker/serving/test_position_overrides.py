"""Overrides of positions decide nothing, unless the model stores a table of them."""

from __future__ import annotations

from pathlib import Path

from tests.unit.worker.serving_cases import guard, made, refusal, with_tensor


def test_a_model_with_learned_positions_has_a_table_of_them(tmp_path: Path) -> None:
    line = ("-tp", "2", "--hf-overrides", '{"max_position_embeddings": 9}')
    guard(made(tmp_path), *line)
    for name in (
        "transformer.wpe.weight",
        "model.decoder.embed_positions.weight",
        "embeddings.position_embeddings.weight",
    ):
        assert '--hf-overrides is {"max_position_embeddings": 9}' in refusal(with_tensor(made(tmp_path), name), *line)
