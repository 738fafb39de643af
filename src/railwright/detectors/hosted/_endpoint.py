"""One service: its client, its key, and what its failures mean."""

from __future__ import annotations

import asyncio
import os
import re
import time
import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from railwright.detectors.hosted._errors import DetectorUnavailable, unavailable
from railwright.detectors.hosted._loop import current_loop, settle
from railwright.detectors.hosted._options import HttpOptions, shown
from railwright.transport import (
    HttpClient,
    RetryPolicy,
    TransportError,
    call_with_retry,
    error_for_status,
    parse_error_body,
)

if TYPE_CHECKING:
    from railwright.transport import Reply

#: Seconds of a Retry-After that are believed; then the service is asked again.
MAX_PAUSE: Final = 300.0
_MAX_ANSWER: Final = 4 * 1024 * 1024
_HIDDEN: Final = "(hidden)"
_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]{0,63}")

HeaderMaker = Callable[[str, bytes], Mapping[str, str]]
"""Makes the headers of one call from its address and its body."""


class Endpoint:
    """Posts JSON to a service from the background loop.

    What a service says about an error is not passed on, for it may quote the text or the key; only
    its error codes are. After a 429 or 503 that says how long to wait, calls fail at once until
    then, so that a service that is already overloaded is left alone.
    """

    def __init__(self, options: HttpOptions, adapter: str, url: str) -> None:
        self.url = url
        self.where = f"{adapter} at {shown(url)}"
        self._options = options
        self._client: HttpClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._paused_until = 0.0

    async def post(self, url: str, body: bytes, headers: HeaderMaker) -> Reply:
        """Post ``body`` and return the reply of a call that succeeded.

        Raises:
            DetectorUnavailable: it did not succeed, whatever the reason.
        """
        self._refuse_while_paused()
        options = self._options
        policy = RetryPolicy(
            max_attempts=options.attempts, base_s=0.1, cap_s=1.0, deadline_s=options.timeout
        )
        client = self._open()

        async def attempt() -> Reply:
            made = headers(url, body)
            reply = await client.post_json(url, body, made, options.timeout)
            error = self._refusal(reply)
            if error is not None:
                raise error
            return reply

        try:
            async with asyncio.timeout(options.timeout):
                return await call_with_retry(attempt, policy=policy)
        except TimeoutError:
            message = f"{self.where} gave no complete answer within {options.timeout:g} s"
            raise unavailable("timeout", message) from None
        except TransportError as error:
            raise self._explained(error) from None

    def _open(self) -> HttpClient:
        """The client of this process; a fork left the old one without its loop."""
        loop = current_loop()
        if self._client is None or self._loop is not loop:
            self._loop = loop
            self._client = HttpClient(
                connections=self._options.concurrency,
                max_body=_MAX_ANSWER,
                ca_file=self._options.ca_file,
                trust_env=self._options.trust_env,
            )
            weakref.finalize(self, _close, self._client)
        return self._client

    def _refuse_while_paused(self) -> None:
        left = self._paused_until - time.monotonic()
        if left > 0:
            message = f"{self.where} asked to be left alone for another {left:.0f} s"
            raise unavailable("rate_limit", message, left)

    def _refusal(self, reply: Reply) -> TransportError | None:
        """What the status means, in words that hold nothing of the body but its codes."""
        if 200 <= reply.status < 300:
            return None
        codes = [code for code in error_codes(reply) if _CODE.fullmatch(code)]
        quotable = msgspec.json.encode(
            {"error": {"code": codes[0] if codes else "", "message": ""}}
        )
        hint = ""
        if self._options.key_env:
            hint = f"set {self._options.key_env} to a key that it accepts"
        error = error_for_status(
            reply.status, reply.headers, quotable, where=self.where, key_hint=hint
        )
        if error is None:  # pragma: no cover - only 2xx give None
            return None
        if codes:
            error.args = (f"{error} ({codes[0]})",)
        if error.kind == "rate_limit" or error.retry_after is not None:
            # Pressing on is what the service asked us not to do.
            error.retryable = False
            self._paused_until = time.monotonic() + min(error.retry_after or 0.0, MAX_PAUSE)
        return error

    def _explained(self, error: TransportError) -> DetectorUnavailable:
        message = str(error).replace(self.url, shown(self.url))
        if self.where not in message:
            message = f"{self.where}: {message}"
        return unavailable(error.kind, message, error.retry_after, error.status)

    def close(self) -> None:
        """Close the connections; the next call opens them anew."""
        client, self._client = self._client, None
        if client is not None:
            settle(client.close())


def _close(client: HttpClient) -> None:
    settle(client.close())


def error_codes(reply: Reply) -> list[str]:
    """Error codes of a reply, in the places where the services put them."""
    found = [reply.headers.get("x-amzn-errortype", "").partition(":")[0]]
    said = parse_error_body(reply.body)
    found += [said.code, *sorted(said.codes)]
    try:
        body = msgspec.json.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        body = None
    if isinstance(body, dict):
        found += [str(body.get("error_type", "")), str(body.get("__type", ""))]
        inner = body.get("error")
        if isinstance(inner, dict):
            details = inner.get("details")
            for detail in details if isinstance(details, list) else ():
                if isinstance(detail, dict):
                    found.insert(0, str(detail.get("errorType", "")))
            found.append(str(inner.get("status", "")))
    return [code for code in found if code]


def key_from(variable: str) -> str:
    """The key that an environment variable holds.

    Raises:
        DetectorUnavailable: kind ``auth``; the variable is not set.
    """
    key = os.environ.get(variable, "").strip()
    if not key:
        raise unavailable(
            "auth", f"the environment variable {variable} is not set; it holds the key"
        )
    if not (key.isascii() and key.isprintable()):
        raise unavailable("auth", f"the key in {variable} has characters no header can carry")
    return key


def decoded(reply: Reply, kind: type[Any], where: str) -> Any:
    """The body of a reply as ``kind``.

    Raises:
        DetectorUnavailable: kind ``protocol``; it is something else.
    """
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except msgspec.ValidationError as error:
        # Says which field has which type; never a value.
        raise unavailable("protocol", f"{where} gave an unexpected answer: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise unavailable("protocol", f"{where} gave an answer that is not JSON") from None
