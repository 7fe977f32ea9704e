"""A server in a process of its own. It reads its parameters as JSON from stdin: the server `ours` is the receiver of
the console; `bare` is a Starlette application that inserts one row per request. It prints its port, and ends when
stdin is closed.
"""

import json
import sqlite3
import sys
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

_CREATE_TABLE_SQL = "CREATE TABLE IF NOT EXISTS bare_posts (id INTEGER PRIMARY KEY {auto}, body TEXT NOT NULL)"
_INSERT_SQL = "INSERT INTO bare_posts (body) VALUES ({mark})"


def main() -> None:
    parameters = json.loads(sys.stdin.readline())
    stop = threading.Event()
    threading.Thread(target=_stop_when_stdin_closes, args=(stop,), daemon=True).start()
    if parameters["kind"] == "ours":
        serve_receiver(parameters["env"], stop)
    else:
        serve_plain_application(parameters, stop)


def _stop_when_stdin_closes(stop_event: threading.Event) -> None:
    """Set `stop_event` when stdin is closed."""
    sys.stdin.read()
    stop_event.set()


def print_port(port: int) -> None:
    """Print the server's port as one line of JSON on stdout."""
    print(json.dumps({"port": port}), flush=True)


def serve_receiver(env: dict[str, str], stop_event: threading.Event) -> None:
    """Serve the receiver of a console with these environment variables until `stop_event` is set."""
    from console.app import open_console
    from console.settings.settings import Settings
    from console.worker.connection_limits import ReceiverOptions
    from console.worker.http_app import make_receiver_app, serve_receiver

    options = ReceiverOptions()
    with open_console(Settings.load(env)) as console:
        serve_receiver(make_receiver_app(console, options), options, stop_event, lambda _, port: print_port(port))


def serve_plain_application(parameters: dict[str, str], stop_event: threading.Event) -> None:
    """Serve the plain application, with the same protocol and number of threads as the receiver, and one durable
    INSERT per request.
    """
    import asyncio
    import socket

    import uvicorn
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    insert = _make_row_inserter(parameters["url"], parameters["file"])

    async def post(request: Request) -> Response:
        body = (await request.body()).decode()
        await run_in_threadpool(insert, body)
        return Response(b"OK")

    async def run_server() -> None:
        app = Starlette(routes=[Route("/{path:path}", post, methods=["POST"])])
        server = uvicorn.Server(uvicorn.Config(app, http="h11", log_config=None, access_log=False, lifespan="off"))
        # With its protocol named, asyncio turns Nagle's algorithm off; else an answer waits 40 ms for an ACK.
        line = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        line.bind(("127.0.0.1", 0))
        running = asyncio.create_task(server.serve([line]))
        print_port(line.getsockname()[1])
        while not stop_event.is_set():
            await asyncio.sleep(0.05)
        server.should_exit = True
        await running

    asyncio.run(run_server())


def _make_row_inserter(url: str, file: str) -> Callable[[str], None]:
    """Return a function that inserts one row with the given text on the connection of its thread: into the SQLite
    file `file`, or, if `file` is "", into the server's database at `url`.
    """
    lines = threading.local()
    statement = _INSERT_SQL.format(mark="?" if file else "%s")
    _open_connection(url, file).cursor().execute(_CREATE_TABLE_SQL.format(auto="" if file else "AUTO_INCREMENT"))

    def insert(body: str) -> None:
        if not hasattr(lines, "line"):
            lines.line = _open_connection(url, file)
        lines.line.cursor().execute(statement, (body,))

    return insert


def _open_connection(url: str, file: str) -> Any:
    if file:
        line = sqlite3.connect(file, isolation_level=None, timeout=60)
        line.execute("PRAGMA synchronous=FULL")
        return line
    import pymysql

    at = urlsplit(url)
    return pymysql.connect(
        host=at.hostname,
        port=at.port or 3306,
        user=unquote(at.username or ""),
        password=unquote(at.password or ""),
        database=at.path[1:],
        autocommit=True,
    )


if __name__ == "__main__":
    main()
