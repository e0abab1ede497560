"""The preloaded module imports vLLM without torch's compiler, where nothing asks for what that would leave out."""

import os
import subprocess
import sys

import pytest

_PRELOAD = """
import os, sys, torch
import shardwright_worker.shard.preload
assert "vllm.v1.worker.gpu_worker" in sys.modules
print("torch._inductor.lowering" in sys.modules, os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"])
assert callable(torch.compile(fullgraph=True)(lambda: 2))
print(torch.compile.__module__)
from vllm.env_override import _apply_constrain_to_fx_strides_patch
"""
_FAILING = """
import sys, torch
from shardwright_worker.engine.quick_import import without_compiler
compiles = torch.compile
try:
    with without_compiler():
        assert torch.compile is not compiles
        import a_module_that_does_not_exist
except ModuleNotFoundError:
    print(torch.compile is compiles, "vllm.env_override" in sys.modules)
"""


def _output(program: str, **environment: str) -> list[str]:
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment}
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


@pytest.mark.parametrize(
    ("environment", "compiler", "module"),
    [
        ({}, "False 1", "shardwright_worker.engine.quick_import"),
        ({"VLLM_ENABLE_CUDA_COMPATIBILITY": "1"}, "True 1", "torch"),
    ],
    ids=["without the compiler", "with it"],
)
def test_the_compiler_is_left_out_where_nothing_asks_for_it(
    environment: dict[str, str], compiler: str, module: str
) -> None:
    assert _output(_PRELOAD, **environment) == [compiler, module]


def test_an_import_that_fails_leaves_everything_as_it_was() -> None:
    assert _output(_FAILING) == ["True False"]
