"""Rules that say which requests a fault is injected into."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from tools.testing.api_requests import ApiRequest
from tools.testing.faults import Fault

_READS = ("get", "list", "watch")


@dataclass
class Rule:
    """A fault for requests of a verb (or `*`, `read`, `write`) whose object's path matches the pattern `path`.

    Of the requests that match, it hits the `nth` and every `every`th after it, `times` in all. `when` is a further
    condition.
    """

    verb: str
    path: str
    fault: Fault
    nth: int = 1
    every: int = 1
    times: int = 1
    when: Callable[[ApiRequest], bool] = lambda _: True
    matched: int = field(default=0, init=False)
    hits: int = field(default=0, init=False)

    def hit(self, request: ApiRequest) -> bool:
        """Return whether the fault is to be injected into this request, and count it."""
        if not (self._matches_verb(request) and re.search(self.path, request.object_path) and self.when(request)):
            return False
        self.matched += 1
        due = self.matched >= self.nth and (self.matched - self.nth) % self.every == 0 and self.hits < self.times
        self.hits += due
        return due

    def _matches_verb(self, request: ApiRequest) -> bool:
        groups = {"*": True, "write": request.writes, "read": request.verb in _READS}
        return groups.get(self.verb, request.verb == self.verb)
