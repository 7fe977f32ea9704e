"""Tests that an address at which no database server answers, or whose server refuses the connection, is reported as
an unreachable database. The next node is tried, and no such connection counts as an error of the program.
"""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from sqlalchemy import make_url, text

from console.domain.errors import ConsoleError
from console.store.database.engine import Database
from tests.support.sql_server import SqlServer
from tests.support.waiting import wait_until

_SALT = b"12345678\0", b"123456789012\0"
_SERVER_CAPABILITIES = 0x81FFF7FF  # all that the driver may ask for, without TLS
_OTHER_PROGRAMS = {
    "SSH": b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
    "HTTP": b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
    "MySQL's X protocol": b"\x05\x00\x00\x00\x0b\x08\x05\x1a\x00",
    "zeros": bytes(64),
}


def make_packet(number: int, content: bytes) -> bytes:
    return struct.pack("<I", len(content) | number << 24) + content


def make_greeting() -> bytes:
    """Return the first packet of a MariaDB server."""
    low, high = struct.pack("<H", _SERVER_CAPABILITIES & 0xFFFF), struct.pack("<H", _SERVER_CAPABILITIES >> 16)
    middle = low + b"\x2d\x02\x00" + high + b"\x15" + bytes(10)
    return make_packet(
        0, b"\x0a10.11.6-MariaDB\0" + struct.pack("<I", 7) + _SALT[0] + middle + _SALT[1] + b"mysql_native_password\0"
    )


def make_refusal(error_number: int) -> bytes:
    """Return the packet by which a server refuses the login with this error."""
    return make_packet(2, b"\xff" + struct.pack("<H", error_number) + b"#HY000refused")


@contextmanager
def serve_greeting(greeting: bytes, answer: bytes = b"") -> Iterator[int]:
    """Yield the port of a server that sends `greeting` to each client and `answer` after the client's first bytes,
    and then closes the connection. The server ends with the block.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept_clients() -> None:
            with suppress(OSError):
                while True:
                    client = listener.accept()[0]
                    with client, suppress(OSError):
                        client.sendall(greeting)
                        if answer and client.recv(4096):
                            client.sendall(answer)

        thread = threading.Thread(target=accept_clients)
        thread.start()
        yield listener.getsockname()[1]
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def read_refusal(port: int) -> ConsoleError:
    """Connect to the server at this port, and return the error of the refused connection."""
    database = Database(f"mysql+pymysql://op-a:secret@127.0.0.1:{port}/console")
    with pytest.raises(ConsoleError) as refused, database.read():
        pass
    database.close()
    return refused.value


@pytest.mark.parametrize("greeting", _OTHER_PROGRAMS.values(), ids=_OTHER_PROGRAMS)
def test_another_program_at_the_address_is_an_unreachable_database(greeting: bytes) -> None:
    """If another program answers at the database's address, the error is `database_unreachable`."""
    with serve_greeting(greeting) as port:
        assert read_refusal(port).code == "database_unreachable"


@pytest.mark.parametrize(
    ("error_number", "problem"),
    [(3159, "encryption_needed"), (1041, "(2012, \"(1041, 'refused')\")"), (1105, "(2012, \"(1105, 'refused')\")")],
)
def test_a_login_refused_for_another_reason_is_an_unreachable_database(error_number: int, problem: str) -> None:
    """If a server refuses the login with an error that says nothing about the account, the error is
    `database_unreachable`. Its `problem` is the server's message, or the name of the problem if the program has one
    for this error.
    """
    with serve_greeting(make_greeting(), make_refusal(error_number)) as port:
        refusal = read_refusal(port)
    assert (refusal.code, refusal.detail["problem"]) == ("database_unreachable", problem)


def test_an_unknown_sign_in_plugin_is_an_unreachable_database() -> None:
    """If the account signs in with a plugin that the driver lacks, the error is `database_unreachable`, and names
    the plugin."""
    for plugin in ("auth_gssapi_client", "client_ed25519"):
        with serve_greeting(make_greeting(), make_packet(2, b"\xfe" + plugin.encode() + b"\0" + bytes(20))) as port:
            refusal = read_refusal(port)
        assert refusal.code == "database_unreachable"
        assert plugin.removeprefix("client_") in str(refusal.detail["problem"])


def test_the_next_node_is_tried_after_another_program(mariadb_server: SqlServer) -> None:
    """If another program answers at the address of the first node, the connection is opened to the next node."""
    url = make_url(mariadb_server.admin_url).set(database="mysql")
    with serve_greeting(_OTHER_PROGRAMS["SSH"]) as port:
        fallback = {"fallback": f"{mariadb_server.host}:{mariadb_server.port}"}
        database = Database(url.set(port=port, query=fallback).render_as_string(hide_password=False))
        with database.read() as conn:
            assert conn.scalar(text("SELECT 1")) == 1
        database.close()


def test_the_connection_of_a_node_with_unknown_read_only_state_is_closed(
    mariadb_server: SqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a node of a cluster accepts the connection and then refuses the question whether it is read-only, the
    connection is closed.
    """
    monkeypatch.setattr("console.store.database.server._READ_ONLY_QUERY", "SELECT no_such_column")
    owner, fallback = mariadb_server.create_database(), {"fallback": f"localhost:{mariadb_server.port}"}
    database = Database(make_url(owner).set(query=fallback).render_as_string(hide_password=False))
    sessions = f"SELECT ID FROM information_schema.PROCESSLIST WHERE USER = '{make_url(owner).username}'"
    with pytest.raises(ConsoleError) as refused, database.read():
        pass
    assert refused.value.__traceback__  # the error is kept, and with it the frames that know the connection
    wait_until(lambda: mariadb_server.sql(sessions) == (), "a session is left", 20)
    database.close()
    mariadb_server.drop_database(owner)
