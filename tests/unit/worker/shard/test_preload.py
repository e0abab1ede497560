"""What the fork server imports is named by a string: the module exists, and nothing else imports vLLM.

Where vLLM cannot be imported, here a module of the test, other processes can be forked all the same.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import shardwright_worker.shard.shard_stage as shard_stage

_TORCH = """
class cuda:
    initialized = False

    def is_initialized():
        return cuda.initialized
"""
_VLLM = "import torch\ntorch.cuda.initialized = True\nraise ImportError('a library is missing')\n"
_MAIN = """
import gc
import shardwright_worker.shard.preload
from shardwright_worker.engine.device_use import forked_after_use
print(gc.isenabled(), forked_after_use())
"""


def test_the_preloaded_module_exists() -> None:
    assert importlib.util.find_spec(shard_stage.PRELOAD) is not None


def test_the_stage_does_not_import_it() -> None:
    assert shard_stage.PRELOAD not in sys.modules


def test_an_import_that_fails_leaves_a_process_from_which_others_can_be_forked(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text(_TORCH)
    (tmp_path / "vllm.py").write_text(_VLLM)
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    command = [sys.executable, "-c", _MAIN]
    ended = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
    assert ended.stdout == "True True\n", ended.stderr
    assert ended.stderr == "vLLM is imported by each process: ImportError: a library is missing\n"
