"""Bearer tokens: read again as they rotate, or requested from an exec plugin of a kubeconfig."""

import json
import logging
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from typing import Any

from shardwright_worker.contract.text import one_line

log = logging.getLogger(__name__)

# Seconds. client-go reads a token file once a minute too:
# https://github.com/kubernetes/client-go/blob/v0.36.3/transport/token_source.go#L79
_TOKEN_AGE, _RETRY, _PLUGIN_TIMEOUT = 60.0, 5.0, 60.0


class CredentialsError(Exception):
    """There are no usable credentials; the message says what was tried."""


def cached(read: Callable[[], str]) -> Callable[[], str]:
    """Return a function that reads the token at most once a minute.

    While it cannot be read again, the last one is used: the kubelet replaces a projected token when a fifth of its
    lifetime is left, which is two minutes or more.

    https://github.com/kubernetes/kubernetes/blob/v1.36.3/pkg/kubelet/token/token_manager.go#L190
    """
    last, read_at = "", float("-inf")

    def token() -> str:
        """Return the token.

        Raises:
            CredentialsError: it has never been read, and cannot be read now.
        """
        nonlocal last, read_at
        if time.monotonic() - read_at > _TOKEN_AGE:
            try:
                last, read_at = _checked(read()), time.monotonic()
            except (OSError, ValueError, CredentialsError) as error:
                if not last:
                    raise CredentialsError(f"the token cannot be read: {error}") from error
                read_at = time.monotonic() - _TOKEN_AGE + _RETRY
                log.warning("the token cannot be read again, the last one is used: %s", error)
        return last

    return token


def run_exec_plugin(plugin: Mapping[str, Any]) -> str:
    """Return the token that the command of a kubeconfig's `exec` section prints as an ExecCredential.

    https://github.com/kubernetes/client-go/blob/v0.36.3/pkg/apis/clientauthentication/v1/types.go#L28

    Raises:
        CredentialsError: the command failed, or printed no token.
        OSError: the command does not exist.
    """
    request = {"apiVersion": plugin["apiVersion"], "kind": "ExecCredential", "spec": {"interactive": False}}
    extra = {entry["name"]: entry["value"] for entry in plugin.get("env") or []}
    environment = {**os.environ, **extra, "KUBERNETES_EXEC_INFO": json.dumps(request)}
    command = [plugin["command"], *(plugin.get("args") or [])]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_PLUGIN_TIMEOUT)
    except subprocess.SubprocessError as error:
        raise CredentialsError(f"{plugin['command']} failed: {error}") from error
    if done.returncode != 0:
        raise CredentialsError(f"{plugin['command']} failed: {one_line(done.stderr.strip()[-500:])}")
    try:
        token = json.loads(done.stdout)["status"].get("token")
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise CredentialsError(f"{plugin['command']} printed no ExecCredential with a status") from error
    if not token:
        raise CredentialsError(
            f"{plugin['command']} printed no token; client certificates from plugins are not supported"
        )
    return str(token)


def _checked(token: str) -> str:
    """Return the token without white space around it, if it fits into an HTTP header.

    Raises:
        CredentialsError: it does not: a file that is being written, or one that is something else.
    """
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise CredentialsError("it is empty, or has characters that no token has")
    return token
