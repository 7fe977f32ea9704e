"""The WebSocket `/live`: a listener (another program) receives a snapshot of the queues, then each change of a
record.

The worker reads the change feed of the database once for all listeners. A listener that reads too slowly is
disconnected; when it connects again, it first receives a new snapshot.
"""

import asyncio
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

from starlette.websockets import WebSocket

from console.app import Console
from console.domain.calendar_days import format_instant
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.service_results import FeedMark
from console.domain.setting_problems import SettingProblem
from console.services.monitoring.live_feed import LIVE_FEED_CHANNELS, LiveFeedSnapshot, RecordSummary
from console.services.payment_intake.rate_limit import TokenBucket
from console.worker.connection_limits import (
    NoCapacity,
    ReceiverOptions,
    SenderAddressFinder,
    ServiceCallThreads,
    count_request,
)
from console.worker.prometheus_metrics import WorkerMetrics

LIVE_TOKEN_SECRET_NAMES = ("LIVE_TOKEN", "LIVE_TOKEN_OLD")
"""Names of the secrets with the tokens of `/live`: the present token, and the previous one, which is accepted while
listeners still use it.
"""
MIN_LIVE_TOKEN_CHARACTERS = 16
# Close codes of a WebSocket (RFC 6455).
REFUSED_CLOSE_CODE = 1008
GOING_AWAY_CLOSE_CODE = 1001
TRY_LATER_CLOSE_CODE = 1013
LIVE_TOKEN_RELOAD_SECONDS = 60.0
"""Seconds after which the tokens of `/live` are read from the settings (environment or keyring) again."""
MAX_AUDITED_REFUSALS = 5
"""Largest number of audit entries about refused listeners that a process writes immediately."""
AUDITED_REFUSALS_PER_SECOND = 1 / 60
"""Rate at which a process writes audit entries about refused listeners after the first MAX_AUDITED_REFUSALS."""
_MAX_LAST_SENT_RECORDS = 1_000
"""Largest number of records for which `LiveFeedHub` stores the last sent state. An equal change of another record may
be sent twice.
"""
_log = logging.getLogger("console.worker")


def read_live_feed_tokens(console: Console) -> tuple[bytes, ...]:
    """Return the SHA-256 hashes of the valid tokens of `/live`.

    Raises ConsoleError `bad_profile` for a token of fewer than MIN_LIVE_TOKEN_CHARACTERS characters.
    """
    hashes = []
    for name in LIVE_TOKEN_SECRET_NAMES:
        token = console.settings.read_secret(name)
        if token and len(token) < MIN_LIVE_TOKEN_CHARACTERS:
            raise ConsoleError(
                ErrorCode.BAD_PROFILE,
                {"variable": f"CONSOLE_SECRET_{name}", "problem": SettingProblem.TOKEN_TOO_SHORT},
            )
        hashes += [_hash_token(token)] if token else []
    return tuple(hashes)


