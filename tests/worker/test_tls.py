"""Tests of TLS with certificate files: notices and the live feed work over TLS, unfinished handshakes are ended, and
unusable files are refused."""

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from websockets.sync.client import connect

from console.domain.errors import ConsoleError
from console.worker.connection_limits import ReceiverOptions
from console.worker.http_app import make_receiver_app, serve_receiver
from console.worker.uvicorn_protocols import make_tls_context
from tests.providers.certificates import CertificateAuthority
from tests.support.containerfile import CONTAINERFILE, read_instructions
from tests.support.payment_desks import PaymentDesk
from tests.support.waiting import MAX_WAIT_SECONDS, wait_until
from tests.worker.running_receiver import (
    LIVE_FEED_TOKEN,
    WAIT_LIMIT_SECONDS,
    RunningReceiver,
    format_request,
    parse_answer,
    read_all,
    run_receiver,
)

pytestmark = pytest.mark.engines("sqlite")


@pytest.fixture
def authority(tmp_path: Path) -> CertificateAuthority:
    return CertificateAuthority(tmp_path)


@pytest.fixture
def receiver(scene: PaymentDesk, authority: CertificateAuthority) -> Iterator[RunningReceiver]:
    pem = authority.write_server_certificate("127.0.0.1")
    with run_receiver(scene.taker, certificate_file=pem, key_file=pem) as running:
        yield running


@pytest.fixture
def short_handshake_receiver(scene: PaymentDesk, authority: CertificateAuthority) -> Iterator[RunningReceiver]:
    """Yield a receiver that waits one second for a TLS handshake. On a busy machine this may also end the handshake
    of an honest client."""
    pem = authority.write_server_certificate("127.0.0.1")
    with run_receiver(
        scene.taker, certificate_file=pem, key_file=pem, head_timeout_seconds=1.0, max_connections_per_address=4
    ) as running:
        yield running


def make_trusting_context(authority: CertificateAuthority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority.write_certificate_file()))


def test_the_containers_health_check_uses_the_workers_settings(receiver: RunningReceiver) -> None:
    """The health check of the delivered container asks the port of the worker, over TLS if the settings name a
    certificate. At this receiver with TLS, it fails if the settings name no certificate."""
    instructions = read_instructions(CONTAINERFILE.read_text("utf-8"))
    (check,) = (one.arguments for one in instructions if one.name == "HEALTHCHECK")
    _, *words = json.loads(check.partition("CMD ")[2])
    for certificate, expected in (("cert.pem", 0), ("", 1)):
        environment = {"CONSOLE_RECEIVER_PORT": str(receiver.port), "CONSOLE_RECEIVER_CERTIFICATE": certificate}
        done = subprocess.run(
            [sys.executable, "-I", *words],
            env=environment,
            capture_output=True,
            check=False,
            timeout=MAX_WAIT_SECONDS,
        )
        assert done.returncode == expected, done.stderr


def test_a_notice_over_tls_is_accepted(
    scene: PaymentDesk, receiver: RunningReceiver, authority: CertificateAuthority
) -> None:
    """The receiver accepts a notice over TLS in one piece, and in pieces of seven bytes."""
    for name, size in (("ORD-1", 1 << 20), ("ORD-2", 7)):
        scene.insert_order(name, 3300)
        post = scene.make_bank_notice(f"e-{name}", name)
        request = format_request("POST", "/notices/bank", post.body, {"connection": "close"} | dict(post.headers))
        with make_trusting_context(authority).wrap_socket(
            receiver.open_connection(), server_hostname="127.0.0.1"
        ) as connection:
            assert connection.version() in ("TLSv1.2", "TLSv1.3")
            for begin in range(0, len(request), size):
                connection.sendall(request[begin : begin + size])
            assert parse_answer(read_all(connection)).status == 200
        assert scene.read_order(name).state == "paid"


def test_live_changes_are_sent_over_tls(
    scene: PaymentDesk, receiver: RunningReceiver, authority: CertificateAuthority
) -> None:
    url, headers = f"wss://127.0.0.1:{receiver.port}/live", {"Authorization": f"Bearer {LIVE_FEED_TOKEN}"}
    with connect(
        url,
        ssl=make_trusting_context(authority),
        additional_headers=headers,
        open_timeout=WAIT_LIMIT_SECONDS,
        proxy=None,
    ) as connection:
        assert '"snapshot"' in str(connection.recv(WAIT_LIMIT_SECONDS))


@pytest.mark.parametrize(
    "content", [b"", b"\x16\x03\x01", b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n", b"\0" * 5_000]
)
def test_a_client_without_a_tls_handshake_is_disconnected(
    short_handshake_receiver: RunningReceiver, authority: CertificateAuthority, content: bytes
) -> None:
    """A client that doesn't complete its TLS handshake gets no unencrypted answer and is disconnected. An honest
    client can connect afterwards."""
    with ExitStack() as stack:
        lines = [
            stack.enter_context(short_handshake_receiver.open_connection()) for _ in range(4)
        ]  # all the room there is
        for line in lines:
            line.sendall(content)
        assert [line for line in lines if b"HTTP" in read_all(line)] == []

    def can_handshake() -> bool:
        with (
            suppress(OSError),
            make_trusting_context(authority).wrap_socket(
                short_handshake_receiver.open_connection(), server_hostname="127.0.0.1"
            ) as secure,
        ):
            secure.sendall(format_request("GET", "/healthz", b"", {"connection": "close"}))
            answer = read_all(secure)
            return bool(answer) and parse_answer(answer).status == 200
        return False

    wait_until(can_handshake, "an honest handshake has its place again")


def test_old_tls_versions_are_refused(authority: CertificateAuthority) -> None:
    pem = authority.write_server_certificate("127.0.0.1")
    context = make_tls_context(ReceiverOptions(certificate_file=pem, key_file=pem))
    assert context is not None
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (("certificate", "nothing"), "missing"),
        (("nothing", "key"), "missing"),
        (("away", "away"), "bad_certificate"),
        (("text", "text"), "bad_certificate"),
        (("pipe", "pipe"), "bad_certificate"),
        (("certificate", "pipe"), "bad_certificate"),
        (("certificate", "other"), "bad_certificate"),
    ],
)
def test_invalid_certificate_files_are_refused_as_settings(
    scene: PaymentDesk, authority: CertificateAuthority, tmp_path: Path, given: tuple[str, str], problem: str
) -> None:
    """Starting a receiver raises `bad_profile` with a certificate without its key, a key without its certificate, a
    missing file, a file without PEM data, the key of another certificate, or a pipe.
    """
    import threading

    text = tmp_path / "text.pem"
    text.write_text("no certificate")
    (tmp_path / "other").mkdir()
    pem, other = (
        authority.write_server_certificate("127.0.0.1"),
        CertificateAuthority(tmp_path / "other").write_server_certificate("127.0.0.1"),
    )
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    files = {"certificate": pem, "key": pem, "nothing": None, "away": tmp_path / "x", "text": text, "other": other}
    files["pipe"] = pipe
    options = ReceiverOptions(certificate_file=files[given[0]], key_file=files[given[1]])
    with pytest.raises(ConsoleError) as refusal:
        serve_receiver(make_receiver_app(scene.console, options), options, threading.Event())
    assert (refusal.value.code, refusal.value.detail["problem"]) == ("bad_profile", problem)
