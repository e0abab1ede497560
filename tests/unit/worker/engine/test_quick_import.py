"""In which releases vLLM is imported without torch's compiler. A module of the test takes the place of torch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_TORCH = "class version:\n    hip = None\n\ndef compile(function):\n    return function\n"
_MAIN = """
import sys
import torch
from shardwright_worker.engine.quick_import import without_compiler
ours = torch.compile
with without_compiler():
    print(torch.compile is not ours, "vllm.env_override" in sys.modules)
    if torch.compile is not ours:
        sys.modules["vllm"] = type(sys)("vllm")
        from vllm.env_override import _any_patch_of_the_compiler
"""


@pytest.mark.parametrize(
    ("version", "without"), [("0.25.2", False), ("0.26.0", True), ("0.33.1+cu130", True), ("0.34.0", False)]
)
def test_a_release_that_is_not_known_is_imported_with_the_compiler(tmp_path: Path, version: str, without: bool) -> None:
    metadata = tmp_path / f"vllm-{version}.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}\n")
    (tmp_path / "torch.py").write_text(_TORCH)
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    command = [sys.executable, "-c", _MAIN]
    ended = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, f"{without} {without}\n"), ended.stderr
