"""What has the name of an artifact."""

from __future__ import annotations

import shutil
from pathlib import Path

from shardwright_worker.artifact.target_state import MOVING_MANIFEST, TargetState, target_state
from shardwright_worker.contract.naming import MANIFEST_NAME
from tools.testing.tiny_files import KEY, write_artifact


def test_distinguishes_what_has_the_name(tmp_path: Path) -> None:
    folder = tmp_path / KEY
    assert target_state(folder, KEY) == TargetState.FREE
    folder.mkdir()
    assert target_state(folder, KEY) == TargetState.EMPTY
    (folder / "notes").write_text("mine")
    assert target_state(folder, KEY) == TargetState.FOREIGN
    write_artifact(tmp_path / "made")
    shutil.copyfile(tmp_path / "made" / MANIFEST_NAME, folder / MOVING_MANIFEST)
    assert target_state(folder, KEY) == TargetState.MOVING
    (folder / MOVING_MANIFEST).write_text("{")
    assert target_state(folder, KEY) == TargetState.FOREIGN
    (folder / "notes").unlink()
    assert target_state(folder, KEY) == TargetState.MOVING
    shutil.rmtree(folder)
    folder.write_text("a file")
    assert target_state(folder, KEY) == TargetState.FOREIGN
