"""Transport security of one server: who gets in, and with which certificates."""

import asyncio
import socket
import ssl
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client import CollectorRegistry
from sightline.encoder.v1 import encoder_pb2, encoder_pb2_grpc
from sightline_common.channel import open_channel
from sightline_common.config import SettingInvalidError
from sightline_common.connection import Connection
from sightline_common.metrics_page import MetricsPage
from sightline_common.server import GrpcServer, ServerOptions
from sightline_common.service_settings import ServiceSettings
from sightline_common.tls import ClientTls, ServerTls, client_tls, server_tls

from benchmarks.ports import free_ports
from tests.certificates import Authority, serial_number

SERVICE = "sightline.encoder.v1.EncoderService"
TIMEOUT_S = 10
TABLES = ("/proc/self/net/tcp", "/proc/self/net/tcp6")
LISTENING = "0A"
ALERT = b"\x15"
GET = b"GET /metrics HTTP/1.1\r\n\r\n"


class Servicer(encoder_pb2_grpc.EncoderServiceServicer):
    def __init__(self):
        self.peer_serials = []

    async def GetModelInfo(self, request, context):
        (pem,) = context.auth_context().get("x509_pem_cert", [b""])
        self.peer_serials.append(serial_number(pem.decode()) if pem else None)
        return encoder_pb2.GetModelInfoResponse(version="1")


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@asynccontextmanager
async def secured(authority, *, mutual=True):
    """A server with a certificate, health in plaintext, and metrics."""
    cert, key = authority.issue("server")
    health_port, metrics_port = free_ports(2)
    tls = ServerTls(cert, key, str(authority.file) if mutual else "")
    server = GrpcServer(
        ServerOptions(
            SERVICE, drain_s=0.1, tls=tls, health_port=health_port, metrics_port=metrics_port
        )
    )
    servicer = Servicer()
    await server.start()
    await server.set_ready(
        lambda target: encoder_pb2_grpc.add_EncoderServiceServicer_to_server(servicer, target)
    )
    server.servicer = servicer
    try:
        yield server
    finally:
        await server.stop()


def client(authority, name="client"):
    return ClientTls(str(authority.file), *authority.issue(name))


async def ask(channel):
    stub = encoder_pb2_grpc.EncoderServiceStub(channel)
    return await stub.GetModelInfo(encoder_pb2.GetModelInfoRequest(), timeout=TIMEOUT_S)


async def refused(channel):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ask(channel)
    return caught.value


async def test_client_with_a_certificate_is_answered(authority):
    async with secured(authority) as server:
        target = f"127.0.0.1:{server.port}"
        async with open_channel(target, tls=client(authority)) as channel:
            assert (await ask(channel)).version == "1"


@pytest.mark.parametrize("stranger", ["plaintext", "no certificate", "another authority's"])
async def test_stranger_gets_a_handshake_error_and_nothing_else(authority, tmp_path, stranger):
    (tmp_path / "other").mkdir()
    tls = {
        "plaintext": None,
        "no certificate": ClientTls(str(authority.file)),
        "another authority's": ClientTls(
            str(authority.file), *Authority(tmp_path / "other").issue("client")
        ),
    }[stranger]
    async with secured(authority) as server:
        async with open_channel(f"127.0.0.1:{server.port}", tls=tls) as channel:
            failure = await refused(channel)
        assert failure.code() is grpc.StatusCode.UNAVAILABLE
        assert not failure.trailing_metadata()
        assert server.servicer.peer_serials == []


async def test_client_refuses_a_server_of_another_name_or_authority(authority, tmp_path):
    (tmp_path / "other").mkdir()
    async with secured(authority) as server:
        target, known = f"127.0.0.1:{server.port}", client(authority)
        async with open_channel(target, tls=known, server_name="elsewhere") as channel:
            assert (await refused(channel)).code() is grpc.StatusCode.UNAVAILABLE
        stranger = client(Authority(tmp_path / "other"))
        async with open_channel(target, tls=stranger) as channel:
            assert (await refused(channel)).code() is grpc.StatusCode.UNAVAILABLE


async def test_health_is_told_in_plaintext_and_nothing_else(authority):
    async with (
        secured(authority) as server,
        open_channel(f"127.0.0.1:{server.options.health_port}") as channel,
    ):
        health = health_pb2_grpc.HealthStub(channel)
        reply = await health.Check(health_pb2.HealthCheckRequest(service=SERVICE))
        assert reply.status == health_pb2.HealthCheckResponse.SERVING
        assert (await refused(channel)).code() is grpc.StatusCode.UNIMPLEMENTED


async def test_no_port_answers_a_stranger_but_health(authority):
    before = listening_ports()
    async with secured(authority) as server:
        opened = listening_ports() - before
        options = server.options
        assert opened == {server.port, options.health_port, options.metrics_port}
        for port in opened - {options.health_port}:
            assert await asyncio.to_thread(heard_without_certificate, authority, port) == b""
            assert await asyncio.to_thread(heard_in_plaintext, port) == b""


def listening_ports():
    """Returns the TCP ports on which this process listens."""
    files = Path("/proc/self/fd").iterdir()
    own = {str(each.readlink()) for each in files if each.is_symlink()}
    rows = [
        line.split() for table in TABLES for line in Path(table).read_text("ascii").splitlines()
    ]
    return {
        int(row[1].rpartition(":")[2], 16)
        for row in rows
        if row[3] == LISTENING and f"socket:[{row[9]}]" in own
    }


