"""The kopf settings of the operator: kopf only watches, and stores no state on objects or in memory."""

from dataclasses import dataclass
from typing import Any

import kopf

from shardwright_operator.kube.kinds import WATCHED


@dataclass(frozen=True, slots=True)
class WatchTimeouts:
    """When a watch is reopened, in seconds: regularly after `timeout`, and after `inactivity` without any line."""

    timeout: float = 300.0
    inactivity: float = 70.0
    margin: float = 60.0

    @property
    def stuck_after(self) -> float:
        """Seconds of silence after which kopf itself should have reopened the watch, so that it must be stuck."""
        return self.timeout + self.inactivity + self.margin


def kopf_settings(timeouts: WatchTimeouts) -> kopf.OperatorSettings:
    """Return settings for watches that notice silence, give up early and write nothing.

    https://github.com/nolar/kopf/blob/1.45.2/kopf/_cogs/configs/configuration.py#L219
    """
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True  # would need permission to watch namespaces and CRDs in the whole cluster
    settings.posting.enabled = False
    settings.persistence.diffbase_storage = _NoDiffBase()
    settings.persistence.progress_storage = _NoProgress()
    settings.watching.server_timeout = int(timeouts.timeout)  # the API server rejects timeoutSeconds=300.0
    settings.watching.client_timeout = timeouts.timeout + 30.0
    settings.watching.inactivity_timeout = timeouts.inactivity
    settings.watching.connect_timeout = 10.0
    settings.watching.chunk_size = 500
    settings.networking.request_timeout = 60.0
    settings.networking.connect_timeout = 10.0
    settings.networking.error_backoffs = (0.5, 1.0)  # short: the watch supervisor has longer ones
    settings.queueing.idle_timeout = 0.5
    settings.queueing.exit_timeout = 0.5
    settings.process.ultimate_exiting_timeout = None  # else kopf may send SIGKILL ten minutes after it was cancelled
    for kind in WATCHED:
        if kind.selector:
            settings.watching.label_selectors[kind.group, kind.version, kind.plural] = kind.selector
    return settings


class _NoDiffBase(kopf.DiffBaseStorage):
    """Stores nothing, and skips the deep copy of each object that kopf would compare with its last handled version.

    https://github.com/nolar/kopf/blob/1.45.2/kopf/_cogs/configs/diffbase.py#L56
    """

    def build(self, **_: Any) -> Any:
        return {}

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        return None


class _NoProgress(kopf.ProgressStorage):
    """Stores nothing, and skips another deep copy of each object.

    https://github.com/nolar/kopf/blob/1.45.2/kopf/_cogs/configs/progress.py#L124
    """

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
