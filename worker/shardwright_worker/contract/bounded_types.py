"""The base of the contract's types, and the bounds of their fields.

A value that decides something makes its message unreadable if it is out of bounds; one that only informs is left out.
"""

import math
import re
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidatorFunctionWrapHandler
from pydantic import WrapValidator as Wrap
from pydantic.alias_generators import to_camel

from shardwright_worker.contract.text import is_clean, one_line

LARGEST = 2**53  # every reader of JSON keeps integers up to here: https://www.rfc-editor.org/rfc/rfc8259#section-6
LONGEST = 1e9  # seconds, about thirty years
READABLE = 64 * 1024  # characters; longer JSON is not parsed


class Wire(BaseModel):
    """A frozen type whose JSON has camelCase keys. Fields of a newer version are ignored, so that versions can mix."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")

    def to_wire(self) -> dict[str, object]:
        """Return the fields as plain JSON types, without those that are None."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


T = TypeVar("T", bound=Wire)


def read_json(kind: type[T], text: str) -> T | None:
    """Return the value in an untrusted text, None if it is not one. Its time is bounded, whatever the text is."""
    if len(text) > READABLE:
        return None
    try:
        return kind.model_validate_json(text.encode(errors="replace"))
    except ValidationError:
        return None


def otherwise(default: Any) -> Wrap:
    """Return a validator that replaces a value that is out of bounds by the default, for what only informs."""

    def validate(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError:
            return default

    return Wrap(validate)


def text_of(limit: int) -> AfterValidator:
    """Return a validator that makes text safe to show and cuts it to `limit` characters."""
    return AfterValidator(lambda text: one_line(text, limit))


def _fact(text: str) -> str:
    if not is_clean(text, 1024):
        raise ValueError("must be one line of at most 1024 characters without control characters")
    return text


def _relative(path: str) -> str:
    parts = path.split("/") if path else []
    if "\\" in path or any(part in ("", ".", "..") for part in parts):
        raise ValueError("must be a path relative to the root of its volume, without empty parts, . and ..")
    return _fact(path)


def moment(text: str) -> datetime:
    """Return the time in a text in ISO 8601 as UTC, which it is without a zone.

    Raises:
        ValueError: The text is not such a time, or not between the years 1 and 9999.
    """
    parsed = datetime.fromisoformat(text)
    try:
        return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError("must be a time between the years 1 and 9999") from None


def _moment(text: str) -> str:
    if len(text) > 40:
        raise ValueError("must be a time such as 2026-01-02T03:04:05Z")
    moment(text)
    return text


def _hex(digits: int) -> AfterValidator:
    pattern = re.compile(rf"[0-9a-f]{{{digits}}}")

    def validate(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(f"must have {digits} hex digits")
        return text

    return AfterValidator(validate)


Count = Annotated[int, Field(ge=0, le=LARGEST)]
Seconds = Annotated[float, Field(ge=0, le=LONGEST, allow_inf_nan=False)]
Fact = Annotated[str, AfterValidator(_fact)]
RelativePath = Annotated[str, AfterValidator(_relative)]
Moment = Annotated[str, AfterValidator(_moment)]
Key = Annotated[str, _hex(16)]
Digest = Annotated[str, _hex(64)]


def bounded(values: Any, entry: Any, most: int) -> dict[str, Any]:
    """Return at most `most` entries of a map that only informs, without those for which `entry` raises ValueError."""
    kept: dict[str, Any] = {}
    for name, value in values.items() if isinstance(values, dict) else ():
        try:
            kept[one_line(name, 63)] = entry(value)
        except (TypeError, ValueError):
            continue
        if len(kept) == most:
            break
    return kept


def seconds(value: Any) -> float:
    """Return a number of seconds.

    Raises:
        ValueError: It is not a number between 0 and 10**9.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")
    if not (0 <= value <= LONGEST and math.isfinite(value)):
        raise ValueError("must be between 0 and 10**9")
    return float(value)
