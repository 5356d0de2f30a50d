"""The connection goes to a checked address, the certificate is checked for the name."""

import asyncio
import datetime
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from data.subscriptions import Subscription, new_secret
from serving.push.courier import Outcome, Sender

NAME = "crm.example"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of `NAME`, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "crm.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def server(certificate: Path) -> Iterator[tuple[int, list[str | None]]]:
    """A TLS server; its port, and the names it was asked for in the handshake and the header."""
    asked: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.headers["host"])
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server(HTTPServer):
        def handle_error(self, *_: object) -> None:
            """Handshakes that are broken off are part of the test."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    made = Server(("127.0.0.1", 0), Handler)
    made.socket = context.wrap_socket(made.socket, server_side=True)
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made.server_address[1], asked
    made.shutdown()
    made.server_close()
    thread.join()


def sent(url: str, certificate: Path) -> Outcome:
    async def here(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    async def attempt() -> Outcome:
        sender = Sender(private=True, resolve=here, verify=ssl.create_default_context(cafile=str(certificate)))
        try:
            to = Subscription("crm", url, new_secret(), "crm", 10.0, (), "all", 1)
            return await sender.send(to, "m1", b"{}", 1_000_000)
        finally:
            await sender.close()

    return asyncio.run(attempt())


def test_the_name_is_what_the_certificate_is_checked_for(server: tuple[int, list[str | None]], certificate: Path):
    port, asked = server
    assert sent(f"https://{NAME}:{port}/hook", certificate) == Outcome()
    assert asked == [NAME, f"{NAME}:{port}"]


def test_a_server_of_another_name_is_sent_nothing(server: tuple[int, list[str | None]], certificate: Path):
    port, asked = server
    outcome = sent(f"https://other.example:{port}/hook", certificate)
    assert outcome.error is not None
    assert "certificate" in outcome.error.lower()
    assert asked == ["other.example"], "the handshake alone"
