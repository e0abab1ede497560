"""kopf as we use it: it watches and keeps no state, neither on objects nor by comparing them."""

from dataclasses import dataclass
from typing import Any

import kopf

from shardwright_operator.kube.kinds import WATCHED


@dataclass(frozen=True, slots=True)
class Times:
    """When a watch is opened anew, in seconds: regularly, and after silence."""

    timeout: float = 300.0
    silence: float = 70.0
    margin: float = 60.0

    @property
    def dead(self) -> float:
        """Without a sign of life for so long, a watch is not only quiet."""
        return self.timeout + self.silence + self.margin


def kopf_settings(times: Times) -> kopf.OperatorSettings:
    """Watches that notice silence, short retries (the supervisor has longer ones), nothing written anywhere."""
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.persistence.diffbase_storage = _NoDifference()
    settings.persistence.progress_storage = _NoProgress()
    settings.watching.server_timeout = int(times.timeout)  # the API server refuses "300.0"
    settings.watching.client_timeout = times.timeout + 30.0
    settings.watching.inactivity_timeout = times.silence
    settings.watching.connect_timeout = 10.0
    settings.watching.chunk_size = 500
    settings.networking.request_timeout = 60.0
    settings.networking.connect_timeout = 10.0
    settings.networking.error_backoffs = (0.5, 1.0)
    settings.queueing.idle_timeout = 0.5
    settings.queueing.exit_timeout = 0.5
    settings.process.ultimate_exiting_timeout = None
    for kind in WATCHED:
        if kind.selector:
            settings.watching.label_selectors[kind.group, kind.version, kind.plural] = kind.selector
    return settings


class _NoDifference(kopf.DiffBaseStorage):
    """kopf compares each object with its last handled version, by deep copies: much of its time, of no use here."""

    def build(self, **_: Any) -> Any:
        return {}

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        return None


class _NoProgress(kopf.ProgressStorage):
    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        return None

    def purge(self, **_: Any) -> None:
        return None

    def touch(self, **_: Any) -> None:
        return None

    def clear(self, *, essence: Any) -> Any:
        return essence
