"""The base of the contract's types: frozen, camelCase on the wire, unknown fields ignored when read."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Wire(BaseModel):
    """A frozen type whose JSON has camelCase keys. Fields of a newer version are ignored, so that versions can mix."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")

    def to_wire(self) -> dict[str, object]:
        """Plain JSON types, without fields that are None."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)
