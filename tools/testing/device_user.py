"""Imported by a fork server: what shard.preload does, after CUDA was initialized, as torch has noted it.

On a machine without GPUs only torch's note that it was can be set.
"""

import torch

torch.cuda._initialized = True

import shardwright_worker.shard.preload  # noqa: E402, F401
