"""Events: what guards decided, in append-only segments that are sealed to Parquet by day.

No text is stored: spans and texts appear as keyed hashes, so that equal values can be joined by
whoever holds the key and read by nobody.
"""

from railwright.events._log import EventLog
from railwright.events._read import read_events
from railwright.events._schema import EventError, EventFinding, EventReason, GuardEvent
from railwright.events._seal import seal_segments

__all__ = [
    "EventError",
    "EventFinding",
    "EventLog",
    "EventReason",
    "GuardEvent",
    "read_events",
    "seal_segments",
]
