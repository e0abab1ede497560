"""The writer beside raw direct writes of the same size and beside `save_file` with fsync, in turn, on one volume."""

import mmap
import os
import shutil
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from safetensors.torch import save_file

from shardwright_worker.writer.output_file import OutputFile
from shardwright_worker.writer.write import write_parts

LIMIT = 5 * 1024**3
BLOCK = 8 * 1024**2
Tensors = dict[str, torch.Tensor]
_LAYER = {"qkv_proj": (6144, 4096), "o_proj": (4096, 4096), "gate_up_proj": (28672, 4096), "down_proj": (4096, 14336)}


def measure_writer(folder: Path, size: int, device: str, runs: int) -> dict[str, dict[str, float]]:
    """Return the median GB/s and processor seconds of each writer."""
    tensors = make_tensors(size, device)
    total = sum(one.numel() * one.element_size() for one in tensors.values())
    writers: dict[str, Callable[[Path], object]] = {
        "raw direct writes": lambda target: _raw(target, total),
        "shardwright, with both digests": lambda target: write_parts(target, tensors, "{}.safetensors".format, LIMIT),
        "save_file, synced, no digest": lambda target: _save_file(target, tensors),
    }
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in writers}
    for _ in range(runs):
        for name, write in writers.items():
            target = folder / "run"
            target.mkdir()
            start, processor = time.perf_counter(), time.process_time()
            write(target)
            seconds[name].append((time.perf_counter() - start, time.process_time() - processor))
            shutil.rmtree(target)
    tensors.clear()
    if device != "cpu":
        torch.cuda.empty_cache()  # for the processes that are measured next
    return {
        name: {
            "GBps": round(total / 1e9 / statistics.median(wall for wall, _ in measured), 3),
            "cpu_s": round(statistics.median(processor for _, processor in measured), 2),
        }
        for name, measured in seconds.items()
    }


def make_tensors(size: int, device: str) -> Tensors:
    """Return layers with the shapes of Llama 8B, fused as in vLLM, of about `size` bytes."""
    tensors: Tensors = {}
    total = layer = 0
    while total < size:
        for name, shape in _LAYER.items():
            tensor = torch.randint(0x3C00, 0x3F00, shape, dtype=torch.int16, device=device).view(torch.bfloat16)
            tensors[f"model.layers.{layer}.{name}.weight"] = tensor
            total += tensor.numel() * tensor.element_size()
        layer += 1
    return tensors


def _raw(folder: Path, size: int) -> None:
    """Write with four threads, 8 MiB at a time, without the page cache where the file system supports that."""
    buffer = mmap.mmap(-1, BLOCK)
    buffer.write(os.urandom(BLOCK))
    file = OutputFile(folder / "raw", size, False)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: file.write(memoryview(buffer), number * BLOCK), range(size // BLOCK)))
    file.sync()
    file.close()


def _save_file(folder: Path, tensors: Tensors) -> None:
    """Write one part after the other as vLLM does, then fsync, which vLLM does not.

    https://github.com/vllm-project/vllm/blob/v0.26.0/vllm/model_executor/model_loader/sharded_state_loader.py
    """
    part: Tensors = {}
    size = number = 0
    for name, tensor in tensors.items():
        part[name] = tensor
        size += tensor.numel() * tensor.element_size()
        if size + tensor.numel() * tensor.element_size() > LIMIT:
            _save_part(folder / f"{number}.safetensors", part)
            part, size, number = {}, 0, number + 1
    _save_part(folder / f"{number}.safetensors", part)


def _save_part(path: Path, part: Tensors) -> None:
    save_file(part, path)
    file = os.open(path, os.O_RDONLY)
    os.fsync(file)
    os.close(file)
