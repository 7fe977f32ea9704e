"""Tests that links reach the running window, and only from processes of the same user."""

import socket
import stat
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from console.domain.links.link import Link
from console.settings import window_socket
from console.settings.window_socket import LINK_REFUSED_ANSWER, make_socket_name, send_link
from console.views.links.listener import LinkListener
from tests.support.waiting import MAX_WAIT_SECONDS

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the sockets of Unix")
LINK = "support-console:record/payment/5"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as short:  # pytest's own path is longer than that of a socket may be
        monkeypatch.setenv("XDG_RUNTIME_DIR", short)
        yield tmp_path / "home"


def send_raw_message(home: Path, message: bytes) -> bytes:
    """Send these bytes to the window's socket and return the answer. The answer is empty if the window closes the
    connection.
    """
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(MAX_WAIT_SECONDS)
        client.connect(make_socket_name(home))
        client.sendall(message)
        return client.recv(64)


def test_valid_links_arrive_and_hostile_links_do_not(home: Path, qtbot: QtBot) -> None:
    """The listener answers each message, and emits its signal only for the well-formed link. Other users can't open
    its socket. A second window doesn't listen while the first one does."""
    listener = LinkListener(home)
    received: list[Link] = []
    listener.link_received.connect(received.append)
    assert listener.is_listening
    with ThreadPoolExecutor(1) as pool:
        for message in (b"support-console:refund/approve/5\n", b"x" * 5_000, "記録\n".encode(), b"\0\n"):
            answered = pool.submit(send_raw_message, home, message)
            qtbot.waitUntil(answered.done)
            assert answered.result() == LINK_REFUSED_ANSWER
        assert received == []
        sent = pool.submit(send_link, home, LINK)
        qtbot.waitUntil(sent.done)
    assert sent.result() is True
    assert received == [Link("record", "5", "payment")]
    mode = stat.S_IMODE(Path(make_socket_name(home)).stat().st_mode)
    assert mode & 0o077 == 0
    assert stat.S_IMODE(Path(make_socket_name(home)).parent.stat().st_mode) == 0o700
    second = LinkListener(home)
    assert not second.is_listening  # links go to the first window
    listener.deleteLater()


def test_a_link_without_a_running_window_is_not_sent(home: Path, qtbot: QtBot) -> None:
    """`send_link` returns False if no window is running. A new window replaces the socket of a killed process. A
    socket folder that other users may read is refused.
    """
    assert send_link(home, LINK) is False
    with socket.socket(socket.AF_UNIX) as leftover_socket:
        leftover_socket.bind(make_socket_name(home))
    assert send_link(home, LINK) is False
    assert LinkListener(home).is_listening
    folder = Path(make_socket_name(home)).parent
    folder.chmod(0o755)
    with pytest.raises(PermissionError):
        make_socket_name(home)
    assert send_link(home, LINK) is False
    assert len(LINK) < window_socket.MAX_LINK_MESSAGE_BYTES
