"""One asynchronous HTTP client for everything that calls a model or a system under test."""

from __future__ import annotations

import asyncio
import os
import ssl
import time
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Final, NoReturn, Self

import aiohttp
import msgspec
from yarl import URL

from railwright import __version__
from railwright.transport._errors import TransportError
from railwright.transport._sse import SseParser

#: Bodies beyond this many bytes are refused; a chat answer is a few kilobytes.
MAX_BODY: Final = 16 * 1024 * 1024
_ENCODINGS: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_NO_ENCODING: Final = frozenset({"", "identity"})


class Reply(msgspec.Struct, frozen=True, gc=False):
    """One HTTP reply, read to its end.

    ``elapsed_s`` counts from before the request was sent to the last byte of the body.
    ``headers`` looks names up without regard to case.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    elapsed_s: float


class EventStream:
    """A reply that is read event by event.

    Iterating yields the ``data`` of each server-sent event. ``raw`` holds the bytes read so far.
    """

    def __init__(self, response: aiohttp.ClientResponse, max_body: int, started: float) -> None:
        self._response = response
        self._max_body = max_body
        self._started = started
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self.raw = bytearray()

    @property
    def is_events(self) -> bool:
        """Whether the server did answer with an event stream."""
        return self._response.content_type == "text/event-stream"

    async def reply(self) -> Reply:
        """Read the rest as an ordinary reply (an error, or a server that does not stream)."""
        body = await _read(self._response, self._max_body)
        return Reply(self.status, self.headers, body, time.perf_counter() - self._started)

    async def __aiter__(self) -> AsyncIterator[str]:
        parser = SseParser()
        content = self._response.content
        inflate = _inflater(self._response)
        while chunk := await content.readany():
            piece = _inflate(inflate, chunk, self._max_body) if inflate else chunk
            self.raw += piece
            if len(self.raw) > self._max_body:
                _too_big(self._response, self._max_body)
            for event in parser.feed(piece):
                yield event
        for event in parser.close():
            yield event


class HttpClient:
    """A thin client over one aiohttp session.

    No cookies, no redirects, no proxy settings from the environment unless ``trust_env``; TLS is
    always verified, against ``ca_file`` where one is given. The session is made on first use and
    belongs to the running event loop.

    Args:
        connections: connections that may be open at once.
        max_body: bytes of a (decompressed) body beyond which a reply is refused.
        ca_file: PEM file with the certificates to trust instead of the system's.
        trust_env: use HTTP_PROXY and its relatives.
        keepalive_s: seconds that an idle connection is kept.
    """

    def __init__(
        self,
        *,
        connections: int = 1024,
        max_body: int = MAX_BODY,
        ca_file: str = "",
        trust_env: bool = False,
        keepalive_s: float = 30.0,
    ) -> None:
        self._connections = connections
        self._max_body = max_body
        self._ca_file = ca_file
        self._trust_env = trust_env
        self._keepalive_s = keepalive_s
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timeouts: dict[float, aiohttp.ClientTimeout] = {}
        self._urls: dict[str, URL] = {}

    async def post_json(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        timeout: float = 60.0,  # noqa: ASYNC109 - passed on to the session, which enforces it
    ) -> Reply:
        """Post ``body`` as JSON and return the reply, whatever its status.

        Raises:
            TransportError: kind ``connect``, ``timeout`` or ``protocol``, or ``config`` when the
                address is no address.
        """
        return await self._request("POST", url, body, headers, timeout)

    async def get(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        timeout: float = 60.0,  # noqa: ASYNC109
    ) -> Reply:
        """Get ``url``; raises as ``post_json`` does."""
        return await self._request("GET", url, None, headers, timeout)

    @asynccontextmanager
    async def stream_sse(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        timeout: float = 60.0,  # noqa: ASYNC109
    ) -> AsyncIterator[EventStream]:
        """Post ``body`` and yield the open event stream; ``timeout`` covers all of it."""
        started = time.perf_counter()
        try:
            async with self._open().request(
                "POST",
                self._url(url),
                data=body,
                headers=_headers(headers, body),
                timeout=self._timeout(timeout),
                allow_redirects=False,
            ) as response:
                yield EventStream(response, self._max_body, started)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            _explain(error, url, timeout)

    async def _request(
        self,
        method: str,
        url: str,
        body: bytes | None,
        headers: Mapping[str, str] | None,
        timeout: float,  # noqa: ASYNC109
    ) -> Reply:
        started = time.perf_counter()
        try:
            async with self._open().request(
                method,
                self._url(url),
                data=body,
                headers=_headers(headers, body),
                timeout=self._timeout(timeout),
                allow_redirects=False,
            ) as response:
                payload = await _read(response, self._max_body)
                return Reply(
                    response.status, response.headers, payload, time.perf_counter() - started
                )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            _explain(error, url, timeout)

    def _open(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._session is None or self._loop is not loop:
            self._loop = loop
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._connections,
                    keepalive_timeout=self._keepalive_s,
                    ssl=self._tls(),
                    ttl_dns_cache=300,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                # Bodies are inflated here, so that a small reply cannot become a huge one.
                auto_decompress=False,
                trust_env=self._trust_env,
            )
        return self._session

    def _tls(self) -> ssl.SSLContext | bool:
        if not self._ca_file:
            return True
        try:
            return ssl.create_default_context(cafile=self._ca_file)
        except (OSError, ssl.SSLError) as error:
            message = f"{self._ca_file}: not a readable PEM file of certificates ({error})"
            raise TransportError("config", message, fatal=True) from error

    def _url(self, url: str) -> URL:
        known = self._urls.get(url)
        if known is None:
            try:
                known = URL(url)
            except ValueError as error:
                message = f"{url} is not an HTTP address"
                raise TransportError("config", message, fatal=True) from error
            self._urls[url] = known
        return known

    def _timeout(self, seconds: float) -> aiohttp.ClientTimeout:
        known = self._timeouts.get(seconds)
        if known is None:
            connect = min(seconds, 10.0)
            known = aiohttp.ClientTimeout(total=seconds, sock_connect=connect)
            self._timeouts[seconds] = known
        return known

    async def close(self) -> None:
        """Close every connection; the client may be used again afterwards."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


