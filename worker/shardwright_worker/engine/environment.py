"""The environment that vLLM reads: offline, quiet, no needless process, and CPUs divided among the ranks."""

import os

# https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/envs.py
_DEFAULTS = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # an engine process is a process of its own already
    "VLLM_CPU_KVCACHE_SPACE": "1",
    # Killed ranks leave segments that are removed here first; Python's tracker would report each.
    "PYTHONWARNINGS": "ignore::UserWarning:multiprocessing.resource_tracker",
}


def prepare_environment() -> None:
    """Set the variables that are not set yet. To be called before vLLM is imported."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)


def bind_cpus(world_size: int) -> None:
    """Bind each rank of vLLM's CPU build to an equal share of this process's CPUs; shares overlap if CPUs are too few.

    By default vLLM requires a NUMA node for each rank:
    https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/utils/ompmultiprocessing.py#L123
    """
    allowed = sorted(os.sched_getaffinity(0))
    share = max(1, len(allowed) // world_size)
    sets = [allowed[(rank * share) % len(allowed) :][:share] for rank in range(world_size)]
    os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "|".join(",".join(map(str, one)) for one in sets))
