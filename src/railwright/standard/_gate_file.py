"""The files ``gates.yaml`` and ``waivers/*.yaml`` as pydantic models; imported when read."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    model_validator,
)

from railwright.system.fields import Count, Duration, Model, Slug, Text, Texts

ControlId = Annotated[str, Field(pattern=r"^RAI-[0-9]{2}$")]
Confidence = Annotated[float, Field(ge=0.5, lt=1)]


def _looks(value: Any) -> Any:
    return [] if value == "auto" else value


Looks = Annotated[
    tuple[Count, ...],
    BeforeValidator(_looks, json_schema_input_type=Literal["auto"] | list[Count]),
]


class SliceEntry(Model):
    """A requirement that holds in every value of a slice."""

    by: Text
    require: Text


class GateEntry(Model):
    """One gate: an override of a default (by id), or an own one (with suite and require)."""

    id: Slug
    title: Text | None = None
    suite: Slug | None = None
    metric: Text | None = None
    control: Texts = ()
    controls: Texts = ()
    require: Text | None = Field(default=None, description="upper(metric [- baseline]) <= number")
    confidence: Confidence | None = None
    slices: SliceEntry | None = None
    max_age: Duration | None = None
    binds: Texts | None = None
    min_n: Count | None = None
    attempts: Count | None = None
    looks: Looks | None = None
    needs: Texts | None = None
    on_inconclusive: Literal["block", "warn"] | None = None
    severity: Literal["block", "warn", "off"] | None = None

    @model_validator(mode="after")
    def _increasing(self) -> GateEntry:
        looks = self.looks or ()
        if any(later <= earlier for earlier, later in pairwise(looks)):
            raise ValueError("`looks` must increase, such as [300, 600]")
        return self


class GatesFile(Model):
    """``gates.yaml``."""

    schema_: Literal["gates/v1"] = Field(alias="schema")
    confidence: Confidence | None = None
    gates: tuple[GateEntry, ...] = ()


class WaiverFile(Model):
    """A proposal to accept less of one gate for a while; without effect until it is signed."""

    schema_: Literal["waiver/v1"] = Field(default="waiver/v1", alias="schema")
    id: Text
    gate: Slug
    system: Slug
    slice: dict[str, str] | None = None
    reason: Text
    compensates: Annotated[tuple[ControlId, ...], Field(min_length=1)]
    accept_up_to: float = Field(gt=0)
    expires: date