def heard_without_certificate(authority, port):
    """Returns what an open port says over TLS, but for the error that ends the handshake."""
    context = ssl.create_default_context(cafile=authority.file)
    plain = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
    with suppress(ssl.SSLError, ConnectionError), tls_over(plain, context) as tls:
        tls.sendall(GET)
        return tls.recv(65536)
    return b""


def heard_in_plaintext(port):
    """Returns what an open port says in plaintext, but for an alert of TLS."""
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as plain:
        plain.sendall(GET)
        with suppress(ConnectionError):
            said = plain.recv(65536)
            return b"" if said.startswith(ALERT) else said
    return b""


async def test_server_shows_a_renewed_certificate_without_a_restart(authority):
    async with secured(authority) as server:
        before = await asyncio.to_thread(shown_certificate, authority, server.port)
        authority.issue("server")
        after = await asyncio.to_thread(shown_certificate, authority, server.port)
        assert serial_number(before) != serial_number(after)


async def test_server_trusts_a_renewed_authority_without_a_restart(authority, tmp_path):
    (tmp_path / "next").mkdir()
    successor = Authority(tmp_path / "next", "successor")
    async with secured(authority) as server:
        target = f"127.0.0.1:{server.port}"
        cert, key = successor.issue("client")
        async with open_channel(target, tls=ClientTls(str(authority.file), cert, key)) as channel:
            await refused(channel)
        authority.file.write_bytes(authority.file.read_bytes() + successor.file.read_bytes())
        async with open_channel(target, tls=ClientTls(str(authority.file), cert, key)) as channel:
            assert (await ask(channel)).version == "1"


async def test_half_written_certificate_changes_nothing(authority, tmp_path):
    async with secured(authority) as server:
        (tmp_path / "server.pem").write_text("-----BEGIN CERTIFICATE-----\n")
        async with open_channel(f"127.0.0.1:{server.port}", tls=client(authority)) as channel:
            assert (await ask(channel)).version == "1"


async def test_connection_shows_a_renewed_certificate_and_keeps_calls_that_run(authority):
    async with secured(authority) as server:
        tls = client(authority)
        connection = Connection(
            f"127.0.0.1:{server.port}", encoder_pb2_grpc.EncoderServiceStub, tls
        )
        request = encoder_pb2.GetModelInfoRequest()
        first = connection.stubs
        await first.GetModelInfo(request, timeout=TIMEOUT_S)
        assert connection.stubs is first
        authority.issue("client")
        await connection.stubs.GetModelInfo(request, timeout=TIMEOUT_S)
        await first.GetModelInfo(request, timeout=TIMEOUT_S)
        old, new, still = server.servicer.peer_serials
        assert old == still != new
        await connection.close()


async def test_metrics_want_a_certificate_too_and_show_a_renewed_one(authority):
    async with secured(authority) as server:
        port = server.options.metrics_port
        own = authority.issue("scraper")
        page = await asyncio.to_thread(fetch_metrics, authority, port, own)
        assert b"grpc_server_handled_total" in page
        assert not await asyncio.to_thread(fetch_metrics, authority, port, None)
        before = await asyncio.to_thread(shown_certificate, authority, port)
        authority.issue("server")
        after = await asyncio.to_thread(shown_certificate, authority, port)
        assert serial_number(before) != serial_number(after)


async def test_page_without_tls_is_plaintext():
    async with MetricsPage(CollectorRegistry()).serving("127.0.0.1", 0) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /metrics HTTP/1.1\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()


@pytest.mark.parametrize(
    "changes",
    [
        {"tls_cert": "cert.pem"},
        {"tls_key": "key.pem"},
        {"tls_client_ca": "ca.pem"},
        {"log_format": "xml"},
        {"traces": "paper"},
    ],
)
def test_settings_that_make_no_sense_are_refused(changes):
    with pytest.raises(SettingInvalidError, match="SIGHTLINE_"):
        ServiceSettings(**changes)


def test_files_that_are_missing_or_no_pair_are_refused(authority, tmp_path):
    cert, _key = authority.issue("one")
    _cert, other_key = authority.issue("two")
    with pytest.raises(SettingInvalidError, match="SIGHTLINE_TLS"):
        server_tls(ServiceSettings(tls_cert=cert, tls_key=other_key))
    with pytest.raises(SettingInvalidError, match="SIGHTLINE_TLS"):
        client_tls(ServiceSettings(tls_ca=str(tmp_path / "nothing.pem")))


def handshake_context(authority, own=None):
    context = ssl.create_default_context(cafile=authority.file)
    context.set_alpn_protocols(["h2"] if own is None else ["http/1.1"])
    cert, key = own or authority.issue("prober")
    context.load_cert_chain(cert, key)
    return context


def shown_certificate(authority, port):
    """Returns the certificate that a server shows, as PEM."""
    with connected(port, handshake_context(authority)) as tls:
        return ssl.DER_cert_to_PEM_cert(tls.getpeercert(True))


def fetch_metrics(authority, port, own, accept="*/*"):
    """Returns a server's answer; nothing when it ended the handshake, as TLS 1.3 does it late."""
    context = ssl.create_default_context(cafile=authority.file)
    if own:
        context.load_cert_chain(*own)
    page = b""
    with suppress(ssl.SSLError, ConnectionError), connected(port, context) as tls:
        tls.sendall(f"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\r\n".encode())
        while piece := tls.recv(65536):
            page += piece
    return page


@contextmanager
def connected(port, context):
    with tls_over(socket.create_connection(("127.0.0.1", port), TIMEOUT_S), context) as tls:
        yield tls


@contextmanager
def tls_over(plain, context):
    with plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as tls:
        yield tls