def _headers(given: Mapping[str, str] | None, body: bytes | None) -> dict[str, str]:
    headers = {
        "User-Agent": f"railwright/{__version__}",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
    }
    if body is not None:
        headers["Content-Type"] = "application/json"
    if given:
        headers.update(given)
    return headers


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    length = response.content_length
    inflate = _inflater(response)
    if length is not None and length <= limit and inflate is None:
        return await response.read()
    if length is not None and length > limit:
        _too_big(response, limit)
    body = bytearray()
    while chunk := await response.content.readany():
        body += _inflate(inflate, chunk, limit) if inflate else chunk
        if len(body) > limit:
            _too_big(response, limit)
    return bytes(body)


def _inflater(response: aiohttp.ClientResponse) -> zlib._Decompress | None:
    name = response.headers.get("Content-Encoding", "").strip().lower()
    if name in _NO_ENCODING:
        return None
    if name not in _ENCODINGS:
        message = f"{response.url} answers in the encoding {name!r} although none was asked for"
        raise TransportError("protocol", message, status=response.status)
    return zlib.decompressobj(_ENCODINGS[name])


def _inflate(inflate: zlib._Decompress, chunk: bytes, limit: int) -> bytes:
    try:
        return inflate.decompress(chunk, limit + 1)
    except zlib.error as error:
        message = f"the compressed body is damaged ({error})"
        raise TransportError("protocol", message, retryable=True) from error


def _too_big(response: aiohttp.ClientResponse, limit: int) -> NoReturn:
    response.close()
    message = f"{response.url} answered with more than {limit:,} bytes; the reply was dropped"
    raise TransportError("protocol", message, status=response.status)


def _explain(error: Exception, url: str, seconds: float) -> NoReturn:
    """Raise what a failed call means; the order matters, the classes overlap."""
    reason = str(error) or type(error).__name__
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        message = f"{url} gave no complete answer within {seconds:g} s"
        raise TransportError("timeout", message, retryable=True) from error
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        raise TransportError("config", f"{url} is not an HTTP address", fatal=True) from error
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        message = f"no trusted TLS connection to {url}: {reason}; name the CA file if it is private"
        raise TransportError("config", message, fatal=True) from error
    if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ClientResponseError):
        message = f"{url} answered with a broken or truncated HTTP reply: {reason}"
        raise TransportError("protocol", message, retryable=True) from error
    if isinstance(error, aiohttp.ClientConnectorError) and error.os_error.errno:
        code = error.os_error.errno  # resolver errors are negative and name themselves
        reason = os.strerror(code) if code > 0 else error.os_error.strerror or reason
    message = f"no connection to {url} ({reason}); is the endpoint running?"
    raise TransportError("connect", message, retryable=True) from error
