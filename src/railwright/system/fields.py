"""The kinds of values that configuration files are made of, for pydantic models of any room."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    WithJsonSchema,
)

from railwright.system._units import Money, parse_duration, parse_money

Text = Annotated[str, Field(min_length=1)]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
Count = Annotated[int, Field(strict=True, ge=1)]
Digest = Annotated[str, Field(pattern=r"^(auto|sha256:[0-9a-f]{64})$")]
Sha256 = Annotated[str, Field(pattern=r"^(sha256:)?[0-9a-f]{64}$")]
EnvName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Duration = Annotated[
    timedelta,
    PlainValidator(parse_duration),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^[0-9.]+ ?(ms|min|s|m|h|d|w)$"},
                {"type": "number"},
            ]
        }
    ),
]
Amount = Annotated[
    Money,
    PlainValidator(parse_money),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9.]+ ?[A-Z]{3}$"}),
]


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Texts = Annotated[
    tuple[Text, ...], BeforeValidator(_listed, json_schema_input_type=str | list[str])
]


class Model(BaseModel):
    """Base of all models of files: no unknown keys, frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)
