"""What a JSON Schema allows of a value that is still being written.

Only what can be said for certain is said: a place that several branches of ``anyOf`` could fill is
not narrowed until the value is complete, and then a full validator decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

#: The schemas that a value must satisfy, all of them.
Place = tuple[dict[str, Any], ...]
_DEPTH = 32


class ImpossibleError(ValueError):
    """Nothing that could follow makes the text a valid answer."""


def kind_of(value: Any) -> str:
    """Return the JSON type of a parsed value; an integer is a number."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    for type_, name in ((str, "string"), (dict, "object"), (list, "array")):
        if isinstance(value, type_):
            return name
    return "number"


class Shape:
    """A JSON Schema with its local references.

    Raises:
        ValueError: it refers to something outside of itself.
    """

    def __init__(self, schema: dict[str, Any]) -> None:
        self.root = schema
        for ref in _refs(schema):
            if not ref.startswith("#"):
                raise ValueError(
                    f"the schema refers to {ref!r}; only references within it are read"
                )
        self.start: Place = (schema,)

    def narrowed(self, place: Place, kind: str) -> Place:
        """Return what holds for a value of this type at ``place``.

        Raises:
            ImpossibleError: no value of this type can stand here.
        """
        found = self._narrowed(place, kind, 0)
        if found is None:
            raise ImpossibleError(f"{_article(kind)} cannot stand here")
        return found

    def _narrowed(self, place: Iterable[Any], kind: str, depth: int) -> Place | None:
        out: list[dict[str, Any]] = []
        for schema in place:
            if schema is False or depth > _DEPTH:
                return None if schema is False else tuple(out)
            if schema is True or not isinstance(schema, dict):
                continue
            if not _type_allows(schema, kind):
                return None
            out.append(schema)
            inner = [*schema.get("allOf", ())]
            if "$ref" in schema:
                inner.append(self._target(schema["$ref"]))
            more = self._narrowed(inner, kind, depth + 1)
            if more is None:
                return None
            out.extend(more)
            for word in ("anyOf", "oneOf"):
                if word in schema:
                    ways = [self._narrowed([way], kind, depth + 1) for way in schema[word]]
                    open_ways = [way for way in ways if way is not None]
                    if not open_ways:
                        return None
                    if len(open_ways) == 1:
                        out.extend(open_ways[0])
        return tuple(out)

    def _target(self, ref: str) -> Any:
        node: Any = self.root
        for part in ref.removeprefix("#").strip("/").split("/"):
            if not part:
                continue
            name = part.replace("~1", "/").replace("~0", "~")
            node = node[int(name)] if isinstance(node, list) else node.get(name, True)
        return node


def key_place(place: Place, key: str) -> Place:
    """Return what holds for the value under ``key`` of an object.

    Raises:
        ImpossibleError: the object may have no such key.
    """
    out: list[Any] = []
    for schema in place:
        known = False
        if key in schema.get("properties", {}):
            known = True
            out.append(schema["properties"][key])
        for pattern, sub in schema.get("patternProperties", {}).items():
            if _searches(pattern, key):
                known = True
                out.append(sub)
        rest = schema.get("additionalProperties", True)
        if not known and rest is False:
            raise ImpossibleError(f"there is no key {key!r} here")
        if not known and isinstance(rest, dict):
            out.append(rest)
    return tuple(out)


def check_key_prefix(place: Place, prefix: str) -> None:
    """Raise ImpossibleError if no allowed key begins with ``prefix``."""
    for schema in place:
        if schema.get("additionalProperties") is not False or schema.get("patternProperties"):
            continue
        if not any(key.startswith(prefix) for key in schema.get("properties", {})):
            raise ImpossibleError(f"there is no key that begins with {prefix!r}")


def item_place(place: Place, index: int) -> Place:
    """Return what holds for item ``index`` of an array.

    Raises:
        ImpossibleError: the array may have no such item.
    """
    out: list[Any] = []
    for schema in place:
        if index >= schema.get("maxItems", index + 1):
            raise ImpossibleError(f"there may be at most {schema['maxItems']} items")
        first = schema.get("prefixItems", ())
        rest = schema.get("items", True)
        if isinstance(rest, list):  # drafts before 2020-12
            first, rest = rest, schema.get("additionalItems", True)
        sub = first[index] if index < len(first) else rest
        if sub is False:
            raise ImpossibleError(f"there may be no item {index}")
        out.append(sub)
    return tuple(out)


def watched(place: Place, is_key: bool) -> tuple[bool, int | None]:
    """Say whether each character of an open string counts, and from which length its length does.

    Where it does, the string cannot grow beyond what the schema lists.
    """
    if is_key:
        return any(_is_closed(schema) for schema in place), None
    lengths = [schema["maxLength"] for schema in place if "maxLength" in schema]
    return any(_values(schema) is not None for schema in place), min(lengths, default=None)


def _is_closed(schema: dict[str, Any]) -> bool:
    return schema.get("additionalProperties") is False and not schema.get("patternProperties")


def check_string_prefix(place: Place, prefix: str) -> None:
    """Raise ImpossibleError if no allowed string begins with ``prefix``."""
    for schema in place:
        values = _values(schema)
        if values is not None and not any(
            isinstance(value, str) and value.startswith(prefix) for value in values
        ):
            raise ImpossibleError(f"no allowed value begins with {prefix[:40]!r}")
        if len(prefix) > schema.get("maxLength", len(prefix)):
            raise ImpossibleError(f"the text is longer than {schema['maxLength']} characters")


def _values(schema: dict[str, Any]) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    found = schema.get("enum")
    return list(found) if found is not None else None


def _type_allows(schema: dict[str, Any], kind: str) -> bool:
    allowed = schema.get("type")
    if allowed is not None:
        names = [allowed] if isinstance(allowed, str) else allowed
        if kind not in {"number" if name == "integer" else name for name in names}:
            return False
    values = _values(schema)
    return values is None or any(kind_of(value) == kind for value in values)


def _searches(pattern: str, key: str) -> bool:
    try:
        return re.search(pattern, key) is not None
    except re.error:
        return True  # an expression of another dialect: the full validator decides


def _refs(node: Any) -> Iterable[str]:
    if isinstance(node, dict):
        ref = node.get("$ref")
        if isinstance(ref, str):
            yield ref
        for value in node.values():
            yield from _refs(value)
    elif isinstance(node, list):
        for value in node:
            yield from _refs(value)


def _article(kind: str) -> str:
    return kind if kind == "null" else f"an {kind}" if kind[0] in "ao" else f"a {kind}"
