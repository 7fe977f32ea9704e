"""Tests of the Redis cache of the idempotency service: the entries that it accepts, the results that it forgets, and
the time limit of each wait for it.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from redis import Redis

from console.store.database.boot_clock import read_uptime_ms
from console.store.operations import idempotency_cache as caches
from console.store.operations import redis_client as redis_link
from console.store.operations.idempotency_cache import RedisIdempotencyCache
from console.store.operations.redis_client import ANSWER_TIMEOUT_SECONDS, LARGEST_ANSWER_BYTES, RedisClient, is_usable
from tests.providers.certificates import CertificateAuthority
from tests.store.strange_servers import start_strange_server
from tests.support.server_fixtures import require_server
from tests.support.servers import RedisServer, start_private_redis
from tests.support.waiting import MAX_WAIT_SECONDS, wait_until

IDEMPOTENCY_KEY, FINGERPRINT, RESULT = "idempotent:payment:M-1:ORD-1", "3300 JPY", '{"payment": 17}'
STORE_KEY = "a store key of enough characters"
CACHE_UNREACHABLE_MESSAGE = "the cache is unreachable ({}); only the database answers"


@contextmanager
def open_cache(
    url: str, database_id: str = "", store_key: str = STORE_KEY, caplog: pytest.LogCaptureFixture | None = None
) -> Iterator[RedisIdempotencyCache]:
    """Yield a connected cache for the database with this id ("": a new random id) and this store key. If the
    connection times out on a busy machine, the function connects another cache, and deletes the first one's
    message from `caplog`.
    """
    caches_made: list[RedisIdempotencyCache] = []

    def make_cache_and_connect() -> bool:
        caches_made.append(RedisIdempotencyCache(url, database_id or str(uuid4()), lambda: store_key))
        return caches_made[-1].connect()

    wait_until(make_cache_and_connect, "a connection to Redis")
    if len(caches_made) > 1 and caplog is not None:
        caplog.clear()
    caches_made[-1].refresh_epoch(lambda: "first")
    yield caches_made[-1]
    for cache in caches_made:
        cache.close()


@pytest.fixture
def database_id() -> str:
    return str(uuid4())


@pytest.fixture
def cache(redis_server: RedisServer, database_id: str) -> Iterator[RedisIdempotencyCache]:
    with open_cache(redis_server.url, database_id) as made:
        yield made


@pytest.fixture
def own_server() -> Iterator[RedisServer]:
    """Yield a Redis server for this test alone, which the test may kill and pause."""
    require_server("redis")
    with start_private_redis() as server:
        yield server


@pytest.fixture
def other_program_client(own_server: RedisServer) -> Iterator[Redis]:
    """Yield a Redis client of another program that may write to the same server."""
    with Redis.from_url(own_server.url) as client:
        yield client


class ManualUptime:
    """A clock of the machine's uptime that a test moves by hand. The time limit of an answer still uses the real
    time, plus the time that the test has added."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._ahead = 0
        patch.setattr(caches, "read_uptime_ms", lambda: 1_000_000 + self._ahead)
        patch.setattr(redis_link, "read_uptime_ms", lambda: read_uptime_ms() + self._ahead)

    def pass_seconds(self, seconds: float) -> None:
        self._ahead += int(seconds * 1000)


@pytest.fixture(autouse=True)
def uptime(monkeypatch: pytest.MonkeyPatch) -> ManualUptime:
    return ManualUptime(monkeypatch)


@pytest.fixture
def keep_short_time_limits() -> None:
    """Keep the real time limits of Redis for tests that check these limits."""


