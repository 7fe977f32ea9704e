"""Servers for tests that answer a Redis client, but not as Redis would."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_REDIS_NULL_REPLY = b"$-1\r\n"


@contextmanager
def start_strange_server(
    answer: bytes, *, drip_seconds: float = 0.0, tls: ssl.SSLContext | None = None
) -> Iterator[str]:
    """Start a server that answers the first request of each client as Redis does, and sends `answer` as its reply to
    each later one. Yield the server's URL. The server ends with the block.

    `drip_seconds` is the pause (seconds) before each byte of the answer; 0 means no pause.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_serve_clients, args=(listener, answer, drip_seconds, tls), daemon=True).start()
        yield f"{'rediss' if tls else 'redis'}://127.0.0.1:{listener.getsockname()[1]}/0"
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


def _serve_clients(listener: socket.socket, answer: bytes, drip_seconds: float, tls: ssl.SSLContext | None) -> None:
    with suppress(OSError):
        while True:
            client = listener.accept()[0]
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as Redis does
            threading.Thread(target=_answer_client, args=(client, answer, drip_seconds, tls), daemon=True).start()


def _answer_client(client: socket.socket, answer: bytes, drip_seconds: float, tls: ssl.SSLContext | None) -> None:
    """Answer the client's first command as Redis without a value, and each further one with `answer`. With
    `drip_seconds`, send the answer byte by byte, with this pause after each; with `tls`, over TLS.
    """
    with suppress(OSError), client, tls.wrap_socket(client, server_side=True) if tls else client as stream:
        stream.recv(4096)
        stream.sendall(_REDIS_NULL_REPLY)
        while stream.recv(4096):
            for part in _split_answer(answer, drip_seconds):
                stream.sendall(part)
                time.sleep(drip_seconds)  # house: the server that drips


def _split_answer(answer: bytes, drip_seconds: float) -> list[bytes]:
    """Return the answer in parts of one byte, or in one part if `drip_seconds` is 0."""
    return [answer[place : place + 1] for place in range(len(answer))] if drip_seconds else [answer]
