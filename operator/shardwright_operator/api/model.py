"""The base of the resource's types, and the kinds of text in it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from shardwright_operator.api import rules

Name = Annotated[str, Field(min_length=1, max_length=253)]
Text = Annotated[str, Field(max_length=253)]
Size = Annotated[str, Field(max_length=32, json_schema_extra=rules.SIZE)]
Quantity = Annotated[int | str, Field(json_schema_extra=rules.QUANTITY)]
Duration = Annotated[str, Field(max_length=16, json_schema_extra=rules.DURATION)]
TimeToLive = Annotated[str, Field(max_length=16, json_schema_extra=rules.TTL)]
Pattern = Annotated[str, Field(max_length=200)]


class Api(BaseModel):
    """A frozen API type: camelCase on the wire, fields of a newer version ignored when read."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")
