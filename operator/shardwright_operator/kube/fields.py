"""Fields of raw objects by the type that they should have; a field of another type makes its object odd."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from shardwright_worker.contract.text import clean

NAME_LIMIT = 253  # characters: the longest name that Kubernetes takes
NUMBER_LIMIT = 2**63 - 1
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)
_VERSION_DIGITS = 20
_QUANTITY_CHARACTERS, _QUANTITY_DIGITS = 64, 19

Raw = Mapping[str, Any]


class FieldError(ValueError):
    """A field has a value that the API server does not give; the message names the field."""


def mapping(raw: Raw, name: str) -> Raw:
    """An object within; empty if it is missing."""
    return _of(raw, name, dict) or {}


def mappings(raw: Raw, name: str) -> list[Raw]:
    """A list of objects; empty if it is missing."""
    found: list[Raw] = _of(raw, name, list) or []
    if not all(isinstance(one, dict) for one in found):
        raise FieldError(f"{name} holds something else than objects")
    return found


def texts(raw: Raw, name: str) -> list[str]:
    """A list of words; empty if it is missing."""
    found: list[str] = _of(raw, name, list) or []
    if not all(isinstance(one, str) for one in found):
        raise FieldError(f"{name} holds something else than text")
    return [clean(one, NAME_LIMIT) for one in found]


def text(raw: Raw, name: str, limit: int = 2048) -> str:
    """Text for people, fit for one line; empty if it is missing."""
    return clean(_of(raw, name, str) or "", limit)


def identity(raw: Raw, name: str) -> str:
    """A name or uid, as it is; empty if it is missing."""
    found = _of(raw, name, str) or ""
    if len(found) > NAME_LIMIT or found != clean(found):
        raise FieldError(f"{name} is no name")
    return found


def flag(raw: Raw, name: str) -> bool:
    """True or false; false if it is missing."""
    return bool(_of(raw, name, bool))


def number(raw: Raw, name: str) -> int | None:
    """A whole number of 64 bits; None if it is missing."""
    found: int | None = _of(raw, name, int)
    if isinstance(found, bool) or (found is not None and abs(found) > NUMBER_LIMIT):
        raise FieldError(f"{name} is no whole number of 64 bits")
    return found


def version(raw: Raw) -> int:
    """The resourceVersion, which orders the versions of an object; 0 if it is missing."""
    found = _of(raw, "resourceVersion", str) or "0"
    if not (found.isascii() and found.isdigit() and len(found) <= _VERSION_DIGITS):
        raise FieldError(f"resourceVersion is no number: {clean(found, 40)}")
    return int(found)


def moment(raw: Raw, name: str) -> datetime | None:
    """A time as Kubernetes writes it, None if it is missing."""
    found = _of(raw, name, str)
    if not found:
        return None
    try:
        time = datetime.fromisoformat(found)
        time = (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise FieldError(f"{name} is no time: {clean(found, 40)}") from error
    if not _EARLIEST <= time <= _LATEST:
        raise FieldError(f"{name} is out of all time: {clean(found, 40)}")
    return time


_UNITS: dict[str, Decimal | int] = {"": 1, "m": Decimal("0.001"), "k": 1000, "Ki": 1024}
_UNITS |= {letter: 1000**power for power, letter in enumerate("MGTPE", start=2)}
_UNITS |= {f"{letter}i": 1024**power for power, letter in enumerate("MGTPE", start=2)}


def quantity(written: str | None) -> int | None:
    """A Kubernetes quantity in whole units, None if it cannot be read or is more than anything has."""
    if not written or len(written) > _QUANTITY_CHARACTERS:
        return None
    digits = written.rstrip("kKMGTPEim")
    try:
        value = Decimal(digits) * _UNITS[written[len(digits) :]]
    except (ArithmeticError, KeyError):
        return None
    # The exponent is looked at first: a number with millions of digits takes minutes.
    return int(value) if value.is_finite() and value.adjusted() < _QUANTITY_DIGITS else None


def _of(raw: Raw, name: str, kind: type) -> Any:
    found = raw.get(name)
    if found is not None and not isinstance(found, kind):
        raise FieldError(f"{name} is {type(found).__name__}, not {kind.__name__}")
    return found
