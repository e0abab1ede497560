"""Reads the fields of a raw object by the type that they should have."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from shardwright_worker.contract.text import one_line

NAME_LIMIT = 253  # characters; Kubernetes accepts no longer name
INTEGER_LIMIT = 2**63 - 1
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # in place of a missing time
_LATEST = datetime(3000, 1, 1, tzinfo=UTC)
_VERSION_DIGITS = 20
_QUANTITY_CHARACTERS, _QUANTITY_DIGITS = 64, 19

Raw = Mapping[str, Any]


class FieldError(ValueError):
    """A field has a type or value that an API server does not send; the message names the field."""


def mapping(raw: Raw, name: str) -> Raw:
    """Return an object field, empty if it is missing.

    Raises:
        FieldError: it is not an object.
    """
    return _typed(raw, name, dict) or {}


def mappings(raw: Raw, name: str) -> list[Raw]:
    """Return a list of objects, empty if it is missing.

    Raises:
        FieldError: it is not a list of objects.
    """
    found: list[Raw] = _typed(raw, name, list) or []
    if not all(isinstance(one, dict) for one in found):
        raise FieldError(f"{name} is not a list of objects")
    return found


def texts(raw: Raw, name: str) -> list[str]:
    """Return a list of texts, empty if it is missing.

    Raises:
        FieldError: it is not a list of texts.
    """
    found: list[str] = _typed(raw, name, list) or []
    if not all(isinstance(one, str) for one in found):
        raise FieldError(f"{name} is not a list of texts")
    return [one_line(one, NAME_LIMIT) for one in found]


def text(raw: Raw, name: str, limit: int = 2048) -> str:
    """Return text fit for one line, of at most `limit` characters, empty if it is missing.

    Raises:
        FieldError: it is not text.
    """
    return one_line(_typed(raw, name, str) or "", limit)


def identifier(raw: Raw, name: str) -> str:
    """Return a name or uid unchanged, empty if it is missing.

    Raises:
        FieldError: it is not text, too long, or has characters that are not fit for one line.
    """
    found = _typed(raw, name, str) or ""
    if len(found) > NAME_LIMIT or found != one_line(found):
        raise FieldError(f"{name} is not a valid name")
    return found


def boolean(raw: Raw, name: str) -> bool:
    """Return a boolean, False if it is missing.

    Raises:
        FieldError: it is not a boolean.
    """
    return bool(_typed(raw, name, bool))


def integer(raw: Raw, name: str) -> int | None:
    """Return an integer of 64 bits, None if it is missing.

    Raises:
        FieldError: it is not one.
    """
    found: int | None = _typed(raw, name, int)
    if isinstance(found, bool) or (found is not None and abs(found) > INTEGER_LIMIT):
        raise FieldError(f"{name} is not an integer of 64 bits")
    return found


def resource_version(raw: Raw) -> int:
    """Return the resourceVersion of an object's metadata, 0 if it is missing.

    The versions of one resource can be compared as integers:
    https://github.com/kubernetes/apimachinery/blob/v0.36.3/pkg/util/resourceversion/resourceversion.go#L45

    Raises:
        FieldError: it is not an integer.
    """
    found = _typed(raw, "resourceVersion", str) or "0"
    if not (found.isascii() and found.isdigit() and len(found) <= _VERSION_DIGITS):
        raise FieldError(f"resourceVersion is not an integer: {one_line(found, 40)}")
    return int(found)


def timestamp(raw: Raw, name: str) -> datetime | None:
    """Return a time as Kubernetes writes it, in UTC, None if it is missing.

    Raises:
        FieldError: it is not a time, or not between the years 1970 and 3000: later arithmetic would overflow.
    """
    found = _typed(raw, name, str)
    if not found:
        return None
    try:
        time = datetime.fromisoformat(found)
        time = (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise FieldError(f"{name} is not a time: {one_line(found, 40)}") from error
    if not EPOCH <= time <= _LATEST:
        raise FieldError(f"{name} is not between the years 1970 and 3000: {one_line(found, 40)}")
    return time


def reason_and_message(found: Raw | None) -> tuple[str, str] | None:
    """Return the reason and message of a condition or a container state, None if there is none.

    Raises:
        FieldError: one of them is not text.
    """
    return (text(found, "reason"), text(found, "message")) if found else None


_UNITS: dict[str, Decimal | int] = {"": 1, "m": Decimal("0.001"), "k": 1000, "Ki": 1024}
_UNITS |= {letter: 1000**power for power, letter in enumerate("MGTPE", start=2)}
_UNITS |= {f"{letter}i": 1024**power for power, letter in enumerate("MGTPE", start=2)}


def quantity(written: str | None) -> int | None:
    """Return a Kubernetes quantity in whole units, None if it is malformed or has more than 19 digits.

    https://github.com/kubernetes/apimachinery/blob/v0.36.3/pkg/api/resource/quantity.go#L103
    """
    if not written or len(written) > _QUANTITY_CHARACTERS:
        return None
    digits = written.rstrip("kKMGTPEim")
    try:
        value = Decimal(digits) * _UNITS[written[len(digits) :]]
    except (ArithmeticError, KeyError):
        return None
    # The exponent is checked before the conversion: an integer with millions of digits takes minutes.
    return int(value) if value.is_finite() and value.adjusted() < _QUANTITY_DIGITS else None


def _typed(raw: Raw, name: str, kind: type) -> Any:
    found = raw.get(name)
    if found is not None and not isinstance(found, kind):
        raise FieldError(f"{name} is {type(found).__name__}, not {kind.__name__}")
    return found
