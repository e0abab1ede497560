"""Malformed objects: whatever is wrong with one, its conversion fails with one error."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from shardwright_operator.kube.convert.fields import NAME_LIMIT, Raw
from shardwright_operator.kube.kinds import Kind
from shardwright_worker.contract.text import one_line

_CAUSE_LIMIT = 200  # characters

T = TypeVar("T")


class MalformedObjectError(ValueError):
    """An object is not as its kind's schema says; the message names it and the field."""

    def __init__(self, kind: Kind, raw: object, cause: Exception) -> None:
        metadata = raw.get("metadata") if isinstance(raw, dict) else None
        names = [metadata.get(part) for part in ("namespace", "name")] if isinstance(metadata, dict) else []
        name = "/".join(one_line(one, NAME_LIMIT) for one in names if isinstance(one, str)) or "without a name"
        super().__init__(
            f"{kind.kind} {name} cannot be read: {one_line(str(cause), _CAUSE_LIMIT) or type(cause).__name__}"
        )
        self.kind = kind


def converter(kind: Kind) -> Callable[[Callable[[Raw], T]], Callable[[Raw], T]]:
    """Decorate the converter of a kind, so that it raises `MalformedObjectError` and nothing else."""

    def decorate(convert: Callable[[Raw], T]) -> Callable[[Raw], T]:
        @wraps(convert)
        def safe(raw: Raw) -> T:
            try:
                return convert(raw)
            except Exception as error:
                # Any exception: a converter only reads `raw`, so what it raises is about that object alone.
                raise MalformedObjectError(kind, raw, error) from error

        return safe

    return decorate
