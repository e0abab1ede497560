"""Objects that no API server gives like this: whatever is odd about one, reading it fails in one way."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from shardwright_operator.kube.fields import NAME_LIMIT, Raw
from shardwright_operator.kube.kinds import Kind
from shardwright_worker.contract.text import clean

_WHY_LIMIT = 200  # characters

T = TypeVar("T")


class MalformedObjectError(ValueError):
    """An object that no API server gives like this; the message names it and says what is odd."""

    def __init__(self, kind: Kind, raw: object, why: Exception) -> None:
        metadata = raw.get("metadata") if isinstance(raw, dict) else None
        names = [metadata.get(part) for part in ("namespace", "name")] if isinstance(metadata, dict) else []
        name = "/".join(clean(one, NAME_LIMIT) for one in names if isinstance(one, str)) or "without a name"
        super().__init__(f"{kind.kind} {name} cannot be read: {clean(str(why), _WHY_LIMIT) or type(why).__name__}")
        self.kind = kind


def guarded(kind: Kind) -> Callable[[Callable[[Raw], T]], Callable[[Raw], T]]:
    """Makes a converter of this kind fail in one way alone."""

    def guard(convert: Callable[[Raw], T]) -> Callable[[Raw], T]:
        @wraps(convert)
        def read(raw: Raw) -> T:
            try:
                return convert(raw)
            except Exception as error:  # it is a pure function of somebody else's data
                raise MalformedObjectError(kind, raw, error) from error

        return read

    return guard
