"""Hashes the tensors of a loaded model, on any device, several at the same time; while saving, `writer` hashes itself.

Their bytes go through a few pinned buffers. Imported in ranks alone.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import torch
import xxhash

from shardwright_worker.writer.buffers import Buffer, Copier, make_buffers

_THREADS = 4


def digests_of_loaded(tensors: Mapping[str, torch.Tensor]) -> dict[str, str]:
    """Return the XXH3-128, in hex, of each tensor's bytes in C order."""
    device = next((one.device for one in tensors.values() if one.device.type != "cpu"), torch.device("cpu"))
    if device.type != "cpu":
        torch.accelerator.synchronize()
    with make_buffers(_THREADS, device) as buffers, ThreadPoolExecutor(_THREADS) as pool:
        shares = [list(tensors)[number::_THREADS] for number in range(_THREADS)]
        jobs = [pool.submit(_digests, share, tensors, buffers[number]) for number, share in enumerate(shares)]
        return {name: digest for job in jobs for name, digest in job.result().items()}


def _digests(names: list[str], tensors: Mapping[str, torch.Tensor], buffer: Buffer) -> dict[str, str]:
    copiers: dict[torch.device, Copier] = {}
    found = {}
    for name in names:
        tensor = tensors[name]
        copier = copiers.setdefault(tensor.device, Copier(tensor.device))
        digest = xxhash.xxh3_128()
        for data in copier.blocks_of(tensor):
            for start in range(0, data.numel(), copier.step):
                count = min(copier.step, data.numel() - start)
                copier.copy(data, start, buffer, 0, count)
                digest.update(buffer.view[:count])
        found[name] = str(digest.hexdigest())
    return found
