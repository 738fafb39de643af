"""Cases and suites: what a system is tested with."""

from railwright.cases._types import (
    Attachment,
    Case,
    Channel,
    Document,
    Expect,
    Message,
    Role,
    Split,
    ToolCall,
    ToolExpectation,
)

__all__ = [
    "Attachment",
    "Case",
    "Channel",
    "Document",
    "Expect",
    "Message",
    "Role",
    "Split",
    "ToolCall",
    "ToolExpectation",
]
