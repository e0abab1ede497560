"""Follows a ShardedCheckpoint until it is Ready, and prints its progress."""

from __future__ import annotations

import time
from typing import Any

from tools.demo.console import live
from tools.testing.checkpoints import Checkpoint, condition, conditions_text, holds
from tools.testing.kubectl import Object


def follow(checkpoint: Checkpoint, seconds: float = 1800) -> Object:
    """Print every change until it is Ready, and return it.

    Raises:
        RuntimeError: it is Stalled, or not Ready in time.
    """
    deadline, shown = time.monotonic() + seconds, ""
    while True:
        resource = checkpoint.read()
        if holds(resource, "Ready"):
            live("Ready", last=True)
            return resource
        if holds(resource, "Stalled"):
            raise RuntimeError(f"it is Stalled: {conditions_text(resource)}")
        if (line := _line(resource)) != shown:
            live(line)
            shown = line
        if time.monotonic() > deadline:
            raise RuntimeError(f"not Ready within {seconds:.0f} s: {conditions_text(resource)}")
        time.sleep(0.5)


def _line(resource: Object) -> str:
    ready = condition(resource, "Ready")
    if not ready:
        return "waiting for the operator"
    parts = [ready["reason"], *_progress(resource["status"].get("progress") or {})]
    return ": ".join((" ".join(parts), ready.get("message", "")))


def _progress(progress: dict[str, Any]) -> list[str]:
    parts = [progress["stage"]] if "stage" in progress else []
    if progress.get("ranks"):
        parts.append(f"{progress.get('ranksDone', 0)} of {progress['ranks']} ranks")
    if progress.get("bytesTotal"):
        parts.append(f"{progress.get('bytesDone', 0) / progress['bytesTotal']:.0%}")
    return parts
