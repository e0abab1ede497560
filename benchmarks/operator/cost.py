"""What an operator costs: requests to the API server, processor time and memory, from its metrics and /proc."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from benchmarks.operator.processes import processor_seconds, resident_bytes
from tools.testing.operator import Operator

_CALL = re.compile(r'shardwright_api_call_seconds_count\{code="[^"]*",resource="([^"]*)",verb="([^"]*)"\}')
_READS, _WRITES = ("get", "list"), ("create", "apply", "patch", "update", "delete")


@dataclass(frozen=True)
class Cost:
    """Requests by (verb, resource) and processor seconds since the start, resident bytes now."""

    requests: Counter[tuple[str, str]]
    processor: float
    memory: int

    def since(self, before: Cost) -> Cost:
        """Return the difference of requests and processor seconds, with the present memory."""
        return Cost(self.requests - before.requests, self.processor - before.processor, self.memory)

    @property
    def reads(self) -> int:
        """Gets and lists."""
        return self._count(_READS)

    @property
    def writes(self) -> int:
        """Writes to resources and Jobs."""
        return self._count(_WRITES, without=("leases", "events"))

    @property
    def events(self) -> int:
        """Writes of Events."""
        return sum(number for (_, resource), number in self.requests.items() if resource == "events")

    @property
    def lease(self) -> int:
        """Requests for the Lease."""
        return sum(number for (_, resource), number in self.requests.items() if resource == "leases")

    def _count(self, verbs: tuple[str, ...], without: tuple[str, ...] = ("leases",)) -> int:
        return sum(n for (verb, resource), n in self.requests.items() if verb in verbs and resource not in without)


def cost_of(operator: Operator) -> Cost:
    """Return the cost up to now."""
    requests: Counter[tuple[str, str]] = Counter()
    for name, value in operator.metrics().items():
        if found := _CALL.fullmatch(name):
            requests[found[2], found[1]] += int(value)
    return Cost(requests, processor_seconds(operator.pid), resident_bytes(operator.pid))
