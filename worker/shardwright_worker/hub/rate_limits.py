"""How long a busy hub asks to be left alone, and the short waits that are waited for."""

import math
import re
import threading
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from shardwright_worker.contract.failure import WorkerFailure

LONGEST = 6 * 3600.0  # seconds; a hub that asks for more is asked again after that
SHORT = 30.0  # waits of this sum are waited here; longer ones are left to the next attempt
_RATE_LIMIT = re.compile(r'"\w{1,40}"\s*;\s*r\s*=\s*0\s*;\s*t\s*=\s*(\d{1,9})')
BUSY = (429, 503)
Result = TypeVar("Result")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that an answer asks to wait: by Retry-After (seconds or a date), or by the hub's own RateLimit header."""
    named = {name.lower(): value for name, value in headers.items()}
    asked = _seconds(named.get("retry-after", "").strip())
    match = _RATE_LIMIT.search(named.get("ratelimit", "")[:1000])
    if match:
        asked = max(asked or 0.0, float(match.group(1)))
    return None if asked is None else min(max(asked, 0.0), LONGEST)


def until(seconds: float) -> str:
    """The moment after so many seconds, as people read it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def patiently(ask: Callable[[], Result]) -> Result:
    """What `ask` gives; where the hub asks for a short wait, it is waited and asked again."""
    left = SHORT
    while True:
        try:
            return ask()
        except WorkerFailure as failure:
            if failure.retry_after is None or failure.retry_after + 1 > left:
                raise
            left -= failure.retry_after + 1
            time.sleep(failure.retry_after + 1)  # one more, for their clock is not ours


def watch_client(refuse: Callable[[int, float], WorkerFailure]) -> None:
    """Let the hub client fail where a busy hub asks for a long wait; by itself it would sleep however long that is."""
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils._http import default_client_factory

    lock, waited = threading.Lock(), [0.0]

    def look(response: Any) -> None:
        asked = retry_after(response.headers) if response.status_code in BUSY else None
        if asked is None:
            return
        with lock:
            waited[0] += asked + 1
            if waited[0] > SHORT:
                raise refuse(response.status_code, asked)

    def client() -> Any:
        made = default_client_factory()
        hooks = made.event_hooks
        hooks["response"] = [*hooks.get("response", []), look]
        made.event_hooks = hooks
        return made

    set_client_factory(client)


def _seconds(text: str) -> float | None:
    if re.fullmatch(r"[0-9]{1,400}(\.[0-9]{1,20})?", text):
        number = float(text)
        return number if math.isfinite(number) else LONGEST
    try:
        moment = parsedate_to_datetime(text)
        return moment.timestamp() - time.time()
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return None