@pytest.fixture(autouse=True)
def _raise_time_limits(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raise the time limits of Redis in all tests without the fixture `keep_short_time_limits`, because the machine
    may be busy.
    """
    if "keep_short_time_limits" not in request.fixturenames:
        monkeypatch.setattr(redis_link, "ANSWER_TIMEOUT_SECONDS", 10.0)


def store_result(cache: RedisIdempotencyCache, result: str = RESULT, epoch: str = "first") -> None:
    cache.store_result(IDEMPOTENCY_KEY, FINGERPRINT, result, epoch)


def read_only_entry_name(client: Redis) -> bytes:
    """Return the name of the only entry that the server has."""
    (name,) = list_entry_names(client)
    return name


def list_entry_names(client: Redis) -> list[bytes]:
    names: Any = client.keys("sc:*")
    return list(names)


def read_entry(client: Redis, name: bytes) -> bytes:
    value: Any = client.get(name)
    return bytes(value)


# Answers that count


def test_a_final_result_is_found_in_the_cache(cache: RedisIdempotencyCache) -> None:
    """A lookup with the same key and fingerprint returns the stored result, and so does `announce_use`."""
    assert cache.find_result(IDEMPOTENCY_KEY, FINGERPRINT).result is None
    store_result(cache)
    assert cache.find_result(IDEMPOTENCY_KEY, FINGERPRINT).result == RESULT
    assert cache.announce_use(IDEMPOTENCY_KEY, FINGERPRINT).result == RESULT


def test_results_of_any_text_are_returned(cache: RedisIdempotencyCache) -> None:
    """The cache returns empty, Japanese and long results. It doesn't store a result that is too long; such a result
    is only in the database."""
    for result in ("", "架空商事", "x" * caches.LARGEST_RESULT_BYTES):
        store_result(cache, result)
        assert cache.find_result(IDEMPOTENCY_KEY, FINGERPRINT).result == result
    cache.store_result("other", FINGERPRINT, "x" * (caches.LARGEST_RESULT_BYTES + 1), "first")
    assert cache.find_result("other", FINGERPRINT) == caches.CacheLookup(epoch="first")


def test_a_lookup_with_other_values_finds_no_result(
    cache: RedisIdempotencyCache, redis_server: RedisServer, database_id: str
) -> None:
    """A lookup with another fingerprint, key, epoch, database or store key finds no result."""
    store_result(cache)
    assert cache.find_result(IDEMPOTENCY_KEY, "9900 JPY").result is None
    assert cache.find_result(IDEMPOTENCY_KEY + "0", FINGERPRINT).result is None
    with (
        open_cache(redis_server.url) as other_database,
        open_cache(redis_server.url, database_id, "x" * 16) as other_key,
    ):
        assert other_database.find_result(IDEMPOTENCY_KEY, FINGERPRINT) == caches.CacheLookup(epoch="first")
        assert other_key.find_result(IDEMPOTENCY_KEY, FINGERPRINT) == caches.CacheLookup(epoch="first")
    with open_cache(redis_server.url, database_id) as same:
        assert same.find_result(IDEMPOTENCY_KEY, FINGERPRINT).result == RESULT


def test_the_first_announcement_of_a_key_is_distinguished(cache: RedisIdempotencyCache) -> None:
    """The first process that announces the use of a key gets `is_entry_missing`, because the cache has no entry. The
    next process gets an answer without `is_entry_missing`, because another process has announced the key."""
    assert cache.announce_use(IDEMPOTENCY_KEY, FINGERPRINT) == caches.CacheLookup(
        is_entry_missing=True, epoch="first"
    )
    assert cache.announce_use(IDEMPOTENCY_KEY, FINGERPRINT) == caches.CacheLookup(
        is_entry_missing=False, epoch="first"
    )
    store_result(cache)
    assert cache.announce_use(IDEMPOTENCY_KEY, FINGERPRINT).result == RESULT


def test_cache_entries_contain_no_readable_content_and_expire(
    own_server: RedisServer, other_program_client: Redis
) -> None:
    """The names and values of entries contain no key, fingerprint or result in readable form. Redis deletes results
    and marks of running uses after their lifetime."""
    with open_cache(own_server.url) as cache:
        cache.announce_use(IDEMPOTENCY_KEY, FINGERPRINT)
        assert_expires_after(other_program_client, caches.RUNNING_MARK_LIFETIME_MS)
        store_result(cache)
        assert_expires_after(other_program_client, caches.RESULT_LIFETIME_MS)
        stored = read_only_entry_name(other_program_client) + read_entry(
            other_program_client, read_only_entry_name(other_program_client)
        )
        cache.forget_result(IDEMPOTENCY_KEY)
        assert_expires_after(other_program_client, caches.FORGOTTEN_MARK_LIFETIME_MS)
    assert not any(word in stored for word in (b"M-1", b"ORD-1", b"3300", b"payment", b"17"))
    assert (caches.RESULT_LIFETIME_MS, caches.RUNNING_MARK_LIFETIME_MS, caches.FORGOTTEN_MARK_LIFETIME_MS) == (
        24 * 3600_000,
        30_000,
        5 * 60_000,
    )


def assert_expires_after(client: Redis, after_ms: int) -> None:
    remaining_ms = client.pttl(read_only_entry_name(client))
    assert isinstance(remaining_ms, int)
    assert after_ms - 20_000 < remaining_ms <= after_ms


# Entries that are dropped


def test_a_forgotten_result_is_returned_to_no_process(
    cache: RedisIdempotencyCache, redis_server: RedisServer, database_id: str
) -> None:
    """After a result is forgotten, no process gets it from the cache, even with the former epoch, and a late write of
    another process doesn't restore it."""
    with open_cache(redis_server.url, database_id) as unaware:
        store_result(cache)
        cache.forget_result(IDEMPOTENCY_KEY)
        assert unaware.find_result(IDEMPOTENCY_KEY, FINGERPRINT).result is None
        store_result(unaware)
        assert unaware.find_result(IDEMPOTENCY_KEY, FINGERPRINT).result is None


def test_a_late_entry_belongs_to_its_epoch(
    cache: RedisIdempotencyCache, redis_server: RedisServer, database_id: str
) -> None:
    """Redis has lost the mark of a forgotten result, and a slow process writes the result again. A process that has
    read the new epoch doesn't accept this entry."""
    cache.forget_result(IDEMPOTENCY_KEY)
    with Redis.from_url(redis_server.url) as client:
        client.delete(cache._entry_cipher.make_entry_name(IDEMPOTENCY_KEY))  # type: ignore[union-attr]  # connected, so there
    store_result(cache, epoch="first")
    cache.refresh_epoch(lambda: "second")
    assert cache.find_result(IDEMPOTENCY_KEY, FINGERPRINT) == caches.CacheLookup(
        is_entry_missing=False, epoch="second"
    )
    store_result(cache, epoch="second")
    assert cache.find_result(IDEMPOTENCY_KEY, FINGERPRINT).result == RESULT


def test_an_old_epoch_is_read_again_before_use(cache: RedisIdempotencyCache, uptime: ManualUptime) -> None:
    """If a process has read the epoch more than a second ago, it doesn't use the cache until it has read the epoch
    again from the database."""
    store_result(cache)
    uptime.pass_seconds(1.1)
    assert (
        cache.find_result(IDEMPOTENCY_KEY, FINGERPRINT)
        == cache.announce_use(IDEMPOTENCY_KEY, FINGERPRINT)
        == caches.CacheLookup()
    )
    cache.refresh_epoch(lambda: "first")
    assert cache.find_result(IDEMPOTENCY_KEY, FINGERPRINT).result == RESULT


def test_an_answer_read_after_a_pause_is_ignored(
    cache: RedisIdempotencyCache, uptime: ManualUptime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the process was stopped between its request to Redis and the answer, it ignores the answer, because the
    epoch may have ended meanwhile."""
    store_result(cache)
    ask = cache._redis_client.send_command

    def ask_and_pass_an_hour(*command: Any) -> Any:
        answer = ask(*command)
        uptime.pass_seconds(3600)
        return answer

    monkeypatch.setattr(cache._redis_client, "send_command", ask_and_pass_an_hour)
    assert cache.find_result(IDEMPOTENCY_KEY, FINGERPRINT).result is None


# Entries of strangers


def make_damaging_functions(client: Redis, name: bytes) -> dict[str, Callable[[], object]]:
    """Return functions that damage an entry, by the name of the damage."""
    good = read_entry(client, name)
    client.set("other", good)
    values = {
        "empty": b"",
        "no seal": b"d",
        "short": good[:20],
        "longer": good + b"x",
        "flipped": good[:-1] + bytes([good[-1] ^ 1]),
        "text": b'd{"payment": 99}',
        "running": b"r",
        "mark": b"t",
        "zeros": b"d" + bytes(64),
        "large": b"d" + b"x" * (LARGEST_ANSWER_BYTES - 100),
    }
    ways: dict[str, Callable[[], object]] = {why: partial(client.set, name, bad) for why, bad in values.items()}
    client.lpush("a list", good)
    client.hset("a hash", "a", good.hex())
    return ways | {
        kind: partial(client.execute_command, "COPY", kind, name, "REPLACE") for kind in ("a list", "a hash")
    }


def test_spoiled_redis_entries_give_no_result(own_server: RedisServer, other_program_client: Redis) -> None:
    """Damaged entries (wrong bytes, other types, cut and changed values) give no result and no error. Afterwards the
    cache stores the next result."""
    with open_cache(own_server.url) as cache:
        store_result(cache)
        name = read_only_entry_name(other_program_client)
        for why, spoil in make_damaging_functions(other_program_client, name).items():
            spoil()
            assert cache.find_result(IDEMPOTENCY_KEY, FINGERPRINT).result is None, why
            assert cache.announce_use(IDEMPOTENCY_KEY, FINGERPRINT).result is None, why
            store_result(cache)
            assert cache.state == "on", why
        other_program_client.delete(name)
        store_result(cache)
        assert cache.find_result(IDEMPOTENCY_KEY, FINGERPRINT).result == RESULT


def test_an_entry_copied_to_another_key_gives_no_result(own_server: RedisServer, other_program_client: Redis) -> None:
    """An entry that was copied to the name of another key gives no result for that key."""
    with open_cache(own_server.url) as cache:
        store_result(cache)
        name = read_only_entry_name(other_program_client)
        cache.announce_use(IDEMPOTENCY_KEY + "0", FINGERPRINT)
        (other,) = set(list_entry_names(other_program_client)) - {name}
        other_program_client.set(other, read_entry(other_program_client, name))
        assert cache.find_result(IDEMPOTENCY_KEY + "0", FINGERPRINT).result is None


@pytest.mark.expects_log("a value that is too large to be an answer")
@pytest.mark.parametrize("value_bytes", [64 * 1024, 50_000_000])
def test_a_huge_value_is_not_read(
    own_server: RedisServer, other_program_client: Redis, caplog: pytest.LogCaptureFixture, value_bytes: int
) -> None:
    """The cache reads an answer of less than 64 KB, and stops reading a larger one after 64 KB, long before the time
    limit of an answer.
    """
    with open_cache(own_server.url, caplog=caplog) as cache:
        store_result(cache)
        name = read_only_entry_name(other_program_client)
        other_program_client.set(name, b"d" + bytes(64 * 1024 - 100))
        assert cache.find_result(IDEMPOTENCY_KEY, FINGERPRINT).result is None
        assert caplog.messages == []
        other_program_client.set(name, b"d" + bytes(value_bytes))
        assert cache.find_result(IDEMPOTENCY_KEY, FINGERPRINT).result is None
    assert caplog.messages == [CACHE_UNREACHABLE_MESSAGE.format("TimeoutError")]


INVALID_REDIS_VALUES = {
    "a length without end": b"$999999999999\r\n" + b"x" * 100_000,
    "a list without end": b"*1000000000\r\n" + b":1\r\n" * 50_000,
    "lists in lists": b"*1\r\n" * 15_000,
    "no protocol": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "bytes": bytes(range(256)) * 4,
    "a bad length": b"$x\r\n",
    "a refusal": b"-OOM command not allowed\r\n",
    "nothing": b"",
}


@pytest.mark.expects_log("a server that is no Redis")
@pytest.mark.parametrize("value_name", INVALID_REDIS_VALUES)
@pytest.mark.usefixtures("keep_short_time_limits")
def test_a_server_that_is_no_redis_gives_no_result(value_name: str, caplog: pytest.LogCaptureFixture) -> None:
    """A server that isn't Redis, slow or not, gives no result and no error. The cache switches itself off and writes
    one line to the log.
    """
    with start_strange_server(INVALID_REDIS_VALUES[value_name]) as url, open_cache(url, caplog=caplog) as cache:
        assert cache.find_result(IDEMPOTENCY_KEY, FINGERPRINT).result is None
        assert cache.state == "off"
    assert len(caplog.messages) == 1


@pytest.mark.expects_log("a server that is slow")
@pytest.mark.usefixtures("keep_short_time_limits")
def test_a_slowly_sent_answer_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    """A server sends one byte of its answer every ten milliseconds. The cache gives up the answer, because the time
    limit is for the whole answer."""
    with (
        start_strange_server(b"$64\r\n" + b"x" * 64, drip_seconds=0.01) as url,
        open_cache(url, caplog=caplog) as cache,
    ):
        assert cache.find_result(IDEMPOTENCY_KEY, FINGERPRINT).result is None
        assert cache.state == "off"
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("answer", [b":17\r\n", b"+OK\r\n", b"*2\r\n$1\r\na\r\n$1\r\nb\r\n", b"$-1\r\n"])
def test_a_redis_answer_of_another_type_gives_no_result(answer: bytes) -> None:
    """If Redis answers with a number, a word or a list in place of an entry, the cache has no result."""
    with start_strange_server(answer) as url:
        cache = RedisIdempotencyCache(url, "database", lambda: STORE_KEY)
        assert cache.connect()
        cache.refresh_epoch(lambda: "first")
        assert cache.find_result(IDEMPOTENCY_KEY, FINGERPRINT).result is None
        cache.close()


# Lost servers and threads


@pytest.mark.expects_log("Redis is killed")
@pytest.mark.usefixtures("keep_short_time_limits")
def test_a_killed_server_is_logged_once_and_found_again(
    own_server: RedisServer, uptime: ManualUptime, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the Redis server is killed, no lookup tries to connect for five seconds, and the log gets one line. When
    the server runs again, the cache connects by itself."""
    caplog.set_level(logging.INFO)
    with open_cache(own_server.url, caplog=caplog) as cache:
        store_result(cache)
        own_server.kill()
        with monkeypatch.context() as patch:
            connected: list[RedisClient] = []
            patch.setattr(RedisClient, "_connect", connected.append)
            assert {cache.find_result(IDEMPOTENCY_KEY, FINGERPRINT).result for _ in range(100)} == {None}
            assert connected == []
        assert cache.state == "off"
        uptime.pass_seconds(5)
        cache.find_result(IDEMPOTENCY_KEY, FINGERPRINT)
        own_server.start()
        uptime.pass_seconds(5)
        cache.find_result(IDEMPOTENCY_KEY, FINGERPRINT)
        wait_until(lambda: cache.state == "on", "the cache to be back")
        wait_until(lambda: len(caplog.messages) == 2, "it to be told")
    assert caplog.messages == [CACHE_UNREACHABLE_MESSAGE.format("ConnectionError"), "the cache answers again"]


@pytest.mark.expects_log("Redis hangs")
@pytest.mark.usefixtures("keep_short_time_limits")
def test_a_hung_server_is_waited_for_once(
    own_server: RedisServer, uptime: ManualUptime, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Redis server hangs while a connection is open: one lookup waits for 40 ms. No later lookup waits, including
    the lookup that tests whether the server answers again."""
    with open_cache(own_server.url, caplog=caplog) as cache:
        store_result(cache)
        own_server.pause()
        began = time.monotonic()
        assert cache.find_result(IDEMPOTENCY_KEY, FINGERPRINT).result is None
        assert time.monotonic() - began >= ANSWER_TIMEOUT_SECONDS  # house: at least, however busy the machine is
        monkeypatch.setattr(redis_link, "ANSWER_TIMEOUT_SECONDS", MAX_WAIT_SECONDS)
        for _ in range(100):
            cache.find_result(IDEMPOTENCY_KEY, FINGERPRINT)
        uptime.pass_seconds(5)
        for _ in range(100):
            cache.find_result(IDEMPOTENCY_KEY, FINGERPRINT)
        own_server.resume()
        uptime.pass_seconds(5)
        cache.refresh_epoch(lambda: "first")
        cache.find_result(IDEMPOTENCY_KEY, FINGERPRINT)
        wait_until(lambda: cache.state == "on", "the cache to be back")
        assert cache.find_result(IDEMPOTENCY_KEY, FINGERPRINT).result == RESULT
    assert caplog.messages == [CACHE_UNREACHABLE_MESSAGE.format("TimeoutError")]


def test_an_emptied_redis_gives_no_result_and_no_log_line(
    own_server: RedisServer, other_program_client: Redis
) -> None:
    """After Redis is emptied, the cache has no result and logs nothing. A result that is stored again is returned."""
    with open_cache(own_server.url) as cache:
        store_result(cache)
        other_program_client.flushall()
        assert cache.find_result(IDEMPOTENCY_KEY, FINGERPRINT) == caches.CacheLookup(epoch="first")
        store_result(cache)
        assert cache.find_result(IDEMPOTENCY_KEY, FINGERPRINT).result == RESULT
        assert cache.state == "on"


@pytest.mark.expects_log("nobody is there")
def test_a_missing_server_is_searched_in_the_background(
    caplog: pytest.LogCaptureFixture, uptime: ManualUptime
) -> None:
    """If no server runs, creating the cache makes no connection. The first lookup starts the search for the server in
    the background, and the log gets one line."""
    cache = RedisIdempotencyCache("redis://127.0.0.1:9/0", "database", lambda: STORE_KEY)
    assert (cache.state, caplog.messages) == ("off", [])
    for _ in range(3):
        assert cache.find_result(IDEMPOTENCY_KEY, FINGERPRINT) == caches.CacheLookup()
        wait_until(lambda: bool(caplog.messages), "it to be told")
        uptime.pass_seconds(5)
    cache.close()
    assert caplog.messages == [CACHE_UNREACHABLE_MESSAGE.format("ConnectionError")]
    assert cache.find_result(IDEMPOTENCY_KEY, FINGERPRINT) == caches.CacheLookup()


@pytest.mark.expects_log("an account without a right")
def test_a_redis_that_refuses_scripts_is_not_usable(own_server: RedisServer, other_program_client: Redis) -> None:
    """A Redis account may write but run no scripts, so the cache could store no result: it is not usable. With the
    right to run scripts it is.
    """
    name, password = "desk", uuid4().hex
    url = f"redis://{name}:{password}@{own_server.url.rpartition('@')[2]}"
    for is_allowed in (False, True):
        commands = ["+@all"] if is_allowed else ["+@all", "-@scripting"]
        other_program_client.acl_setuser(
            name, enabled=True, passwords=[f"+{password}"], keys=["*"], commands=commands
        )
        assert is_usable(url) is is_allowed


@pytest.mark.expects_log("there is no store key")
def test_without_a_store_key_there_is_no_cache(redis_server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    """Without a valid store key the cache stores nothing, because it couldn't encrypt the entries. The log names the
    reason.
    """
    cache = RedisIdempotencyCache(redis_server.url, "database", lambda: "short")
    assert not cache.connect()
    store_result(cache)
    cache.close()
    assert caplog.messages == [CACHE_UNREACHABLE_MESSAGE.format("bad_profile")]


# Addresses and commands


@pytest.mark.expects_log("certificates that don't fit")
def test_the_certificate_of_the_cache_is_verified(tmp_path: Path) -> None:
    """With `rediss://` the cache requires a valid certificate chain and the right name. No option in the URL switches
    this check off."""
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
    authority, stranger = CertificateAuthority(tmp_path / "ours"), CertificateAuthority(tmp_path / "theirs")
    trusted, foreign = authority.write_certificate_file(), stranger.write_certificate_file()
    with (
        start_strange_server(b"$-1\r\n", tls=authority.make_server_context("127.0.0.1")) as right,
        start_strange_server(b"$-1\r\n", tls=authority.make_server_context("redis.example")) as misnamed,
    ):
        assert is_usable(f"{right}?ssl_ca_certs={trusted}")
        assert not is_usable(right)
        assert not is_usable(f"{right}?ssl_ca_certs={foreign}")
        assert not is_usable(f"{misnamed}?ssl_ca_certs={trusted}")
        assert not is_usable(f"{right}?ssl_cert_reqs=none&ssl_check_hostname=false")


def test_the_text_form_of_the_client_has_no_password(redis_server: RedisServer) -> None:
    """The text form (`repr`) of the Redis client doesn't contain the password."""
    link = RedisClient(redis_server.url)
    assert link.connect()
    assert redis_server.password not in repr(link)
    link.close()
