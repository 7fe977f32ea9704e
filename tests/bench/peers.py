"""Other ways to buy, for comparison: a read followed by writes, without a lock, with a lock of the database server,
or with a lock in Redis. Also the floor of a purchase: its durable writes alone. The program doesn't use them.
"""

import os
import shutil
import socket
import sqlite3
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_REDIS_UNLOCK_SCRIPT = "if redis.call('get',KEYS[1])==ARGV[1] then return redis.call('del',KEYS[1]) end return 0"


class UnprotectedBuyer:
    """Buys with SELECT, INSERT and UPDATE, without a call to a provider: two durable transactions of the database
    driver, without any protection against a second purchase.
    """

    def __init__(self, file: Path) -> None:
        self._conn = sqlite3.connect(file, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            self._conn.execute("PRAGMA " + pragma)
        self._conn.execute("CREATE TABLE bought(number TEXT, client TEXT, state TEXT, provider_id INTEGER)")
        self._conn.execute("CREATE INDEX bought_number ON bought(number, client)")

    def buy(self, number: str) -> None:
        claim_query = "SELECT 1 FROM bought WHERE number = ? AND client = '1' AND state <> 'error'"
        if self._conn.execute(claim_query, (number,)).fetchone():
            return
        row = self._conn.execute("INSERT INTO bought VALUES (?, '1', 'pending', NULL)", (number,)).lastrowid
        self._conn.execute("UPDATE bought SET state = 'success', provider_id = 1 WHERE rowid = ?", (row,))

    def close(self) -> None:
        self._conn.close()


class UnprotectedServerBuyer:
    """Buys on a database server without any protection against a second purchase, with one transaction per statement.
    `buy_under_server_lock` buys while it holds the server's own lock (GET_LOCK).
    """

    def __init__(self, connection: Any) -> None:
        self._conn = connection
        columns = "number VARCHAR(13), client VARCHAR(9), state VARCHAR(9), provider_id INT"
        keys = "id BIGINT AUTO_INCREMENT PRIMARY KEY, KEY bought_number (number, client)"
        self._execute(f"CREATE TABLE bought({keys}, {columns}) ENGINE = InnoDB")

    def buy(self, number: str) -> None:
        claim_query = "SELECT 1 FROM bought WHERE number = %s AND client = '1' AND state <> 'error'"
        if self._execute(claim_query, number).fetchone():
            return
        row = self._execute("INSERT INTO bought VALUES (NULL, %s, '1', 'pending', NULL)", number).lastrowid
        self._execute("UPDATE bought SET state = 'success', provider_id = 1 WHERE id = %s", row)

    def buy_under_server_lock(self, number: str) -> None:
        self._execute("SELECT GET_LOCK('purchase', 60)")
        self.buy(number)
        self._execute("SELECT RELEASE_LOCK('purchase')")

    def _execute(self, sql: str, *values: object) -> Any:
        cursor = self._conn.cursor()
        cursor.execute(sql, values)
        return cursor

    def close(self) -> None:
        self._conn.close()


class DurablePageWriter:
    """The floor of a purchase: `count` writes of one page to a file, each of them on the disk before the next one
    begins.
    """

    def __init__(self, file: Path, count: int) -> None:
        self._count, self._page = count, b"x" * 4096
        self._file = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        os.write(self._file, self._page * 64)
        os.fsync(self._file)

    def write(self) -> None:
        for place in range(self._count):
            os.pwrite(self._file, self._page, place * 4096)
            os.fdatasync(self._file)

    def close(self) -> None:
        os.close(self._file)


class RedisLock:
    """A lock in Redis by SET NX PX and a checked DEL, over a plain socket, which costs less than any library."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection

    @contextmanager
    def acquire(self, name: str) -> Iterator[None]:
        token = str(uuid.uuid4())
        while self._send_command("SET", name, token, "NX", "PX", "60000") != b"+OK\r\n":
            time.sleep(0.001)
        yield
        self._send_command("EVAL", _REDIS_UNLOCK_SCRIPT, "1", name, token)

    def _send_command(self, *words: str) -> bytes:
        parts = (f"${len(word)}\r\n{word}\r\n" for word in words)
        self._socket.sendall(f"*{len(words)}\r\n{''.join(parts)}".encode())
        return self._socket.recv(4096)


@contextmanager
def open_redis_lock(folder: Path) -> Iterator[RedisLock | None]:
    """Yield a lock in a private Redis server; None on a machine without Redis."""
    program = shutil.which("redis-server")
    if program is None:
        yield None
        return
    place = folder / "redis.sock"
    arguments = ("--port", "0", "--unixsocket", str(place), "--save", "", "--appendonly", "no", "--dir", str(folder))
    with subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL) as server:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                # The file exists before the server listens at it.
                while server.poll() is None and connection.connect_ex(str(place)):
                    time.sleep(0.01)
                yield RedisLock(connection)
        finally:
            server.terminate()
