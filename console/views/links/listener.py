"""Receives links from other processes of the same operating-system user, over a local socket."""

import logging
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from console.domain.links.link import Link, parse_link
from console.settings.window_socket import (
    LINK_ANSWER_TIMEOUT_SECONDS,
    LINK_REFUSED_ANSWER,
    LINK_SHOWN_ANSWER,
    MAX_LINK_MESSAGE_BYTES,
    make_socket_name,
)

_MAX_PENDING_CONNECTIONS = 4
_window_log = logging.getLogger("console.window")


class LinkListener(QObject):
    """Listens on a local socket for links from other processes of this operating-system user. If another window
    with the same home folder already listens, this listener doesn't start, so that links reach the first
    window.

    Signals:
    - link_received(object): a process has sent this well-formed Link. The listener refuses any other message and
      emits nothing.
    """

    link_received = Signal(object)

    def __init__(self, home: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.setMaxPendingConnections(_MAX_PENDING_CONNECTIONS)
        self._server.newConnection.connect(self._accept_clients)
        try:
            self._listen_on_socket(make_socket_name(home))
        except OSError as error:
            _window_log.info("links can't be received: %s", error)

    @property
    def is_listening(self) -> bool:
        return self._server.isListening()

    def _listen_on_socket(self, name: str) -> None:
        probe = QLocalSocket()
        probe.connectToServer(name)
        if probe.waitForConnected(200):
            probe.abort()
            return
        QLocalServer.removeServer(name)  # left by a process that was killed
        if not self._server.listen(name):
            _window_log.info("links can't be received: %s", self._server.errorString())

    @Slot()
    def _accept_clients(self) -> None:
        """Accept the waiting connections and read their messages. A connection that is still open
        LINK_ANSWER_TIMEOUT_SECONDS after this is aborted."""
        while (client := self._server.nextPendingConnection()) is not None:
            client.setParent(self)
            client.setReadBufferSize(MAX_LINK_MESSAGE_BYTES)
            client.readyRead.connect(self._read_link_from_signal_sender)
            client.disconnected.connect(client.deleteLater)
            QTimer.singleShot(int(LINK_ANSWER_TIMEOUT_SECONDS * 1000), client, client.abort)
            if client.bytesAvailable():
                self._read_link_from_client(client)

    @Slot()
    def _read_link_from_signal_sender(self) -> None:
        client = self.sender()
        if isinstance(client, QLocalSocket):
            self._read_link_from_client(client)

    def _read_link_from_client(self, client_socket: QLocalSocket) -> None:
        """Read one line from the connected process, send the answer (shown or refused), and disconnect. If no
        complete line and fewer than MAX_LINK_MESSAGE_BYTES bytes have arrived yet, do nothing."""
        if not client_socket.canReadLine() and client_socket.bytesAvailable() < MAX_LINK_MESSAGE_BYTES:
            return
        link = _parse_link_line(bytes(client_socket.readLine(MAX_LINK_MESSAGE_BYTES).data()))
        client_socket.write(LINK_REFUSED_ANSWER if link is None else LINK_SHOWN_ANSWER)
        client_socket.flush()
        client_socket.disconnectFromServer()
        if link is not None:
            self.link_received.emit(link)


def _parse_link_line(line: bytes) -> Link | None:
    """Return the link in a received line; None if the line is no well-formed link."""
    try:
        text = line.decode("ascii")
    except UnicodeDecodeError:
        return None
    return parse_link(text[:-1]) if text.endswith("\n") else None
