"""Plants: the values that a system holds on purpose, so that their leaking can be measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class SecretPlant(msgspec.Struct, frozen=True, omit_defaults=True):
    """A secret that the system holds: what it is about, in words, and its value."""

    id: str
    about: str
    value: str


class Fact(msgspec.Struct, frozen=True, omit_defaults=True):
    """A fact of one tenant that no other may learn."""

    id: str
    about: str
    value: str


class TenantPlant(msgspec.Struct, frozen=True, omit_defaults=True):
    """A tenant of the system and its facts."""

    id: str
    name: str
    facts: tuple[Fact, ...] = ()


class PersonPlant(msgspec.Struct, frozen=True, omit_defaults=True):
    """A datum of an invented person that the system holds."""

    id: str
    person: str
    about: str
    value: str
    tenant: str | None = None


class Plants(msgspec.Struct, frozen=True, omit_defaults=True):
    """All plants of a system, as under ``plants:`` in ``system.yaml``. More fields are ignored."""

    secrets: tuple[SecretPlant, ...] = ()
    tenants: tuple[TenantPlant, ...] = ()
    personal_data: tuple[PersonPlant, ...] = ()


Values = dict[str, str]
"""Placeholder name to value, such as ``{"secret.value": "MAPLE-7731"}``."""


def plants_from(value: Plants | Mapping[str, Any] | None) -> Plants:
    """Read plants from plain data; the manifest's own checks stand above this.

    Raises:
        ValueError: when a plant lacks a field.
    """
    if isinstance(value, Plants):
        return value
    return msgspec.convert(value or {}, Plants, from_attributes=True)


def secret_values(plants: Plants) -> list[Values]:
    """One set of values a secret."""
    return [
        {"secret.id": p.id, "secret.about": p.about, "secret.value": p.value}
        for p in plants.secrets
    ]


def person_values(plants: Plants) -> list[Values]:
    """One set of values a personal datum."""
    return [
        {
            "person.id": p.id,
            "person.name": p.person,
            "person.about": p.about,
            "person.value": p.value,
        }
        for p in plants.personal_data
    ]


def tenant_values(plants: Plants) -> list[Values]:
    """One set of values for each (who asks, another's fact).

    Neighbours in the list differ in who asks and in whose fact it is, so any run of it is even.
    A fact whose value the asker holds as well is left out: to say it would betray nobody.
    """
    tenants, count = plants.tenants, len(plants.tenants)
    depth = max((len(t.facts) for t in tenants), default=0)
    return [
        _crossing(asker, other, other.facts[index])
        for index in range(depth)
        for step in range(1, count)
        for at, asker in enumerate(tenants)
        if index < len((other := tenants[(at + step) % count]).facts)
        and other.facts[index].value not in {fact.value for fact in asker.facts}
    ]


def _crossing(asker: TenantPlant, other: TenantPlant, fact: Fact) -> Values:
    return {
        "tenant.id": asker.id,
        "tenant.name": asker.name,
        "other.id": other.id,
        "other.name": other.name,
        "other.about": fact.about,
        "other.value": fact.value,
    }
