"""JSON Schema 2020-12 of a record type, with labels, units, sections and the choices' labels."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from schemas.fields import Choice, Part

DIALECT = "https://json-schema.org/draft/2020-12/schema"


# Keywords of JSON Schema (Validation 6.2) for the bounds of our fields.
BOUNDS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
}


class _Labelled(GenerateJsonSchema):
    schema_dialect = DIALECT

    def generate_inner(self, schema: Any) -> JsonSchemaValue:
        """Name bounds as JSON Schema does, also where Pydantic leaves its own names."""
        made = super().generate_inner(schema)
        return {BOUNDS.get(key, key): value for key, value in made.items()}

    def enum_schema(self, schema: core_schema.EnumSchema) -> JsonSchemaValue:
        """Give an enumeration its codes, and beside them what they are called."""
        made = super().enum_schema(schema)
        kind = schema["cls"]
        if issubclass(kind, Choice):
            made["x-labels"] = {member.value: {"zh": member.zh, "en": member.en} for member in kind}
        return made


def json_schema(model: type[Part]) -> dict[str, Any]:
    """Give the schema of `model` as read: `x-label`, `x-unit`, `x-section`, `x-aliases`."""
    made = model.model_json_schema(schema_generator=_Labelled, mode="validation")
    return {"$schema": DIALECT, "$id": f"urn:docgen:schema:{model.__name__}:1.0"} | made
