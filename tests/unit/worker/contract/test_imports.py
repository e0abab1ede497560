"""The contract and the command line import nothing heavy: vLLM, torch and the Hub client are imported on use."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("torch", "vllm", "huggingface_hub", "safetensors", "transformers", "numpy", "rich")


def loaded(statement: str) -> set[str]:
    code = f"{statement}\nimport sys, json\nprint(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "statement",
    [
        "import shardwright_worker.contract.manifest, shardwright_worker.contract.report, "
        "shardwright_worker.contract.naming, shardwright_worker.contract.failure, "
        "shardwright_worker.contract.progress_line",
        "import shardwright_worker.cli.main",
        "import shardwright_worker.prepare.prepare_repository",
    ],
)
def test_importing_it_loads_nothing_heavy(statement: str) -> None:
    assert not loaded(statement) & set(HEAVY)
