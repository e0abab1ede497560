"""Base classes of the resource's types, and the kinds of text, numbers and times in its fields.

A value of the spec that is out of bounds is rejected. A value of the status is brought within its bounds instead, so
that the API server accepts a status whatever was observed.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic.alias_generators import to_camel

from shardwright_operator.api import value_rules
from shardwright_worker.contract.bounded_types import LONGEST
from shardwright_worker.contract.text import one_line

_LARGEST = 2**63 - 1


Name = Annotated[str, Field(min_length=1, max_length=253)]
Text = Annotated[str, Field(max_length=253)]
Size = Annotated[str, Field(max_length=32, json_schema_extra=value_rules.SIZE)]
Quantity = Annotated[int | str, Field(json_schema_extra=value_rules.QUANTITY)]
Duration = Annotated[str, Field(max_length=16, json_schema_extra=value_rules.DURATION)]
TimeToLive = Annotated[str, Field(max_length=16, json_schema_extra=value_rules.TTL)]
# As in https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
LabelKey = Annotated[
    str,
    Field(
        max_length=317,
        pattern="^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$",
    ),
]
LabelValue = Annotated[str, Field(max_length=63, pattern="^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$")]
Pattern = Annotated[str, Field(max_length=200)]


class Api(BaseModel):
    """A frozen API type: camelCase on the wire, fields of a newer version ignored when read."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")


class StatusPart(Api):
    """A part of a status. Its fields have values that the API server accepts and that are safe in a terminal.

    Only the fields in `EXACT` keep every value, since they are compared with what a user wrote or are passed to vLLM.
    """

    EXACT: ClassVar[frozenset[str]] = frozenset()

    @field_validator("*")
    @classmethod
    def _bound(cls, value: object, info: ValidationInfo) -> object:
        # JSON comes from the API server, which has accepted it; checking it again would slow down every start.
        return value if info.mode == "json" or info.field_name in cls.EXACT else _within_bounds(value)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with other values, which are brought within the same bounds."""
        if not update:
            return super().model_copy(deep=deep)
        return type(self).model_validate({**self.__dict__, **update})


def _within_bounds(value: object) -> object:
    match value:
        case bool() | Enum():
            return value
        case str():
            return one_line(value)
        case int():
            return max(-_LARGEST, min(value, _LARGEST))
        case float():
            return min(max(value, -LONGEST), LONGEST) if math.isfinite(value) else 0.0
        case datetime():
            return _utc(value)
        case list():
            return [_within_bounds(each) for each in value]
        case dict():
            return {one_line(str(name), 253): _within_bounds(each) for name, each in value.items()}
    return value


def _utc(time: datetime) -> datetime:
    """Return the time in UTC. A time without a zone is taken for UTC."""
    if time.tzinfo is None:
        return time.replace(tzinfo=UTC)
    try:
        return time.astimezone(UTC)
    except OverflowError:
        return (datetime.min if time.year == 1 else datetime.max).replace(tzinfo=UTC)
