"""What an operator has asked of the API server and of the processor, from its own metrics and the kernel."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from benchmarks.operator.processes import processor_seconds, resident_bytes
from tools.testing.operator import Operator

_CALL = re.compile(r'shardwright_api_call_seconds_count\{code="[^"]*",resource="([^"]*)",verb="([^"]*)"\}')
_READS, _WRITES = ("get", "list"), ("create", "apply", "patch", "update", "delete")


@dataclass(frozen=True)
class Spending:
    """Calls by (verb, resource), processor seconds and resident bytes until a moment."""

    calls: Counter[tuple[str, str]]
    processor: float
    memory: int

    def since(self, before: Spending) -> Spending:
        """The difference; memory as it is now."""
        return Spending(self.calls - before.calls, self.processor - before.processor, self.memory)

    @property
    def reads(self) -> int:
        """Objects and lists that were asked for."""
        return self._count(_READS)

    @property
    def writes(self) -> int:
        """Writes to resources and Jobs."""
        return self._count(_WRITES, without=("leases", "events"))

    @property
    def events(self) -> int:
        """Events told."""
        return sum(number for (_, resource), number in self.calls.items() if resource == "events")

    @property
    def lease(self) -> int:
        """Calls for the Lease."""
        return sum(number for (_, resource), number in self.calls.items() if resource == "leases")

    def _count(self, verbs: tuple[str, ...], without: tuple[str, ...] = ("leases",)) -> int:
        return sum(n for (verb, resource), n in self.calls.items() if verb in verbs and resource not in without)


def spending(operator: Operator) -> Spending:
    """What it has spent until now."""
    calls: Counter[tuple[str, str]] = Counter()
    for name, value in operator.metrics().items():
        if found := _CALL.fullmatch(name):
            calls[found[2], found[1]] += int(value)
    return Spending(calls, processor_seconds(operator.pid), resident_bytes(operator.pid))
