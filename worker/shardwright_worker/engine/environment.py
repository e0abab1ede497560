"""The environment that vLLM reads: offline, quiet, one process where one is enough, and CPUs shared out."""

import os

_DEFAULTS = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # we are the process of its own already
    "VLLM_CPU_KVCACHE_SPACE": "1",
    # Killed ranks leave segments that are removed here first; Python's tracker would report each.
    "PYTHONWARNINGS": "ignore::UserWarning:multiprocessing.resource_tracker",
}


def prepare_environment() -> None:
    """To be called before vLLM is imported; what is set already stays."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)


def bind_cpus(world_size: int) -> None:
    """For vLLM's CPU build: an equal share of the CPUs that we may use for each rank, shared where they are too few.

    Left to itself it wants a NUMA node for each rank.
    """
    allowed = sorted(os.sched_getaffinity(0))
    share = max(1, len(allowed) // world_size)
    sets = [allowed[(rank * share) % len(allowed) :][:share] for rank in range(world_size)]
    os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "|".join(",".join(map(str, one)) for one in sets))
