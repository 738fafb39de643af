"""What can go wrong between here and an endpoint, and what each status code means for a run."""

from __future__ import annotations

import datetime as dt
import email.utils
import math
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

#: Statuses that say "too fast" rather than "wrong": concurrency is cut on them.
OVERLOAD_STATUSES: Final = frozenset({429, 503, 529})

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNIT_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
# A plain number above this is a moment (seconds since 1970), below it a number of seconds to wait.
_EPOCH_FLOOR: Final = 1_000_000_000.0
_FILTER_CODES: Final = frozenset(
    {"content_filter", "content_policy_violation", "responsibleaipolicyviolation"}
)
_QUOTA_CODES: Final = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
_MODEL_CODES: Final = frozenset({"model_not_found", "deploymentnotfound"})
_QUOTE_LIMIT: Final = 300


class TransportError(Exception):
    """A call that gave no usable reply.

    Attributes:
        kind: auth, connect, timeout, rate_limit, server, protocol, application or config.
        retryable: the same call may work later.
        fatal: every other call will fail too, so that going on is pointless.
        retry_after: seconds that the endpoint asks to wait, where it said so.
        status: the HTTP status, where there was one.
    """

    def __init__(
        self,
        kind: str,
        message: str,
        *,
        retryable: bool = False,
        fatal: bool = False,
        retry_after: float | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.retryable = retryable
        self.fatal = fatal
        self.retry_after = retry_after
        self.status = status

    @property
    def overload(self) -> bool:
        """Whether the endpoint is saying that it is called too fast."""
        return self.kind in {"rate_limit", "timeout"} or self.status in OVERLOAD_STATUSES


class ErrorBody(msgspec.Struct, frozen=True):
    """What an error body says, whichever of the usual shapes it has."""

    message: str = ""
    code: str = ""
    codes: frozenset[str] = frozenset()

    @property
    def content_filter(self) -> bool:
        """Whether a filter refused the input or the output, so that no model answered."""
        return bool(self.codes & _FILTER_CODES)


def parse_error_body(body: bytes) -> ErrorBody:
    """Read ``{"error": {...}}``, ``{"error": "..."}``, ``{"detail": ...}`` or plain text."""
    try:
        data = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ErrorBody(message=_shorten(body.decode("utf-8", "replace")))
    if isinstance(data, dict):
        return error_body_of(data)
    return ErrorBody(message=_shorten(str(data)))


def error_body_of(data: Mapping[str, Any]) -> ErrorBody:
    """Read an error object that is decoded already."""
    error = data.get("error", data)
    if isinstance(error, str):
        return ErrorBody(message=_shorten(error))
    if not isinstance(error, dict):
        return ErrorBody(message=_shorten(str(error)))
    codes = [str(c) for c in _codes(error) if c]
    text = error.get("message") or error.get("detail") or error.get("msg") or ""
    return ErrorBody(
        message=_shorten(text if isinstance(text, str) else str(text)),
        code=codes[0] if codes else "",
        codes=frozenset(c.lower() for c in codes),
    )


def _codes(error: Mapping[str, Any]) -> Iterator[Any]:
    yield error.get("code")
    yield error.get("type")
    inner = error.get("innererror")
    if isinstance(inner, dict):
        yield inner.get("code")


def _shorten(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _QUOTE_LIMIT else flat[: _QUOTE_LIMIT - 1] + "…"


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds that the reply asks to wait, or None.

    Read in order: ``retry-after-ms``, ``Retry-After`` (seconds or HTTP date, RFC 9110 10.2.3),
    then the longest ``x-ratelimit-reset*`` (or ``anthropic-ratelimit-*-reset``) whose matching
    ``remaining`` is not above zero.

    Args:
        headers: response headers with case-insensitive or lower-case keys.
        now: seconds since 1970; the clock when None.
    """
    clock = time.time() if now is None else now
    millis = _number(headers.get("retry-after-ms"))
    if millis is not None:
        return millis / 1000
    plain = headers.get("retry-after")
    if plain is not None:
        seconds = _number(plain)
        if seconds is None:
            moment = _http_date(plain)
            seconds = None if moment is None else max(0.0, moment - clock)
        if seconds is not None:
            return seconds
    waits = [w for w in (_reset_wait(k, headers, clock) for k in headers) if w is not None]
    return max(waits, default=None)


def _number(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return max(0.0, value) if math.isfinite(value) else None


def _http_date(text: str) -> float | None:
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return moment.timestamp()


def _reset_wait(name: str, headers: Mapping[str, str], now: float) -> float | None:
    key = name.lower()
    if "ratelimit" not in key or "reset" not in key:
        return None
    remaining = _number(headers.get(key.replace("reset", "remaining")))
    if remaining is not None and remaining > 0:
        return None
    text = headers[name].strip()
    value = _number(text)
    if value is not None:
        return max(0.0, value - now) if value > _EPOCH_FLOOR else value
    if _DURATION.sub("", text) == "" and text:
        return sum(float(n) * _UNIT_S[u] for n, u in _DURATION.findall(text))
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return max(0.0, aware.timestamp() - now)


def error_for_status(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    where: str = "the endpoint",
    key_hint: str = "",
    now: float | None = None,
) -> TransportError | None:
    """Say what a status means; None for 2xx.

    Args:
        status: HTTP status.
        headers: response headers.
        body: response body; its message is quoted, shortened.
        where: the address, for the message.
        key_hint: what to do about a refused key ("set SUPPORT_BOT_KEY to a valid key").
        now: seconds since 1970, for Retry-After dates.
    """
    if 200 <= status < 300:
        return None
    said = parse_error_body(body)
    quote = f': "{said.message}"' if said.message else ""
    head = f"{where} answered HTTP {status}"
    if status in {401, 402, 403, 407}:
        hint = f"; {key_hint}" if key_hint else ""
        return TransportError("auth", head + quote + hint, fatal=True, status=status)
    if 300 <= status < 400:
        target = headers.get("location", "another address")
        mend = f"; redirects are not followed: use {target} as the address"
        return TransportError("config", head + mend, fatal=True, status=status)
    if status in {404, 405, 410, 501} or (status == 400 and said.codes & _MODEL_CODES):
        mend = "; check the address and the model name of the target"
        return TransportError("config", head + quote + mend, fatal=True, status=status)
    if status == 429 and said.codes & _QUOTA_CODES:
        mend = "; the account's quota is used up, waiting does not help"
        return TransportError("rate_limit", head + quote + mend, fatal=True, status=status)
    return _passing_error(status, head + quote, retry_after(headers, now))


def _passing_error(status: int, message: str, wait: float | None) -> TransportError:
    if status == 429:
        return TransportError(
            "rate_limit", message, retryable=True, retry_after=wait, status=status
        )
    if status == 408:
        return TransportError("timeout", message, retryable=True, status=status)
    if status >= 500 or status in {409, 425}:
        return TransportError("server", message, retryable=True, retry_after=wait, status=status)
    return TransportError("application", message, status=status)
