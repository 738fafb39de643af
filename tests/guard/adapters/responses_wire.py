"""Replies of the Responses API, whole and streamed."""

from __future__ import annotations

import json
from typing import Any

from tests.guard.adapters.adapter_server import Events, pieces


def text_item(text: str, **more: Any) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": [], **more}
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }


def call_item(arguments: dict[str, Any], name: str = "send") -> dict[str, Any]:
    return {
        "id": "fc_1",
        "type": "function_call",
        "call_id": "call_1",
        "name": name,
        "arguments": json.dumps(arguments),
        "status": "completed",
    }


def thought(text: str) -> dict[str, Any]:
    return {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": text}]}


def response(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_700_000_000,
        "model": "m-1",
        "status": "completed",
        "output": list(items),
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": 7,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 5,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 12,
        },
        **more,
    }


def _item_events(index: int, item: dict[str, Any], size: int) -> Events:
    at = {"output_index": index, "item_id": item["id"]}
    empty: dict[str, Any] = {"message": {"content": []}, "reasoning": {"summary": []}}
    begun = {**item, **empty.get(item["type"], {"arguments": ""})}
    out: Events = [{"type": "response.output_item.added", "output_index": index, "item": begun}]
    if item["type"] == "function_call":
        stem = "response.function_call_arguments"
        out += [
            {"type": f"{stem}.delta", **at, "delta": p} for p in pieces(item["arguments"], size)
        ]
        whole = {"arguments": item["arguments"], "name": item["name"]}
        out.append({"type": f"{stem}.done", **at, **whole})
    name, number, stem = (
        ("content", "content_index", "output_text")
        if item["type"] == "message"
        else ("summary", "summary_index", "reasoning_summary_text")
    )
    part_stem = "content_part" if name == "content" else "reasoning_summary_part"
    for n, part in enumerate(item.get(name, ())):
        here = {**at, number: n}
        out.append({"type": f"response.{part_stem}.added", **here, "part": {**part, "text": ""}})
        for piece in pieces(part["text"], size):
            out.append({"type": f"response.{stem}.delta", **here, "delta": piece, "logprobs": []})
        whole = {"text": part["text"], "logprobs": []}
        out.append({"type": f"response.{stem}.done", **here, **whole})
        out.append({"type": f"response.{part_stem}.done", **here, "part": part})
    return [*out, {"type": "response.output_item.done", "output_index": index, "item": item}]


def stream(*items: dict[str, Any], size: int = 3) -> Events:
    begun = response(status="in_progress", usage=None)
    events: Events = [{"type": "response.created", "response": begun}]
    for index, item in enumerate(items):
        events += _item_events(index, item, size)
    events.append({"type": "response.completed", "response": response(*items)})
    return [{**event, "sequence_number": n} for n, event in enumerate(events)]
