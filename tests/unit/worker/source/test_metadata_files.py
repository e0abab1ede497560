"""Files that are copied to the artifact."""

from __future__ import annotations

from pathlib import Path

import pytest

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.prepare.preflight import check_source
from shardwright_worker.source.listing import list_source
from tests.unit.worker.source_cases import inspect_source
from tools.testing.tiny_files import model_files, write_files


@pytest.mark.parametrize(("name", "refused"), [("vocab.json", True), ("config.json", True), ("modeling.py", False)])
def test_rejects_a_link_that_leads_out_of_the_source(tmp_path: Path, name: str, refused: bool) -> None:
    """Code is copied only if it is trusted."""
    folder = write_files(tmp_path / "model", {**model_files(), "vocab.json": b"{}", "modeling.py": b""})
    (folder / name).rename(tmp_path / name)
    (folder / name).symlink_to(f"../{name}")
    _, reason, message = inspect_source(folder)
    assert (reason, f"{name} leads out of the source's folder" in message) == (
        (Reason.SOURCE_CORRUPT, True) if refused else ("", False)
    )
    with pytest.raises(WorkerFailure, match=f"{name} leads out"):
        check_source(list_source(folder, {}), EngineSettings(trust_remote_code=True))
