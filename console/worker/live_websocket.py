"""`/live`: other programs see at once where things stand, then each change. One reader of the feed serves all of
them; a listener that can't keep up is dropped and begins again with a snapshot.
"""

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import replace

from starlette.websockets import WebSocket

from console.app import Console
from console.domain.dates import instant_text
from console.domain.errors import ConsoleError
from console.domain.results import FeedMark
from console.services.live_view import CHANNELS, Glimpse, Snapshot
from console.worker.limits import Busy, Lane, Options
from console.worker.metrics import Metrics

TOKEN = "LIVE_TOKEN"  # noqa: S105  # the name of the secret
SHORTEST_TOKEN = 16
REFUSED, GOING_AWAY, COME_AGAIN = 1008, 1001, 1013
_REMEMBERED = 1_000
"""Records of which the last word is remembered; as many as one reading of the feed tells of."""
_log = logging.getLogger("console.worker")


def read_token(console: Console) -> bytes | None:
    """The hash of the channel's token; None, and a line in the log, where there is none. Raises bad_profile for one
    that could be guessed.
    """
    token = console.settings.secret(TOKEN)
    if not token:
        _log.warning("/live is closed: there is no channel token (CONSOLE_SECRET_%s)", TOKEN)
        return None
    if len(token) < SHORTEST_TOKEN:
        raise ConsoleError("bad_profile", {"variable": f"CONSOLE_SECRET_{TOKEN}", "problem": "token_short"})
    return _hash(token)


def _hash(token: str) -> bytes:
    """Of equal length for every token, so that comparing tells nothing of it."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


class News:
    """What changed between two readings of the feed; the text for all who hear the same is made once."""

    def __init__(self, changed: Collection[Glimpse]) -> None:
        self._changed = changed
        self._texts: dict[frozenset[str], str | None] = {}

    def text(self, channels: frozenset[str], known: dict[tuple[str, int], Glimpse]) -> str | None:
        """The message for a listener; None where nothing in it is news. `known`: what its snapshot said of records
        that it has not been told of since: those of the same or an older version are left out, others forgotten.
        """
        old = [one for one in self._changed if known and _is_old(one, known.pop((one.kind, one.id), None), known)]
        if old:
            return changes_text([one for one in self._changed if one not in old], channels)
        if channels not in self._texts:
            self._texts[channels] = changes_text(self._changed, channels)
        return self._texts[channels]


def _is_old(one: Glimpse, before: Glimpse | None, known: dict[tuple[str, int], Glimpse]) -> bool:
    """Whether the snapshot has it; then the snapshot's word goes on to count."""
    if before is None or one.version is None or before.version is None:
        return False
    old = one.version < before.version or one == replace(before, since=None)
    if old:
        known[one.kind, one.id] = before
    return old


class Listener:
    """One client: the channels that it asked for, and the news that waits for it."""

    def __init__(self, channels: frozenset[str], backlog: int) -> None:
        self.channels = channels
        self.waiting: asyncio.Queue[News] = asyncio.Queue(backlog)
        self.over = asyncio.Event()

    def tell(self, news: News) -> bool:
        """False where it has not taken what came before."""
        try:
            self.waiting.put_nowait(news)
        except asyncio.QueueFull:
            self.over.set()
            return False
        return True


class Hub:
    """Reads the feed while anybody listens, and tells everybody."""

    def __init__(self, console: Console, options: Options, lane: Lane, metrics: Metrics) -> None:
        self._console, self._options, self._lane, self._metrics = console, options, lane, metrics
        self._listeners: set[Listener] = set()
        self._joining = asyncio.Lock()
        self._mark: FeedMark | None = None
        self._told: dict[tuple[str, int], Glimpse] = {}
        self._poller: asyncio.Task[None] | None = None

    async def join(self, channels: frozenset[str]) -> Listener:
        """From here on nothing is missed. Raises Busy, or ConsoleError where the database doesn't answer."""
        if len(self._listeners) >= self._options.live_clients:
            raise Busy
        async with self._joining:
            if self._poller is None:
                self._mark, _ = await self._read(None)
                self._told.clear()
                self._poller = asyncio.create_task(self._poll())
            listener = Listener(channels, self._options.live_backlog)
            self._listeners.add(listener)
        self._metrics.live_clients.set(len(self._listeners))
        return listener

    def leave(self, listener: Listener) -> None:
        self._listeners.discard(listener)
        self._metrics.live_clients.set(len(self._listeners))
        if not self._listeners and self._poller is not None and not self._joining.locked():
            self._poller.cancel()
            self._poller = None

    async def snapshot(self) -> Snapshot:
        return await self._lane.run(self._read_snapshot)

    def _read_snapshot(self) -> Snapshot:
        with self._console.acting("worker"):
            return self._console.live.snapshot()

    async def _read(self, mark: FeedMark | None) -> tuple[FeedMark, tuple[Glimpse, ...]]:
        def read() -> tuple[FeedMark, tuple[Glimpse, ...]]:
            with self._console.acting("worker"):
                return self._console.live.changes(mark)

        return await self._lane.run(read)

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._options.live_seconds)
            try:
                self._mark, changed = await self._read(self._mark)
            except Exception as trouble:  # the next reading goes on from the same mark
                _log.info("the feed could not be read: %s", type(trouble).__name__)
                continue
            if changed:
                self._tell(changed)

    def _tell(self, changed: tuple[Glimpse, ...]) -> None:
        fresh = [one for one in changed if self._is_fresh(one)]
        if not fresh:
            return
        news = News(fresh)
        for listener in list(self._listeners):
            if not listener.tell(news):
                self._listeners.discard(listener)
                self._metrics.live_dropped.inc()

    def _is_fresh(self, one: Glimpse) -> bool:
        """Two rows of the feed that were written while one reading looked at their record tell the same."""
        key = (one.kind, one.id)
        told = self._told.pop(key, None)
        self._told[key] = one
        if len(self._told) > _REMEMBERED:
            del self._told[next(iter(self._told))]
        return one.version is None or one != told

    async def close(self) -> None:
        for listener in list(self._listeners):
            listener.over.set()
        if self._poller is not None:
            self._poller.cancel()
            with suppress(asyncio.CancelledError):
                await self._poller


