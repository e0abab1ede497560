from pathlib import Path

import pytest

from shardwright_worker.contract.failure import WorkerFailure
from tests import models
from tests.engine.conftest import Make


@pytest.mark.parametrize("how", ["fp8", "fp8_per_tensor", "int8_per_channel_weight_only", "mxfp8"])
def test_x(make: Make, tmp_path: Path, how: str) -> None:
    with pytest.raises(WorkerFailure) as refused:
        make(models.llama(tmp_path / "source"), quantization=how)
    print("HOW", how, refused.value.reason, refused.value.message)
