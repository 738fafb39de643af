"""The HTTP client against real servers on the loopback interface."""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from railwright.transport import HttpClient, TransportError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def served(handler: Handler) -> AsyncIterator[str]:
    app = web.Application(client_max_size=1 << 26)
    app.router.add_route("*", "/{tail:.*}", handler)
    async with TestServer(app) as server:
        yield str(server.make_url("/v1"))


@asynccontextmanager
async def raw_server(answer: bytes) -> AsyncIterator[str]:
    """Say ``answer`` to whatever comes and hang up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.close()
        await server.wait_closed()


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def failure(url: str, client: HttpClient, seconds: float = 5.0) -> TransportError:
    with pytest.raises(TransportError) as caught:
        await client.post_json(url, b"{}", timeout=seconds)
    return caught.value


async def drain(client: HttpClient, url: str, seconds: float = 5.0) -> None:
    async with client.stream_sse(url, b"{}", timeout=seconds) as stream:
        async for _ in stream:
            pass


async def test_it_posts_what_it_is_given_and_reads_what_comes() -> None:
    seen: list[tuple[str, str, bytes, str | None]] = []

    async def handler(request: web.Request) -> web.Response:
        headers = request.headers
        seen.append(
            (request.method, headers["Content-Type"], await request.read(), headers.get("X-Tenant"))
        )
        return web.Response(body=b"[1]", status=207, headers={"X-Mine": "yes"})

    async with served(handler) as url, HttpClient() as client:
        reply = await client.post_json(url, b'{"a":1}', {"X-Tenant": "acme"})
    assert seen == [("POST", "application/json", b'{"a":1}', "acme")]
    assert (reply.status, reply.body, reply.headers["x-mine"]) == (207, b"[1]", "yes")
    assert reply.elapsed_s > 0


async def test_get() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(text=request.method + request.path)

    async with served(handler) as url, HttpClient() as client:
        assert (await client.get(url)).body == b"GET/v1"


async def test_connections_are_reused_and_cookies_are_not_kept() -> None:
    ports: set[int] = set()
    cookies: list[str | None] = []

    async def handler(request: web.Request) -> web.Response:
        assert request.transport is not None
        ports.add(request.transport.get_extra_info("peername")[1])
        cookies.append(request.headers.get("Cookie"))
        response = web.Response(text="x")
        response.set_cookie("session", "1")
        return response

    async with served(handler) as url, HttpClient() as client:
        for _ in range(3):
            await client.post_json(url, b"{}")
    assert len(ports) == 1
    assert cookies == [None, None, None]


async def test_redirects_are_not_followed() -> None:
    calls: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        calls.append(request.path)
        raise web.HTTPTemporaryRedirect("/elsewhere")

    async with served(handler) as url, HttpClient() as client:
        assert (await client.post_json(url, b"{}")).status == 307
    assert calls == ["/v1"]


async def test_nobody_listens() -> None:
    async with HttpClient() as client:
        error = await failure(f"http://127.0.0.1:{unused_port()}/v1", client)
    assert (error.kind, error.retryable) == ("connect", True)
    assert "is the endpoint running?" in str(error)


async def test_a_slow_server_is_a_timeout() -> None:
    async def handler(request: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    async with served(handler) as url, HttpClient() as client:
        error = await failure(url, client, 0.1)
    assert (error.kind, error.retryable) == ("timeout", True)
    assert "0.1 s" in str(error)


async def test_a_truncated_body_is_a_protocol_error() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
    async with raw_server(head + b'{"choices"') as url, HttpClient() as client:
        error = await failure(url, client)
    assert (error.kind, error.retryable) == ("protocol", True)


async def test_something_that_is_no_http_is_a_protocol_error() -> None:
    async with raw_server(b"SSH-2.0-OpenSSH_9.9\r\n\r\n") as url, HttpClient() as client:
        error = await failure(url, client)
    assert error.kind == "protocol"


async def test_a_server_that_hangs_up_is_a_connection_error() -> None:
    async with raw_server(b"") as url, HttpClient() as client:
        error = await failure(url, client)
    assert (error.kind, error.retryable) == ("connect", True)


@pytest.mark.parametrize("declared", [True, False])
async def test_a_huge_body_is_dropped(declared: bool) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        if declared:
            return web.Response(body=b"x" * 2_000_000)
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(20):
            await response.write(b"x" * 100_000)
        return response

    async with served(handler) as url, HttpClient(max_body=1_000_000) as client:
        error = await failure(url, client)
    assert (error.kind, error.retryable) == ("protocol", False)
    assert "1,000,000 bytes" in str(error)


async def test_a_small_reply_cannot_become_a_huge_one() -> None:
    async def handler(request: web.Request) -> web.Response:
        bomb = gzip.compress(b"x" * 50_000_000)
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

    async with served(handler) as url, HttpClient(max_body=1_000_000) as client:
        error = await failure(url, client)
    assert "1,000,000 bytes" in str(error)


async def test_compression_that_was_not_asked_for_is_undone() -> None:
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.headers["Accept-Encoding"])
        body = gzip.compress(b'{"a": 1}')
        return web.Response(body=body, headers={"Content-Encoding": "gzip"})

    async with served(handler) as url, HttpClient() as client:
        assert (await client.post_json(url, b"{}")).body == b'{"a": 1}'
    assert asked == ["identity"]


async def test_an_encoding_nobody_knows_is_a_protocol_error() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=b"?", headers={"Content-Encoding": "zorp"})

    async with served(handler) as url, HttpClient() as client:
        assert "zorp" in str(await failure(url, client))


@pytest.mark.parametrize("url", ["nonsense", "http://", "ftp://127.0.0.1/x", "http://a:b:c/"])
async def test_what_is_no_address(url: str) -> None:
    async with HttpClient() as client:
        error = await failure(url, client)
    assert (error.kind, error.fatal) == ("config", True)


async def test_a_ca_file_that_is_none() -> None:
    async with HttpClient(ca_file="/nonexistent/ca.pem") as client:
        error = await failure("https://127.0.0.1:1/", client)
    assert (error.kind, error.fatal) == ("config", True)
    assert "/nonexistent/ca.pem" in str(error)


async def test_events_come_as_they_are_sent() -> None:
    gate = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"data: one\n\nda")
        await gate.wait()
        await response.write(b"ta: two\n\n")
        return response

    events = []
    async with served(handler) as url, HttpClient() as client:
        async with client.stream_sse(url, b"{}") as stream:
            assert stream.is_events
            async for event in stream:
                events.append(event)
                gate.set()  # The second half is sent only once the first has arrived.
        assert bytes(stream.raw) == b"data: one\n\ndata: two\n\n"
    assert events == ["one", "two"]


async def test_a_stream_that_stalls_is_a_timeout() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"data: one\n\n")
        await asyncio.sleep(30)
        return response

    async with served(handler) as url, HttpClient() as client:
        with pytest.raises(TransportError) as caught:
            await drain(client, url, 0.2)
    assert caught.value.kind == "timeout"


async def test_an_endless_stream_is_dropped() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for _ in range(1000):
            await response.write(b"data: " + b"x" * 10_000 + b"\n\n")
        return response

    async with served(handler) as url, HttpClient(max_body=100_000) as client:
        with pytest.raises(TransportError, match="100,000 bytes"):
            await drain(client, url)


async def test_an_error_in_place_of_a_stream_is_read_whole() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response({"error": "no"}, status=503)

    async with (
        served(handler) as url,
        HttpClient() as client,
        client.stream_sse(url, b"{}") as stream,
    ):
        assert not stream.is_events
        reply = await stream.reply()
    assert (reply.status, reply.body) == (503, b'{"error": "no"}')


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(signed.public_bytes(Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )
    return cert_file, key_file


async def test_tls_is_verified_and_a_private_authority_can_be_named(tmp_path: Path) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(text="secure")

    cert, key = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    app = web.Application()
    app.router.add_post("/", handler)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=context)
    try:
        url = f"https://127.0.0.1:{server.port}/"
        async with HttpClient() as client:
            error = await failure(url, client)
        async with HttpClient(ca_file=str(cert)) as client:
            reply = await client.post_json(url, b"{}")
    finally:
        await server.close()
    assert (error.kind, error.fatal) == ("config", True)
    assert "CA file" in str(error)
    assert reply.body == b"secure"