class Live:
    """The door of `/live`."""

    def __init__(self, hub: Hub, options: Options, token: bytes | None) -> None:
        self._hub, self._options, self._token = hub, options, token
        self.closing = False

    async def answer(self, websocket: WebSocket) -> None:
        channels = _channels(websocket.query_params.getlist("channels"))
        header = websocket.headers.get("authorization")
        if self._token is None or channels is None or (header is not None and not self._knows(_bearer(header))):
            await websocket.close(REFUSED)  # before it is accepted: 403
            return
        await websocket.accept()
        if header is None and not self._knows(await self._first_message(websocket)):
            await _say_goodbye(websocket, REFUSED)
            return
        try:
            listener = await self._hub.join(channels)
        except (Busy, ConsoleError):
            await _say_goodbye(websocket, COME_AGAIN)
            return
        try:
            await self._serve(websocket, listener)
        finally:
            self._hub.leave(listener)

    def _knows(self, token: str | None) -> bool:
        return self._token is not None and hmac.compare_digest(_hash(token or ""), self._token)

    async def _first_message(self, websocket: WebSocket) -> str | None:
        """`{"token": "…"}` or the token by itself; None where nothing comes in time."""
        try:
            async with asyncio.timeout(self._options.head_seconds):
                said = (await websocket.receive()).get("text")
        except TimeoutError:
            return None
        return None if said is None else _token_in(said)

    async def _serve(self, websocket: WebSocket, listener: Listener) -> None:
        """Until the client goes, falls behind, or the receiver ends."""
        tasks = [
            asyncio.create_task(self._send(websocket, listener)),
            asyncio.create_task(_until_gone(websocket)),
            asyncio.create_task(listener.over.wait()),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if tasks[1] not in done:
            await _say_goodbye(websocket, GOING_AWAY if self.closing else COME_AGAIN)

    async def _send(self, websocket: WebSocket, listener: Listener) -> None:
        snapshot = await self._hub.snapshot()
        await websocket.send_text(snapshot_text(snapshot, listener.channels))
        known = {(one.kind, one.id): one for items in snapshot.items.values() for one in items}
        while True:
            text = (await listener.waiting.get()).text(listener.channels, known)
            if text is not None:
                await websocket.send_text(text)


async def _until_gone(websocket: WebSocket) -> None:
    """Whatever a client says after its token means nothing."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass


async def _say_goodbye(websocket: WebSocket, code: int) -> None:
    """To whoever listens; one that doesn't read is not waited for."""
    with suppress(Exception):
        async with asyncio.timeout(1):
            await websocket.close(code)


def _bearer(header: str) -> str | None:
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _token_in(said: str) -> str | None:
    if not said.lstrip().startswith("{"):
        return said.strip()
    try:
        token = json.loads(said).get("token")
    except (ValueError, RecursionError):
        return None
    return token if isinstance(token, str) else None


def _channels(asked: Collection[str]) -> frozenset[str] | None:
    """Those of `?channels=payment,refund`; all of them where none is named, None for one that doesn't exist."""
    named = frozenset(name for text in asked for name in text.split(",")) or frozenset(CHANNELS)
    return named if named <= frozenset(CHANNELS) else None


def snapshot_text(snapshot: Snapshot, channels: frozenset[str]) -> str:
    """The first message."""
    queues = [
        {
            "queue": one.queue,
            "count": one.count,
            "capped": one.capped,
            "oldest": instant_text(one.oldest) if one.oldest else None,
            "items": _shown(snapshot.items.get(one.queue, ()), channels),
        }
        for one in snapshot.counts
    ]
    return json.dumps({"type": "snapshot", "queues": queues})


def changes_text(changed: Iterable[Glimpse], channels: frozenset[str]) -> str | None:
    """A later message; None where none of the channels is concerned."""
    shown = _shown(changed, channels)
    return json.dumps({"type": "changes", "changes": shown}) if shown else None


def _shown(glimpses: Iterable[Glimpse], channels: frozenset[str]) -> list[dict[str, object]]:
    return [_object(one) for one in glimpses if one.kind in channels]


def _object(one: Glimpse) -> dict[str, object]:
    return {
        "kind": one.kind,
        "id": one.id,
        "state": one.state,
        "certainty": one.certainty,
        "work": one.work,
        "reason": one.reason,
        "version": one.version,
        "since": instant_text(one.since) if one.since else None,
    }
