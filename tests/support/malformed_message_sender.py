"""Sends malformed messages to a receiver of notices, from a process of its own and at a fixed rate, and holds slow
connections open that never finish their requests.

The program reads its parameters (AttackParameters) as one line of JSON from standard input, and prints the received
answers as one line of JSON.
"""

import asyncio
import json
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass

from tests.support.malformed_messages import KIND_NAMES, MalformedMessage, make_message
from tests.support.waiting import MAX_WAIT_SECONDS

ANSWERED_KINDS = tuple(name for name in KIND_NAMES if name != "less than it said")
"""Kinds of messages that always get an answer, unless the receiver has no place for their connection."""


@dataclass(frozen=True, slots=True)
class AttackParameters:
    """Parameters of the sent messages. For `seconds` seconds, the program sends `messages_per_second` messages per
    second from `address_count` addresses of 127.0.2.0/24. At the same time `slow_connection_count` connections from
    127.0.3.0/24 send requests that never end. A slow connection that the receiver closes is opened again. On a busy
    machine the program continues until each kind of message has got an answer (ANSWERED_KINDS) and all slow
    connections have been opened, at most MAX_WAIT_SECONDS longer.
    """

    port: int
    seconds: float
    messages_per_second: float = 0.0
    slow_connection_count: int = 0
    address_count: int = 8
    seed: int = 0


class MessageConnection(asyncio.Protocol):
    """Sends one message on a connection of its own, and collects the answer until the receiver closes the connection.
    If the receiver doesn't close it within MAX_WAIT_SECONDS, this class closes it, and the answer is a text that says
    so."""

    def __init__(self, message: MalformedMessage, end_future: "asyncio.Future[bytes]") -> None:
        self._message, self._end_future = message, end_future
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._timer = asyncio.get_running_loop().call_later(MAX_WAIT_SECONDS, self._give_up, transport)
        transport.write(self._message.sent_bytes)
        if self._message.closes_connection:
            with suppress(OSError):  # the receiver has closed the connection already
                transport.write_eof()

    def _give_up(self, transport: asyncio.Transport) -> None:
        self._answer = b"nothing for %d seconds" % MAX_WAIT_SECONDS
        transport.abort()

    def data_received(self, data: bytes) -> None:
        self._answer += data[:4_096]

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        self._end_future.set_result(self._answer)


def remove_date_header(answer: bytes) -> str:
    """Return the answer as text without its header `Date`, which changes every second."""
    lines = [line for line in answer.split(b"\r\n") if not line.lower().startswith(b"date:")]
    return b"\r\n".join(lines).decode("latin-1")


async def send_messages(parameters: AttackParameters) -> dict[str, Counter[str]]:
    """Send the messages. Return, by kind of message, how many times each answer was received; an empty answer means
    that the receiver refused or closed the connection without one. Each message is sent at its planned time, without
    waiting for the answers to others. If this process is too slow, it sends fewer messages; at the end it sends a
    kind of message again that has got no answer yet (ANSWERED_KINDS). The key `all` has one entry instead of answers:
    a text with the reached rate (messages per second), and the number of sent messages."""
    loop, chance = asyncio.get_running_loop(), random.Random(parameters.seed)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    tasks: set[asyncio.Task[None]] = set()
    begun, n = loop.time(), 0
    while (now := loop.time() - begun) < parameters.seconds and parameters.messages_per_second:
        if n / parameters.messages_per_second > now:
            await asyncio.sleep(n / parameters.messages_per_second - now)
        task = loop.create_task(
            _send_planned_message(parameters, make_message(KIND_NAMES[n % len(KIND_NAMES)], chance), counts, n)
        )
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        n += 1
        if n % 20 == 0:
            await asyncio.sleep(0)
    while tasks:
        await asyncio.wait(tasks)
    counts["all"][f"{n / parameters.seconds:.0f} a second"] = n
    deadline = loop.time() + MAX_WAIT_SECONDS
    for name in ANSWERED_KINDS if parameters.messages_per_second else ():
        while not set(counts[name]) - {""} and loop.time() < deadline:
            await asyncio.sleep(0.1)
            await _send_planned_message(parameters, make_message(name, chance), counts, n)
    return counts


