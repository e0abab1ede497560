"""Parses and formats sizes in bytes."""

import re

_UNITS = {
    "": 1,
    "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12,
    "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40,
}  # fmt: skip
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?i?)b?", re.IGNORECASE)


def parse_size(text: str) -> int:
    """Return the bytes of `5368709120`, `5Gi`, `5GiB`, `500M` or `0.5Gi`.

    Flags of the worker accept more spellings than a Kubernetes quantity, which the operator parses on its own: case
    does not matter here, and a trailing B is allowed.

    Raises:
        ValueError: the text is not a size; the message says what is accepted.
    """
    match = _SIZE.fullmatch(text.strip())
    unit = match.group(2).lower() if match else "i"
    if match is None or unit not in _UNITS:
        raise ValueError(
            f"{text!r} is not a size: write bytes, or a number with K, M, G, T, Ki, Mi, Gi or Ti, like 5Gi"
        )
    size = int(float(match.group(1)) * _UNITS[unit]) if "." in match.group(1) else int(match.group(1)) * _UNITS[unit]
    if size <= 0:
        raise ValueError(f"{text!r} is not a size: it must be more than 0 bytes")
    return size


def format_size(size: int) -> str:
    """Return a size as `4.7 GiB` or `812 B`, with at most three digits before the decimal point up to TiB."""
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1000:
            return f"{size} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def format_quantity(size: int) -> str:
    """Return a size as a Kubernetes quantity, with the digits of `format_size`: `4.7Gi` or `812`.

    https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
    """
    return format_size(size).replace(" ", "").removesuffix("B")
