"""The quantization that a configuration names."""

from __future__ import annotations

from pathlib import Path

from shardwright_worker.serving.own_quantization import own_quantization


def test_the_quantization_of_a_configuration(tmp_path: Path) -> None:
    assert own_quantization(tmp_path) == ""
    config = tmp_path / "config.json"
    for text, named in (
        ('{"quantization_config": {"quant_method": "AWQ"}}', "awq"),
        ("{}", ""),
        ("[]", ""),
        ("{", ""),
        ("[" * 10**5, ""),
    ):
        config.write_text(text)
        assert own_quantization(tmp_path) == named
