"""Every setting of the operator: one row per flag, with its environment variable, default and help."""

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

PREFIX = "SHARDWRIGHT_"


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one process; the table below describes each. Times are in seconds."""

    engine_image: str
    prepare_image: str
    namespaces: tuple[str, ...]
    kubeconfig: str
    context: str
    workers: int
    work_timeout: float
    request_timeout: float
    retry_base: float
    retry_cap: float
    progress_interval: float
    relist_interval: float
    watch_timeout: float
    watch_silence: float
    leader_elect: bool
    lease_namespace: str
    lease_name: str
    lease_duration: float
    renew_deadline: float
    retry_period: float
    metrics_address: str
    log_format: str
    log_level: str


def _boolean(text: str) -> bool:
    if text.lower() in ("true", "yes", "1", "on", ""):
        return True
    if text.lower() in ("false", "no", "0", "off"):
        return False
    raise argparse.ArgumentTypeError(f"{text!r} is not a boolean; use true or false")


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


class Setting(NamedTuple):
    """One setting, as a flag and as an environment variable. A default of None makes it required."""

    name: str
    read: Callable[[str], Any]
    default: str | None
    help: str
    choices: tuple[str, ...] = ()

    @property
    def flag(self) -> str:
        """The name on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment variable that replaces the default."""
        return PREFIX + self.name.upper()


# fmt: off
TABLE = (
    Setting("engine_image", str, None, "default of spec.engine.image: shard Job (vLLM with shardwright-worker)"),
    Setting("prepare_image", str, None, "image of the prepare Job (shardwright-worker without vLLM)"),
    Setting("namespaces", _names, "", "namespaces to serve, separated by commas; empty: the whole cluster"),
    Setting("kubeconfig", str, "", "kubeconfig; empty: the pod's service account, else $KUBECONFIG or ~/.kube/config"),
    Setting("context", str, "", "context of the kubeconfig; empty: its current context"),
    Setting("workers", int, "16", "resources that are reconciled at the same time"),
    Setting("work_timeout", float, "120", "seconds after which one reconciliation is cancelled and retried"),
    Setting("request_timeout", float, "15", "seconds that one request to the API server may take"),
    Setting("retry_base", float, "10", "seconds before the second attempt of a failed Job, doubled for each next one"),
    Setting("retry_cap", float, "600", "largest backoff, in seconds; a jitter of up to 25 % is added to it"),
    Setting("progress_interval", float, "5", "seconds between two reads of a running Job's progress from its log"),
    Setting("relist_interval", float, "1800", "seconds between two complete lists, which find what a watch has missed"),
    Setting("watch_timeout", float, "300", "seconds after which a watch is reopened"),
    Setting("watch_silence", float, "70", "seconds without an event or bookmark after which a watch is reopened"),
    Setting("leader_elect", _boolean, "true", "reconcile only while holding the Lease; needed with several replicas"),
    Setting("lease_namespace", str, "", "namespace of the Lease; empty: the operator's own"),
    Setting("lease_name", str, "shardwright-operator", "name of the Lease"),
    Setting("lease_duration", float, "15", "seconds without a renewal after which a standby takes the Lease"),
    Setting("renew_deadline", float, "10", "seconds without a renewal after which the leader stops reconciling"),
    Setting("retry_period", float, "2", "seconds between two attempts to acquire or renew the Lease"),
    Setting("metrics_address", str, ":8080", "host:port of /metrics, /healthz and /readyz; no host: every interface"),
    Setting("log_format", str, "auto", "log format; auto: text on a terminal, else JSON", ("auto", "json", "text")),
    Setting("log_level", str, "info", "lowest level that is logged", ("debug", "info", "warning", "error")),
)
# fmt: on


def read_settings(arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings from the command line, else the environment, else the defaults.

    Raises:
        SystemExit: a setting is missing or wrong; the message on stderr names it.
    """
    parser = argparse.ArgumentParser("shardwright-operator", allow_abbrev=False)
    for row in TABLE:
        default = environment.get(row.variable, row.default)
        help_text = f"{row.help} [{row.variable}{f', default {row.default}' if row.default else ''}]".replace("%", "%%")
        if row.read is _boolean:
            parser.add_argument(row.flag, type=_boolean, nargs="?", const=True, default=default, help=help_text)
        else:
            parser.add_argument(
                row.flag,
                type=row.read,
                default=default,
                required=default is None,
                choices=row.choices or None,
                help=help_text,
            )
    settings = Settings(**vars(parser.parse_args(arguments)))
    if problem := _contradiction(settings):
        parser.error(problem)
    return settings


def _contradiction(settings: Settings) -> str:
    """Return what is wrong with settings that are valid one by one, empty if nothing is."""
    if settings.workers < 1:
        return f"--workers must be at least 1, not {settings.workers}"
    if not (settings.retry_base > 0 and settings.retry_cap > 0):
        return f"--retry-base and --retry-cap must be above 0, not {settings.retry_base:g} and {settings.retry_cap:g}"
    if not settings.lease_duration > settings.renew_deadline > settings.retry_period > 0:
        return "--lease-duration must be longer than --renew-deadline, and --renew-deadline longer than --retry-period"
    return ""
