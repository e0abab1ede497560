"""`make bench-gpu`: prints the commands that measure the worker on a machine with GPUs. Needs no torch."""

_COMMANDS = """\
# On a machine with a GPU, in an environment with vLLM (vllm>=0.26,<0.34), xxhash, rich and pydantic, in this folder:
PYTHONPATH=worker:. python3 -m benchmarks.worker --device cuda --gigabytes 15 --folder /dev/shm   # the writer, memory
PYTHONPATH=worker:. python3 -m benchmarks.worker --device cuda --gigabytes 15                     # the writer, disk
PYTHONPATH=worker:. python3 -m benchmarks.worker --process 8B --folder /dev/shm                   # beside vLLM's script
PYTHONPATH=worker:. python3 -m benchmarks.worker --process 70B --ranks 4 --folder /dev/shm        # 300 GB of memory
PYTHONPATH=worker:. python3 -m benchmarks.worker --reading 8B                                     # from a cold disk
"""

if __name__ == "__main__":
    print(_COMMANDS, end="")
