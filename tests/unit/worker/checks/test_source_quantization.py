"""Quantization that shards cannot hold is refused by the source's files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.vllm_support.quantization import ONLINE, ONLINE_IF_UNQUANTIZED, UNSAVABLE
from shardwright_worker.prepare.preflight import Preflight, check_source
from shardwright_worker.source.listing import list_source
from tools.testing.tiny_files import CONFIG, model_files, write_files

Files = dict[str, bytes]


def check(folder: Path, files: Files, engine: EngineSettings | None = None) -> Preflight:
    engine = engine or EngineSettings()
    return check_source(list_source(write_files(folder, files), engine.extra_args), engine)


def refusal(folder: Path, files: Files, engine: EngineSettings | None = None) -> WorkerFailure:
    with pytest.raises(WorkerFailure) as caught:
        check(folder, files, engine)
    return caught.value


@pytest.mark.parametrize(
    ("config", "quantization", "words"),
    [
        *(({"quantization_config": {"quant_method": name}}, "", why) for name, why in UNSAVABLE.items()),
        *(({}, name, why) for name, why in UNSAVABLE.items()),
        *(({}, name, "quantize the model first") for name in (*ONLINE, *ONLINE_IF_UNQUANTIZED)),
        *(
            ({"quantization_config": {"quant_method": "fp8"}}, name, "the model is quantized: leave it out")
            for name in ONLINE
        ),
        ({"quantization_config": {"load_in_4bit": True}}, "", "bitsandbytes"),
        ({"text_config": {**CONFIG, "quantization_config": {"quant_method": "gguf"}}}, "", "a file format of its own"),
    ],
)
def test_quantization_that_shards_cannot_hold(
    tmp_path: Path, config: dict[str, Any], quantization: str, words: str
) -> None:
    failure = refusal(tmp_path, model_files({**CONFIG, **config}), EngineSettings(quantization=quantization))
    assert failure.reason == Reason.UNSUPPORTED_QUANTIZATION
    assert words in failure.message