def _hash_token(token: str) -> bytes:
    """Return the SHA-256 hash of a token. All hashes have the same length, so that comparing them reveals nothing
    about the length of the token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


class LiveFeedChanges:
    """The changes that one reading of the change feed returned. The message about them is encoded only once for
    all listeners with the same channels (record kinds)."""

    def __init__(self, changes: Collection[RecordSummary]) -> None:
        self._changes = changes
        self._text_by_channels: dict[frozenset[str], str | None] = {}

    def make_message_text(
        self, channels: frozenset[str], snapshot_versions: dict[tuple[str, int], RecordSummary]
    ) -> str | None:
        """Return the message for a listener with these channels (record kinds); None if the message would contain
        nothing new.

        `snapshot_versions` has the records of the listener's snapshot, by kind and id, without those that a later
        message has already replaced. A change that equals its record in `snapshot_versions` (except `since`) or has
        an older version is left out. For any other change, the record's entry in `snapshot_versions` is removed.
        """
        changes_in_snapshot = {
            change
            for change in self._changes
            if snapshot_versions
            and _restore_if_in_snapshot(
                change, snapshot_versions.pop((change.kind, change.id), None), snapshot_versions
            )
        }
        if changes_in_snapshot:
            return make_changes_text(
                [change for change in self._changes if change not in changes_in_snapshot], channels
            )
        if channels not in self._text_by_channels:
            self._text_by_channels[channels] = make_changes_text(self._changes, channels)
        return self._text_by_channels[channels]


def _restore_if_in_snapshot(
    change: RecordSummary,
    snapshot_version: RecordSummary | None,
    snapshot_versions: dict[tuple[str, int], RecordSummary],
) -> bool:
    """True if the listener's snapshot contained the record as in `change` (except `since`), or a newer version.

    The caller has removed the record from `snapshot_versions` and passes it as `snapshot_version` (None: the snapshot
    doesn't contain it). If the result is True, this function puts it into `snapshot_versions` again. The result is
    False if `change` or `snapshot_version` has no version.
    """
    if snapshot_version is None or change.version is None or snapshot_version.version is None:
        return False
    is_in_snapshot = change.version < snapshot_version.version or change == replace(snapshot_version, since=None)
    if is_in_snapshot:
        snapshot_versions[change.kind, change.id] = snapshot_version
    return is_in_snapshot


class LiveFeedListener:
    """One connected listener of `/live`: its channels (record kinds), and the queue of the messages that are to be
    sent to it."""

    def __init__(self, channels: frozenset[str], max_queue_length: int) -> None:
        self.channels = channels
        self.message_queue: asyncio.Queue[LiveFeedChanges] = asyncio.Queue(max_queue_length)
        self.end_event = asyncio.Event()

    def enqueue(self, feed_changes: LiveFeedChanges) -> bool:
        """Add the changes to the listener's queue, and return True. If the queue is full, disconnect the listener
        and return False."""
        try:
            self.message_queue.put_nowait(feed_changes)
        except asyncio.QueueFull:
            self.end_event.set()
            return False
        return True


class LiveFeedHub:
    """Reads the change feed of the database while any listener is connected, and sends the changes to all
    listeners."""

    def __init__(
        self, console: Console, options: ReceiverOptions, threads: ServiceCallThreads, metrics: WorkerMetrics
    ) -> None:
        self._console, self._options, self._threads, self._metrics = console, options, threads, metrics
        self._listeners: set[LiveFeedListener] = set()
        self._join_lock = asyncio.Lock()
        self._feed_mark: FeedMark | None = None
        self._last_sent: dict[tuple[str, int], RecordSummary] = {}
        self._poller: asyncio.Task[None] | None = None

    async def add_listener(self, channels: frozenset[str]) -> LiveFeedListener:
        """Add a listener for these channels (record kinds), and return it. It receives every change from now on.

        Raises NoCapacity if there are too many listeners or the thread pool is full, ConsoleError if the database is
        unreachable.
        """
        async with self._join_lock:
            if len(self._listeners) >= self._options.max_live_clients:
                raise NoCapacity
            if self._poller is None:
                self._feed_mark, _ = await self._read_changes(None)
                self._last_sent.clear()
                self._poller = asyncio.create_task(self._poll_feed())
            listener = LiveFeedListener(channels, self._options.max_live_queue_length)
            self._listeners.add(listener)
        self._metrics.live_client_gauge.set(len(self._listeners))
        return listener

    def remove_listener(self, listener: LiveFeedListener) -> None:
        """Remove a listener. Stop reading the change feed if this was the last listener."""
        self._listeners.discard(listener)
        self._metrics.live_client_gauge.set(len(self._listeners))
        if not self._listeners and self._poller is not None and not self._join_lock.locked():
            self._poller.cancel()
            self._poller = None

    async def read_snapshot(self) -> LiveFeedSnapshot:
        """Return the counts and the first records of all queues.

        Raises NoCapacity if the thread pool is full, ConsoleError if the database is unreachable.
        """
        return await self._threads.run(self._read_snapshot)

    def _read_snapshot(self) -> LiveFeedSnapshot:
        """Return the counts and the first records of all queues. Blocks the calling thread, one of the thread
        pool."""
        with self._console.acting_as("worker"):
            return self._console.live_feed.read_snapshot()

    async def _read_changes(self, mark: FeedMark | None) -> tuple[FeedMark, tuple[RecordSummary, ...]]:
        def read_as_worker() -> tuple[FeedMark, tuple[RecordSummary, ...]]:
            with self._console.acting_as("worker"):
                return self._console.live_feed.read_changes(mark)

        return await self._threads.run(read_as_worker)

    async def _poll_feed(self) -> None:
        """Read the change feed every `live_interval_seconds` until cancelled, and send the changes to all listeners.
        After a failed reading, the next one begins at the same position. If no reading succeeds for
        `max_live_outage_seconds`, or if the feed has lost rows, disconnect all listeners: they may have outdated
        states, and connect again for a snapshot."""
        loop = asyncio.get_running_loop()
        read_at = loop.time()
        while True:
            await asyncio.sleep(self._options.live_interval_seconds)
            try:
                mark, changes = await self._read_changes(self._feed_mark)
            except Exception as error:  # the next reading begins at the same position
                _log.info("the feed could not be read: %s", type(error).__name__)
                if loop.time() - read_at > self._options.max_live_outage_seconds:
                    self._disconnect_listeners()
                continue
            if self._feed_mark is not None and mark.newest_id < self._feed_mark.newest_id:
                self._disconnect_listeners()
            self._feed_mark, read_at = mark, loop.time()
            if changes:
                self._broadcast_changes(changes)

    def _broadcast_changes(self, changes: tuple[RecordSummary, ...]) -> None:
        """Add the changes that were not sent before to the queue of each listener. A listener whose queue is full is
        removed."""
        unsent_changes = [change for change in changes if self._remember_if_unsent(change)]
        if not unsent_changes:
            return
        feed_changes = LiveFeedChanges(unsent_changes)
        for listener in list(self._listeners):
            if not listener.enqueue(feed_changes):
                self._listeners.discard(listener)
                self._metrics.dropped_client_counter.inc()

    def _remember_if_unsent(self, change: RecordSummary) -> bool:
        """Remember this change as the last one sent about its record. Return False if the change sent before was
        equal and has a version, because two rows of the change feed can be about the same version; otherwise True."""
        key = (change.kind, change.id)
        last_sent = self._last_sent.pop(key, None)
        self._last_sent[key] = change
        if len(self._last_sent) > _MAX_LAST_SENT_RECORDS:
            del self._last_sent[next(iter(self._last_sent))]
        return change.version is None or change != last_sent

    def _disconnect_listeners(self) -> None:
        for listener in list(self._listeners):
            listener.end_event.set()

    async def close(self) -> None:
        """Disconnect all listeners and stop reading the change feed."""
        self._disconnect_listeners()
        if self._poller is not None:
            self._poller.cancel()
            with suppress(asyncio.CancelledError):
                await self._poller


class LiveFeedEndpoint:
    """The WebSocket endpoint `/live` of the receiver. It refuses a request without a valid token."""

    def __init__(
        self,
        hub: LiveFeedHub,
        options: ReceiverOptions,
        console: Console,
        threads: ServiceCallThreads,
        sender_addresses: SenderAddressFinder,
    ) -> None:
        """Read the tokens by which listeners of `/live` sign in, from the console's secrets. Raises `bad_profile` for
        a token that is too short. If no token is configured, log a warning and refuse every listener."""
        self._hub, self._options, self._console, self._threads, self._sender_addresses = (
            hub,
            options,
            console,
            threads,
            sender_addresses,
        )
        self._tokens, self._tokens_read_at = read_live_feed_tokens(console), time.monotonic()
        if not self._tokens:
            _log.warning("/live is closed: there is no channel token (CONSOLE_SECRET_%s)", LIVE_TOKEN_SECRET_NAMES[0])
        self._refusal_limit = TokenBucket(MAX_AUDITED_REFUSALS, AUDITED_REFUSALS_PER_SECOND)
        self.is_closing = False

    async def serve_listener(self, websocket: WebSocket) -> None:
        """Serve one WebSocket connection until it ends: check its token and channels, then send it the snapshot and
        each change. The endpoint refuses a listener without a valid token or with an unknown channel, and writes an
        audit entry about the refusal, at a limited rate. If there are too many listeners or the database can't be
        read, it tells the listener to try again later."""
        await self._reload_tokens()
        channels = _parse_channels(websocket.query_params.getlist("channels"))
        headers = websocket.headers.getlist("authorization")
        reason = self._find_refusal_reason(headers, channels)
        if reason is not None:
            count_request(websocket, is_genuine=False)
            await websocket.close(
                REFUSED_CLOSE_CODE
            )  # closed before the handshake is accepted: the listener receives 403
            await self._record_refusal(websocket, reason)
            return
        assert channels is not None  # noqa: S101  # _find_refusal_reason has refused None
        await websocket.accept()
        token = _parse_bearer_token(headers[0]) if headers else await self._receive_token(websocket)
        if not self._is_valid_token(token):
            count_request(websocket, is_genuine=False)
            await _close_websocket(websocket, REFUSED_CLOSE_CODE)
            await self._record_refusal(websocket, "token")
            return
        count_request(websocket, is_genuine=True)
        try:
            listener = await self._hub.add_listener(channels)
        except (NoCapacity, ConsoleError):
            await _close_websocket(websocket, TRY_LATER_CLOSE_CODE)
            return
        try:
            await self._send_until_end(websocket, listener, token)
        finally:
            self._hub.remove_listener(listener)

    def _find_refusal_reason(self, headers: Sequence[str], channels: frozenset[str] | None) -> str | None:
        """Return the code of the reason for which a request of a listener is refused: `closed` (no token is
        configured), `header_twice`, `token` (the token is not valid) or `channels`. `headers` are the values of its
        header Authorization, `channels` the record kinds that it names (None: one of them is unknown). Return None
        if its token is valid, or if it has no such header and may send the token as its first message."""
        if not self._tokens:
            return "closed"
        if len(headers) > 1:
            return "header_twice"
        if headers and not self._is_valid_token(_parse_bearer_token(headers[0])):
            return "token"
        return "channels" if channels is None else None

    def _is_valid_token(self, token: str | None) -> bool:
        """True if `token` is one of the valid tokens; False for None (the request has no token). The text is always
        compared with all valid tokens, in constant time, so that an attacker can't learn a token from the duration.
        """
        digest = _hash_token(token or "")
        return sum(hmac.compare_digest(digest, known_hash) for known_hash in self._tokens) > 0

    async def _reload_tokens(self) -> None:
        """Read the tokens from the settings again if they were last read at least LIVE_TOKEN_RELOAD_SECONDS ago, so
        that people can replace a token in the keyring without a restart of the worker.
        """
        if time.monotonic() - self._tokens_read_at < LIVE_TOKEN_RELOAD_SECONDS:
            return
        self._tokens_read_at = time.monotonic()
        with suppress(NoCapacity, ConsoleError):  # on failure the tokens read before stay valid
            self._tokens = await self._threads.run(lambda: read_live_feed_tokens(self._console))

    async def _record_refusal(self, websocket: WebSocket, reason: str) -> None:
        """Write an audit entry about the refused listener with the code `reason`, unless too many such entries were
        written recently or no token is configured."""
        skipped_count = self._refusal_limit.take_token(time.monotonic())
        if skipped_count is None or reason == "closed":
            return
        remote_host = websocket.client.host if websocket.client else None
        origin = self._sender_addresses.find_sender_address(remote_host, websocket.headers.getlist("x-forwarded-for"))
        with suppress(NoCapacity, ConsoleError):
            await self._threads.run(lambda: self._write_refusal_entry(reason, origin, skipped_count))

    def _write_refusal_entry(self, reason: str, origin: str | None, skipped_count: int) -> None:
        with self._console.acting_as("worker"):
            self._console.live_feed.audit_refused_listener(reason, origin, skipped_count)

    async def _receive_token(self, websocket: WebSocket) -> str | None:
        """Return the token in the listener's first message, which is `{"token": "…"}` or the token alone. Return None
        if no message arrives within `head_timeout_seconds`, or if the message contains no token."""
        try:
            async with asyncio.timeout(self._options.head_timeout_seconds):
                text = (await websocket.receive()).get("text")
        except TimeoutError:
            return None
        return None if text is None else _parse_token_message(text)

    async def _send_until_end(self, websocket: WebSocket, listener: LiveFeedListener, token: str | None) -> None:
        """Send the changes until the listener disconnects, reads too slowly, its token is replaced, or the receiver
        stops."""
        tasks = [
            asyncio.create_task(self._send_messages(websocket, listener)),
            asyncio.create_task(_await_disconnect(websocket)),
            asyncio.create_task(listener.end_event.wait()),
            asyncio.create_task(self._await_replaced_token(token)),
        ]
        try:
            ended_tasks, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if tasks[3] in ended_tasks:
            await _close_websocket(websocket, REFUSED_CLOSE_CODE)
        elif tasks[1] not in ended_tasks:
            await _close_websocket(websocket, GOING_AWAY_CLOSE_CODE if self.is_closing else TRY_LATER_CLOSE_CODE)

    async def _await_replaced_token(self, token: str | None) -> None:
        """Wait until the token of a connected listener is no longer valid. The tokens are read again every
        LIVE_TOKEN_RELOAD_SECONDS."""
        while self._is_valid_token(token):
            await asyncio.sleep(LIVE_TOKEN_RELOAD_SECONDS)
            await self._reload_tokens()

    async def _send_messages(self, websocket: WebSocket, listener: LiveFeedListener) -> None:
        snapshot = await self._hub.read_snapshot()
        await websocket.send_text(make_snapshot_text(snapshot, listener.channels))
        snapshot_versions = {
            (summary.kind, summary.id): summary for items in snapshot.items.values() for summary in items
        }
        while True:
            text = (await listener.message_queue.get()).make_message_text(listener.channels, snapshot_versions)
            if text is not None:
                await websocket.send_text(text)


async def _await_disconnect(websocket: WebSocket) -> None:
    """Ignore all messages of the listener until it disconnects."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass


async def _close_websocket(websocket: WebSocket, code: int) -> None:
    """Close the WebSocket with the close code `code`. Wait at most one second for a listener that does not read."""
    with suppress(Exception):
        async with asyncio.timeout(1):
            await websocket.close(code)


def _parse_bearer_token(header: str) -> str | None:
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _parse_token_message(text: str) -> str | None:
    if not text.lstrip().startswith("{"):
        return text.strip()
    try:
        token = json.loads(text).get("token")
    except (ValueError, RecursionError):
        return None
    return token if isinstance(token, str) else None


def _parse_channels(queries: Collection[str]) -> frozenset[str] | None:
    """Return the channels (record kinds) in a query such as `?channels=payment,refund`; all channels if the query has
    no `channels`. Return None if it names an unknown channel, or if `channels` is empty."""
    channels = frozenset(name for text in queries for name in text.split(",")) or frozenset(LIVE_FEED_CHANNELS)
    return channels if channels <= frozenset(LIVE_FEED_CHANNELS) else None


def make_snapshot_text(snapshot: LiveFeedSnapshot, channels: frozenset[str]) -> str:
    """Return the first message for a listener: the counts and first records of all queues. Records of other
    channels are left out."""
    queues = [
        {
            "queue": count.queue,
            "count": count.count,
            "capped": count.is_capped,
            "oldest": format_instant(count.oldest) if count.oldest else None,
            "items": _make_change_objects(snapshot.items.get(count.queue, ()), channels),
        }
        for count in snapshot.counts
    ]
    return json.dumps({"type": "snapshot", "queues": queues})


def make_changes_text(summaries: Iterable[RecordSummary], channels: frozenset[str]) -> str | None:
    """Return a message with the changes of these channels (record kinds); None if there is no such change."""
    objects = _make_change_objects(summaries, channels)
    return json.dumps({"type": "changes", "changes": objects}) if objects else None


def _make_change_objects(summaries: Iterable[RecordSummary], channels: frozenset[str]) -> list[dict[str, object]]:
    return [_make_change_object(summary) for summary in summaries if summary.kind in channels]


def _make_change_object(summary: RecordSummary) -> dict[str, object]:
    return {
        "kind": summary.kind,
        "id": summary.id,
        "state": summary.state,
        "certainty": summary.certainty,
        "work": summary.work,
        "reason": summary.reason,
        "version": summary.version,
        "since": format_instant(summary.since) if summary.since else None,
    }
