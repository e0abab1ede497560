"""Rate limits of the Hub: reads Retry-After, waits where the wait is short, and fails where it is long."""

import math
import re
import threading
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from shardwright_worker.contract.failure import WorkerFailure

MAX_WAIT = 6 * 3600.0  # seconds; a longer Retry-After counts as this
MAX_LOCAL_WAIT = 30.0  # seconds that this process waits in total; longer waits are left to the next attempt
RATE_LIMIT_STATUSES = (429, 503)
_MARGIN = 1  # seconds added to each wait, for the server's clock may differ
# `"api";r=0;t=55`: no requests remain, and the window resets in 55 seconds.
_RATE_LIMIT = re.compile(r'"\w{1,40}"\s*;\s*r\s*=\s*0\s*;\s*t\s*=\s*(\d{1,9})')
Result = TypeVar("Result")


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Return the seconds to wait by Retry-After (seconds or a date) or RateLimit, the larger one; None without both.

    https://www.rfc-editor.org/rfc/rfc9110#field.retry-after and https://huggingface.co/docs/hub/rate-limits
    """
    named = {name.lower(): value for name, value in headers.items()}
    wait = _seconds(named.get("retry-after", "").strip())
    match = _RATE_LIMIT.search(named.get("ratelimit", "")[:1000])
    if match:
        wait = max(wait or 0.0, float(match.group(1)))
    return None if wait is None else min(max(wait, 0.0), MAX_WAIT)


def utc_after(seconds: float) -> str:
    """Return the time after that many seconds, as `2026-01-02T03:04:05Z`."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def retry_short_waits(request: Callable[[], Result]) -> Result:
    """Return `request()`, repeated after each short wait that its failure asks for.

    Raises:
        WorkerFailure: a failure without Retry-After, or with waits of more than 30 seconds in total.
    """
    left = MAX_LOCAL_WAIT
    while True:
        try:
            return request()
        except WorkerFailure as failure:
            if failure.retry_after is None or failure.retry_after + _MARGIN > left:
                raise
            left -= failure.retry_after + _MARGIN
            time.sleep(failure.retry_after + _MARGIN)


def fail_on_long_waits(failure_of: Callable[[int, float], WorkerFailure]) -> None:
    """Let every later request of the Hub client raise `failure_of(status, wait)` where the Hub asks for a long wait.

    The client itself would sleep for however long the Hub asks:
    https://github.com/huggingface/huggingface_hub/blob/v2.4.0/src/huggingface_hub/utils/_http.py#L490
    """
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils._http import default_client_factory

    lock, waited = threading.Lock(), [0.0]

    def check(response: Any) -> None:
        wait = retry_after_seconds(response.headers) if response.status_code in RATE_LIMIT_STATUSES else None
        if wait is None:
            return
        with lock:
            waited[0] += wait + _MARGIN
            if waited[0] > MAX_LOCAL_WAIT:
                raise failure_of(response.status_code, wait)

    def client() -> Any:
        created = default_client_factory()
        hooks = created.event_hooks
        hooks["response"] = [*hooks.get("response", []), check]
        created.event_hooks = hooks
        return created

    set_client_factory(client)


def _seconds(text: str) -> float | None:
    if re.fullmatch(r"[0-9]{1,400}(\.[0-9]{1,20})?", text):
        number = float(text)
        return number if math.isfinite(number) else MAX_WAIT
    try:
        moment = parsedate_to_datetime(text)
        return moment.timestamp() - time.time()
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return None
