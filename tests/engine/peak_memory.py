"""Prints by how many bytes at most `write_parts` raises the resident memory of a process.

python -m tests.engine.peak_memory FOLDER LIMIT KIND
"""

import gc
import re
import sys
from pathlib import Path

import torch

from shardwright_worker.writer.write import write_parts

SIZE = 640 * 1024**2  # bytes of the tensors, more than the writer may use
_SMALL = 1024**2
_THREADS = 8  # as many parts at the same time as there can be


def main() -> None:
    """Write the tensors of a kind in parts of at most LIMIT bytes.

    https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html
    """
    folder, limit, kind = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    tensors = _tensors(kind)
    write_parts(folder, {"warm": torch.zeros(8)}, "warm-{}".format, limit)
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # reset VmHWM
    before = _memory("VmRSS")
    write_parts(folder, tensors, "part-{}.safetensors".format, limit, threads=_THREADS)
    print(_memory("VmHWM") - before)


def _tensors(kind: str) -> dict[str, torch.Tensor]:
    whole = torch.ones(SIZE, dtype=torch.uint8)
    match kind:
        case "transposed":
            return {"weight": whole.view(torch.bfloat16).view(4096, -1).t()}
        case "long rows":  # each row is larger than what may be copied at a time
            return {"weight": whole.view(2, 2, -1, 2).permute(0, 3, 1, 2)}
        case _:
            return {str(start): whole[start : start + _SMALL] for start in range(0, SIZE, _SMALL)}


def _memory(field: str) -> int:
    [kilobytes] = re.findall(rf"^{field}:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(kilobytes) * 1024


if __name__ == "__main__":
    main()