async def _send_planned_message(
    parameters: AttackParameters, message: MalformedMessage, counts: dict[str, Counter[str]], n: int
) -> None:
    ended: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    source = (f"127.0.2.{n % parameters.address_count + 1}", 0)
    try:
        await _open_connection(lambda: MessageConnection(message, ended), parameters.port, source)
        counts[message.kind][remove_date_header(await ended)] += 1
    except OSError:
        counts[message.kind][""] += 1


async def _open_connection(make_protocol: Callable[[], asyncio.Protocol], port: int, source: tuple[str, int]) -> None:
    await asyncio.get_running_loop().create_connection(make_protocol, "127.0.0.1", port, local_addr=source)


class SlowConnection(asyncio.Protocol):
    """A slow connection with the beginning of a request, which never ends. The number `n` chooses one of five
    beginnings, one of which is empty. After two of them a byte is sent every half second, after the others nothing
    more."""

    def __init__(self, n: int, ended: Callable[[], None]) -> None:
        self._n, self._ended = n, ended
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        head = b"POST /notices/bank HTTP/1.1\r\nhost: a\r\n"
        chunked = head + b"transfer-encoding: chunked\r\n\r\n"
        begins = (head, head + b"content-length: 9000\r\n\r\n{", b"G", b"", chunked)
        transport.write(begins[self._n % len(begins)])
        self._send_byte(transport)

    def _send_byte(self, transport: asyncio.Transport) -> None:
        transport.write(b"x" if self._n % 5 < 2 else b"")
        self._timer = asyncio.get_running_loop().call_later(0.5, self._send_byte, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._ended()


async def keep_slow_connections(parameters: AttackParameters) -> dict[str, Counter[str]]:
    """Hold the slow connections open for the duration of the attack. Return the number of opened connections as
    {"slow": {"begun": number}}, or {} if none was opened."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    loop, count = asyncio.get_running_loop(), parameters.slow_connection_count
    if count == 0:
        return counts
    connections = asyncio.gather(*(_keep_slow_connection(parameters, n, counts) for n in range(count)))
    begun = loop.time()
    while (now := loop.time() - begun) < parameters.seconds or (
        now < parameters.seconds + MAX_WAIT_SECONDS and counts["slow"]["begun"] < count
    ):
        await asyncio.sleep(0.05)
    connections.cancel()
    with suppress(asyncio.CancelledError):
        await connections
    return counts


async def _keep_slow_connection(parameters: AttackParameters, n: int, counts: dict[str, Counter[str]]) -> None:
    source = (f"127.0.3.{n % parameters.address_count + 1}", 0)
    while True:
        ended = asyncio.Event()
        try:
            await _open_connection(lambda ended=ended: SlowConnection(n, ended.set), parameters.port, source)  # type: ignore[misc]
        except OSError:
            await asyncio.sleep(0.1)
            continue
        counts["slow"]["begun"] += 1
        await ended.wait()


async def _send_and_keep_slow(parameters: AttackParameters) -> dict[str, Counter[str]]:
    """Send malformed messages and keep slow connections open at the same time. Return the counts of both by their
    names.
    """
    message_counts, slow_counts = await asyncio.gather(send_messages(parameters), keep_slow_connections(parameters))
    return message_counts | slow_counts


def format_parameters(parameters: AttackParameters) -> str:
    """Return the parameters as the line of JSON that this program reads from standard input."""
    return json.dumps(asdict(parameters)) + "\n"


def main() -> None:
    attack = AttackParameters(**json.loads(sys.stdin.readline()))
    print(json.dumps(asyncio.run(_send_and_keep_slow(attack))), flush=True)


if __name__ == "__main__":
    main()
