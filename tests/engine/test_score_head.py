"""A reranker's score head is made of rows of the output head, of which each rank has a share."""

import json
from pathlib import Path

import pytest

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from tests.engine.conftest import Make
from tools.models import pooling


@pytest.fixture
def reranker(tmp_path: Path) -> Path:
    """One of 256 tokens that answers with those of the rows 3 and 128."""
    folder = pooling.qwen3_reranker(tmp_path / "source")
    tokenizer, config = (json.loads((folder / name).read_text()) for name in ("tokenizer.json", "config.json"))
    tokenizer["model"]["vocab"]["yes"] = 128
    config["classifier_from_token"] = ["Hello", "yes"]
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_a_score_head_of_rows_that_the_first_rank_lacks_is_refused(make: Make, reranker: Path, output: Path) -> None:
    with pytest.raises(WorkerFailure) as raised:
        make(reranker, tensor_parallel_size=2)
    assert raised.value.reason is Reason.INVALID_ENGINE_ARGUMENTS
    assert "up to row 128" in raised.value.message
    assert "must not be larger than 1" in raised.value.message
    assert list(output.iterdir()) == []


def test_a_score_head_of_rows_that_the_first_rank_has_is_saved(make: Make, reranker: Path) -> None:
    path = reranker / "tokenizer.json"
    path.write_text(path.read_text().replace('"yes": 128', '"yes": 127'))
    assert make(reranker, tensor_parallel_size=2).verified_by == "Load"


def test_a_token_that_the_model_lacks_is_named(make: Make, reranker: Path) -> None:
    path = reranker / "tokenizer.json"
    path.write_text(path.read_text().replace('"yes": 128', '"yes": 300'))
    with pytest.raises(WorkerFailure, match="has no token yes") as raised:
        make(reranker)
    assert raised.value.reason is Reason.SOURCE_CORRUPT
