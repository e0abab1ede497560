"""The artifact's tokenizer fails the proof only if it is at fault itself."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.engine.io_errors import Folders
from shardwright_worker.engine.messages import EngineJob, TokenizerFacts
from shardwright_worker.verify import verify_process

FACTS = TokenizerFacts(tokens=[[1]], vocabulary=2, special_tokens=[], chat_template="")
Found = tuple[TokenizerFacts | None, str]


def _load(folder: Path, monkeypatch: pytest.MonkeyPatch, result: TokenizerFacts | Exception, **compares: bool) -> Found:
    def load(_config: object) -> TokenizerFacts:
        if isinstance(result, Exception):
            raise result
        return result

    monkeypatch.setattr(verify_process, "tokenizer_facts", load)
    monkeypatch.setattr(verify_process, "processor_name", lambda _config: "Processor")
    job = EngineJob(output=folder, scratch=folder, settings=EngineSettings()).model_copy(update=compares)
    return verify_process._tokenizer(None, job, Folders(output=folder))


def test_only_what_the_source_has_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _load(tmp_path, monkeypatch, ValueError("broken")) == (None, "")
    assert _load(tmp_path, monkeypatch, FACTS, compares_tokenizer=True) == (FACTS, "")
    both = _load(tmp_path, monkeypatch, FACTS, compares_tokenizer=True, compares_processor=True)
    assert both == (FACTS.model_copy(update={"processor": "Processor"}), "")


def test_a_tokenizer_that_does_not_load_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = _load(tmp_path, monkeypatch, ValueError("an unknown text"), compares_tokenizer=True)
    assert found == (None, "ValueError: an unknown text")


def test_a_volume_that_does_not_answer_is_not_the_tokenizers_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN), str(tmp_path / "tokenizer.json"))
    with pytest.raises(WorkerFailure) as failed:
        _load(tmp_path, monkeypatch, error, compares_tokenizer=True)
    assert failed.value.reason is Reason.VOLUME_UNAVAILABLE
