"""What an HTTP request means to the Kubernetes API, and a record of the requests that were made."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_PATH = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/(?P<version>[^/]+)(?:/namespaces/(?P<namespace>[^/]+))?"
    r"/(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?(?:/(?P<subresource>.+))?"
)
WRITES = frozenset({"create", "update", "patch", "apply", "delete"})
# Neither decides anything: they are left out where the operator's work is counted.
ASIDE = frozenset({"leases", "events"})


@dataclass(slots=True)
class ApiRequest:
    """One request. `code` is what the client was told (0: nothing), `fault` what was done to it, if anything."""

    verb: str
    path: str
    group: str = ""
    namespace: str = ""
    plural: str = ""
    name: str = ""
    subresource: str = ""
    body: Any = None
    code: int = 0
    fault: str = ""

    @property
    def writes(self) -> bool:
        """Whether it changes something."""
        return self.verb in WRITES

    @property
    def what(self) -> str:
        """Verb and kind, as in a rule of RBAC."""
        return f"{self.verb} {self.plural}{'/' if self.subresource else ''}{self.subresource}"

    @property
    def place(self) -> str:
        """Its path, with the name of the object that is to be created."""
        return f"{self.path}/{self.target()}" if self.verb == "create" else self.path

    def target(self) -> str:
        """The object that a write is about, also where only the body names it."""
        return self.name or str(((self.body or {}).get("metadata") or {}).get("name", ""))


def parse_request(method: str, path: str, query: Mapping[str, str], content: str, data: bytes) -> ApiRequest:
    """The request as the API server understands it."""
    found = _PATH.fullmatch(path)
    call = ApiRequest("", path)
    if found:
        call.group, call.namespace, call.plural, call.name, call.subresource = (
            found[part] or "" for part in ("group", "namespace", "plural", "name", "subresource")
        )
    if method == "GET":
        watching = query.get("watch", "") not in ("", "0", "false")
        call.verb = "watch" if watching else "get" if call.name or not found else "list"
    else:
        verb = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}[method]
        call.verb = "apply" if "apply-patch" in content else verb
        call.body = _parsed(data)
    return call


class RequestLog:
    """All calls in their order, and the number of events that watches delivered."""

    def __init__(self) -> None:
        self.calls: list[ApiRequest] = []
        self.events: Counter[str] = Counter()

    def count(self, keep: Callable[[ApiRequest], bool]) -> int:
        """The number of calls that are so."""
        return sum(keep(call) for call in list(self.calls))

    def writes(self, namespace: str = "") -> list[ApiRequest]:
        """The writes to objects that matter, of one namespace or all."""
        return [
            call
            for call in list(self.calls)
            if call.writes and call.plural not in ASIDE and namespace in ("", call.namespace)
        ]

    def used(self) -> set[tuple[str, str, str]]:
        """Every (API group, resource with subresource, verb) that was asked for, in RBAC's words."""
        return {
            (
                call.group,
                call.plural + (f"/{call.subresource}" if call.subresource else ""),
                "patch" if call.verb == "apply" else call.verb,
            )
            for call in list(self.calls)
            if call.plural
        }


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data) if data else None
    except ValueError:
        return None
