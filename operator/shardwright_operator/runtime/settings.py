"""Every setting of the operator: one row per flag, with its environment variable, default and help."""

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

PREFIX = "SHARDWRIGHT_"


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one process. Times in seconds."""

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


def _switch(text: str) -> bool:
    if text.lower() in ("true", "yes", "1", "on", ""):
        return True
    if text.lower() in ("false", "no", "0", "off"):
        return False
    raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


class Row(NamedTuple):
    """One setting. The flag is the name with dashes, the environment variable SHARDWRIGHT_ and the name in capitals."""

    name: str
    read: Callable[[str], Any]
    default: str | None
    help: str
    choices: tuple[str, ...] = ()

    @property
    def flag(self) -> str:
        """As it is written on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment variable that gives the default."""
        return PREFIX + self.name.upper()


# fmt: off
TABLE = (
    Row("engine_image", str, None, "image of the shard Job where a resource names none (vLLM with shardwright-worker)"),
    Row("prepare_image", str, None, "image of the prepare Job (shardwright-worker without vLLM)"),
    Row("namespaces", _names, "", "namespaces to serve, separated by commas; empty: the whole cluster"),
    Row("kubeconfig", str, "", "kubeconfig file; empty: the pod's service account, else $KUBECONFIG or ~/.kube/config"),
    Row("context", str, "", "context of the kubeconfig; empty: its current one"),
    Row("workers", int, "16", "resources that are worked on at the same time"),
    Row("work_timeout", float, "120", "seconds after which work on one resource is broken off and tried again"),
    Row("request_timeout", float, "15", "seconds that one call to the API server may take"),
    Row("retry_base", float, "10", "pause before the second attempt of a Job; it doubles with each further one"),
    Row("retry_cap", float, "600", "longest pause between two attempts of a Job"),
    Row("progress_interval", float, "5", "seconds between two looks at the progress of a running Job"),
    Row("relist_interval", float, "1800", "seconds between two complete lists, which find what a watch has missed"),
    Row("watch_timeout", float, "300", "seconds after which a watch is opened anew"),
    Row("watch_silence", float, "70", "seconds without a sign of life after which a watch is opened anew"),
    Row("leader_elect", _switch, "true", "work only while holding the Lease, so that replicas take turns"),
    Row("lease_namespace", str, "", "namespace of the Lease; empty: the operator's own"),
    Row("lease_name", str, "shardwright-operator", "name of the Lease"),
    Row("lease_duration", float, "15", "seconds after which a silent leader is replaced"),
    Row("renew_deadline", float, "10", "seconds after which a leader that cannot renew stops working"),
    Row("retry_period", float, "2", "seconds between two tries to get or renew the Lease"),
    Row("metrics_address", str, ":8080", "address of /metrics, /healthz and /readyz"),
    Row("log_format", str, "auto", "how to log; auto: text on a terminal, JSON otherwise", ("auto", "json", "text")),
    Row("log_level", str, "info", "least level that is logged", ("debug", "info", "warning", "error")),
)
# fmt: on


def read_settings(arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings: from the command line, else the environment, else the defaults; ends with a message if wrong."""
    parser = argparse.ArgumentParser("shardwright-operator", allow_abbrev=False)
    for row in TABLE:
        default = environment.get(row.variable, row.default)
        told = f"{row.help} [{row.variable}{f', default {row.default}' if row.default else ''}]".replace("%", "%%")
        if row.read is _switch:
            parser.add_argument(row.flag, type=_switch, nargs="?", const=True, default=default, help=told)
        else:
            parser.add_argument(
                row.flag,
                type=row.read,
                default=default,
                required=default is None,
                choices=row.choices or None,
                help=told,
            )
    settings = Settings(**vars(parser.parse_args(arguments)))
    if wrong := _contradiction(settings):
        parser.error(wrong)
    return settings


def _contradiction(settings: Settings) -> str:
    if settings.workers < 1:
        return f"--workers must be at least 1, not {settings.workers}"
    if not settings.lease_duration > settings.renew_deadline > settings.retry_period > 0:
        return "--lease-duration must be longer than --renew-deadline, and that longer than --retry-period"
    return ""
