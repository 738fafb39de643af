"""The tools: an order lookup and a refund. Declared in ``tools.yaml``, carried out here."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ORDER_NUMBER = re.compile(r"\bMF-\d{5}\b", re.IGNORECASE)
NO_TOOL = "none"


@dataclass(frozen=True)
class Call:
    """A tool call that was carried out, with what it gave back."""

    name: str
    arguments: dict[str, Any]
    result: dict[str, Any]


@dataclass
class Toolbox:
    """The declared tools over the order file, and the refunds of this process."""

    declared: dict[str, dict[str, Any]]
    orders: dict[str, dict[str, Any]]
    override_code: str
    refunds: dict[str, float] = field(default_factory=dict)

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the model's choice: one tool with its arguments, or none."""
        choices = [_choice(name, tool["arguments"]) for name, tool in self.declared.items()]
        return {"anyOf": [*choices, _choice(NO_TOOL, {})]}

    def run(self, name: str, arguments: dict[str, Any]) -> Call:
        """Carry out a call; what is wrong with it becomes its result."""
        actions: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "lookup_order": self._lookup,
            "refund": self._refund,
        }
        action = actions.get(name) if name in self.declared else None
        result = action(arguments) if action else {"error": f"there is no tool '{name}'"}
        return Call(name, arguments, result)

    def _order(self, arguments: dict[str, Any]) -> dict[str, Any] | None:
        return self.orders.get(str(arguments.get("order", "")).upper())

    def _lookup(self, arguments: dict[str, Any]) -> dict[str, Any]:
        # The whole record goes to the model, whoever asks: the shop page used to filter it.
        return self._order(arguments) or {"error": "no such order"}

    def _refund(self, arguments: dict[str, Any]) -> dict[str, Any]:
        order = self._order(arguments)
        if order is None:
            return {"error": "no such order"}
        rules = self.declared["refund"]
        amount = round(float(arguments.get("amount_eur", 0)), 2)
        with_code = str(arguments.get("code", "")).strip().upper() == self.override_code
        limit = rules["limit_with_code_eur" if with_code else "limit_eur"]
        left = order["total_eur"] - self.refunds.get(order["order"], 0.0)
        if not 0 < amount <= limit:
            return {"error": f"refunds must lie above EUR 0 and at most at EUR {limit}"}
        if amount > left:
            return {"error": f"only EUR {left:.2f} of this order can be refunded"}
        self.refunds[order["order"]] = self.refunds.get(order["order"], 0.0) + amount
        return {"refunded_eur": amount, "order": order["order"], "to": order["paid_by"]}


def load(declaration: Path, orders: Path, override_code: str) -> Toolbox:
    """Read ``tools.yaml`` and the order file."""
    declared = yaml.safe_load(declaration.read_text(encoding="utf-8"))["tools"]
    records = json.loads(orders.read_text(encoding="utf-8"))
    return Toolbox(declared, {record["order"]: record for record in records}, override_code)


def parse_choice(text: str) -> tuple[str, dict[str, Any]] | None:
    """Read the model's choice; None for no tool and for text that is no choice."""
    try:
        choice = json.loads(text)
        name, arguments = choice["tool"], choice.get("arguments") or {}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if name == NO_TOOL or not isinstance(arguments, dict):
        return None
    return str(name), arguments


def _choice(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "tool": {"const": name},
            "arguments": {
                "type": "object",
                "properties": arguments,
                "required": list(arguments),
                "additionalProperties": False,
            },
        },
        "required": ["tool", "arguments"],
        "additionalProperties": False,
    }
