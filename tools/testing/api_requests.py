"""What an HTTP request means to the Kubernetes API, and a log of the requests that were made."""

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
# No decision depends on these: they are left out where the operator's writes are counted.
UNCOUNTED = frozenset({"leases", "events"})


@dataclass(slots=True)
class ApiRequest:
    """One request. `code` is the status that the client received (0: none), `fault` the name of the injected fault."""

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
        """Whether it changes an object."""
        return self.verb in WRITES

    @property
    def operation(self) -> str:
        """Verb and resource as in a rule of RBAC, for example `patch jobs/status`."""
        return f"{self.verb} {self.plural}{'/' if self.subresource else ''}{self.subresource}"

    @property
    def object_path(self) -> str:
        """Its path; of a creation, the path of the object that it creates."""
        return f"{self.path}/{self.object_name()}" if self.verb == "create" else self.path

    def object_name(self) -> str:
        """Return the name of the object, from the body where the path has none."""
        return self.name or str(((self.body or {}).get("metadata") or {}).get("name", ""))


def parse_request(method: str, path: str, query: Mapping[str, str], content: str, data: bytes) -> ApiRequest:
    """Return the request as the API server understands it; `content` is its content type.

    https://github.com/kubernetes/kubernetes/blob/v1.34.0/staging/src/k8s.io/apiserver/pkg/endpoints/request/requestinfo.go
    """
    found = _PATH.fullmatch(path)
    request = ApiRequest("", path)
    if found:
        request.group, request.namespace, request.plural, request.name, request.subresource = (
            found[part] or "" for part in ("group", "namespace", "plural", "name", "subresource")
        )
    if method == "GET":
        watching = query.get("watch", "") not in ("", "0", "false")
        request.verb = "watch" if watching else "get" if request.name or not found else "list"
    else:
        verb = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}[method]
        request.verb = "apply" if "apply-patch" in content else verb
        request.body = _parsed(data)
    return request


class RequestLog:
    """All requests in order, and the number of events that watches delivered, by resource."""

    def __init__(self) -> None:
        self.requests: list[ApiRequest] = []
        self.watch_events: Counter[str] = Counter()

    def count(self, condition: Callable[[ApiRequest], bool]) -> int:
        """Return the number of requests that meet the condition."""
        return sum(condition(request) for request in list(self.requests))

    def writes(self, namespace: str = "") -> list[ApiRequest]:
        """Return the writes in one namespace or all, without those of Leases and Events."""
        return [
            request
            for request in list(self.requests)
            if request.writes and request.plural not in UNCOUNTED and namespace in ("", request.namespace)
        ]

    def permissions(self) -> set[tuple[str, str, str]]:
        """Return the permissions that the requests need: (API group, resource with subresource, verb) as in RBAC."""
        return {
            (
                request.group,
                request.plural + (f"/{request.subresource}" if request.subresource else ""),
                "patch" if request.verb == "apply" else request.verb,
            )
            for request in list(self.requests)
            if request.plural
        }


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data) if data else None
    except ValueError:
        return None
