"""The command `open LINK` shows a link in the running window, and refuses any text that is no link."""

import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from console.settings.window_socket import LINK_SHOWN_ANSWER, MAX_LINK_MESSAGE_BYTES, make_socket_name
from tests.cli.conftest import Terminal

LINK = "support-console:record/payment/5"


@pytest.fixture
def terminal_without_display(unopened_terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    with tempfile.TemporaryDirectory() as short:
        monkeypatch.setenv("XDG_RUNTIME_DIR", short)
        yield unopened_terminal


@pytest.mark.parametrize(
    "text", ["", "5", "support-console:refund/approve/5", f"{LINK}\n", f"{LINK}?x", "file:///etc"]
)
def test_a_text_that_is_no_link_is_refused(terminal_without_display: Terminal, text: str) -> None:
    assert terminal_without_display.json("open", text).exit_status_and_code == (2, "usage")


def test_a_link_without_a_window_is_refused(terminal_without_display: Terminal) -> None:
    """`open` is refused if no window is running and there is no display."""
    assert terminal_without_display.json("open", LINK).exit_status_and_code == (2, "usage")


def test_a_link_is_sent_to_the_running_window(terminal_without_display: Terminal) -> None:
    """`open` sends the link to the socket of the running window and opens no other window."""
    got: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as window:
        window.bind(make_socket_name(Path(terminal_without_display.env["CONSOLE_HOME"])))
        window.listen()

        def accept_link() -> None:
            client, _ = window.accept()
            with client:
                got.append(client.recv(MAX_LINK_MESSAGE_BYTES))
                client.sendall(LINK_SHOWN_ANSWER)

        thread = Thread(target=accept_link)
        thread.start()
        assert terminal_without_display.json("open", LINK).data == {"link": LINK, "shown_by": "running"}
        thread.join()
    assert got == [f"{LINK}\n".encode()]
