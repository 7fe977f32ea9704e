"""Measures the receiver over HTTP, with eight senders that reuse their connections. The figures are the notices per
second that are booked, repeated or refused. They are compared with those of a plain Starlette application that
inserts one row per request."""

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from threading import local
from typing import Any

from console.domain.payments.records import ReceivedNotice
from console.sandbox.server import Sandbox
from tests.bench.disk_databases import ROOT, open_empty_databases_on_disk
from tests.bench.figures import ReportRow, format_ratio
from tests.bench.notices import SendingTimes
from tests.support import notice_deliveries
from tests.support.payment_desks import PaymentDesk, make_settings, open_payment_desk
from tests.support.places import SqlitePlace

GOAL_NUMBER = 23
_ROUND_COUNT = 5
_NOTICES_PER_ROUND = 200


def measure_rows(goal_numbers: frozenset[int]) -> Iterator[ReportRow]:
    if GOAL_NUMBER not in goal_numbers:
        return
    for engine, place in open_empty_databases_on_disk(GOAL_NUMBER):
        with Sandbox() as sandbox, open_payment_desk(place, sandbox) as scene:
            yield from _measure_engine(engine, scene, sandbox.url)


def _measure_engine(engine: str, scene: PaymentDesk, url: str) -> Iterator[ReportRow]:
    """Yield the report rows of the receiver on one engine: new, repeated and refused notices, each compared with the
    plain application. `url` is the address of the sandbox.
    """
    place = scene.place
    env = place.make_environment(url, desk=1, **make_settings(url), SECRET_LIVE_TOKEN="a-token-for-the-bench")
    file = str(place.file) if isinstance(place, SqlitePlace) else ""
    posts = notice_deliveries.prepare_notices(scene, _ROUND_COUNT * _NOTICES_PER_ROUND, 0, 0)
    booked, again, refused, bare = SendingTimes(), SendingTimes(), SendingTimes(), SendingTimes()
    with (
        start_server({"kind": "ours", "env": env}) as receiver,
        start_server({"kind": "bare", "url": place.url(""), "file": file}) as plain,
    ):
        for begin in range(0, len(posts), _NOTICES_PER_ROUND):
            some = posts[begin : begin + _NOTICES_PER_ROUND]
            booked.send(partial(receiver.post, 200), some)
            again.send(partial(receiver.post, 200), some)
            # From an address that true notices come from: any other one is soon cut off and hears no refusal.
            refused.send(partial(receiver.post, 400), [ReceivedNotice(post.source, post.body) for post in some])
            bare.send(partial(plain.post, 200), some)
    number, comparison = str(GOAL_NUMBER), f"bare Starlette + one INSERT {bare.format_figures()}"
    for what, sent in (("booked", booked), ("come again", again), ("refused", refused)):
        ratio = format_ratio(sent.compute_median_seconds_per_item() / bare.compute_median_seconds_per_item())
        yield ReportRow(
            number, f"receiver: notices {what}, {engine}", sent.format_figures(), "–", comparison, ratio, "–", None
        )


class ServerConnections:
    """A running server, and one connection of each thread of this process to it."""

    def __init__(self, port: int, opened: ExitStack) -> None:
        self._port, self._opened, self._threads = port, opened, local()

    def post(self, status: int, post: ReceivedNotice) -> None:
        """Send the notice. Raises AssertionError if the HTTP status isn't `status`."""
        connection = self._get_connection()
        connection.request("POST", f"/notices/{post.source}", post.body, dict(post.headers))
        answer = connection.getresponse()
        answer.read()
        if answer.status != status:
            raise AssertionError(f"{answer.status} instead of {status}")

    def _get_connection(self) -> http.client.HTTPConnection:
        if not hasattr(self._threads, "line"):
            self._threads.line = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
            self._opened.callback(self._threads.line.close)
        connection: http.client.HTTPConnection = self._threads.line
        return connection


@contextmanager
def start_server(parameters: Mapping[str, Any]) -> Iterator[ServerConnections]:
    """Start a server in a child process, yield the connections to it, and stop it at the end of the block.
    `parameters` has the parameters of the server (see receiver_child.py)."""
    command = [sys.executable, "-m", "tests.bench.receiver_child"]
    with (
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child,
        ExitStack() as opened,
    ):
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(json.dumps(parameters) + "\n")
        child.stdin.flush()
        try:
            yield ServerConnections(json.loads(child.stdout.readline())["port"], opened)
        finally:
            child.stdin.close()
