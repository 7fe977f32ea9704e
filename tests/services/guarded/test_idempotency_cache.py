"""The idempotency service with Redis as a cache before the database: the same answers, sooner; and the texts of its
keys.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis

from console.app import Console, open_console
from console.services.guarded.idempotency import (
    LONGEST_KEY_CHARACTERS,
    AcquiredIdempotencyKey,
    IdempotencyKeyService,
    make_payment_key,
    make_refund_key,
)
from console.settings.settings import Settings
from console.store.database.instants import convert_to_naive_utc
from console.store.operations import idempotency as rows
from console.store.operations import idempotency_cache as caches
from console.store.operations import redis_client as redis_link
from console.store.operations.idempotency_cache import RedisIdempotencyCache
from console.wording.sentences.catalogue import translate
from tests.support.desks import UNUSED_URL
from tests.support.ledger_vendor import LedgerVendor
from tests.support.places import Place
from tests.support.quick_desks import ManualClock
from tests.support.refusals import call_for_refusal
from tests.support.server_fixtures import require_server
from tests.support.servers import RedisServer, start_private_redis

UNUSED_REDIS_URL = "redis://127.0.0.1:9/0"
KEY, PRINT, RESULT = make_payment_key("M-1", "ORD-1"), "3300 JPY", '{"payment": 17}'


@pytest.fixture(autouse=True)
def uptime(hand_clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    """The clock by which an epoch is known for a second, moved by the test. Redis gets a time-out
    for a busy machine.
    """
    monkeypatch.setattr(caches, "read_uptime_ms", hand_clock.uptime_ms)
    monkeypatch.setattr(redis_link, "ANSWER_TIMEOUT_SECONDS", 10.0)
    return hand_clock


@pytest.fixture(scope="module")
def own_redis() -> Iterator[RedisServer]:
    """A Redis server that these tests may empty."""
    require_server("redis")
    with start_private_redis() as server:
        yield server


@pytest.fixture
def redis_server(own_redis: RedisServer) -> RedisServer:
    """The emptied Redis server: the databases of tests are copies of one database, so Redis can't
    distinguish them.
    """
    delete_all_entries(own_redis)
    return own_redis


def delete_all_entries(server: RedisServer) -> None:
    """Delete everything in Redis."""
    with Redis.from_url(server.url) as client:
        client.flushall()


@contextmanager
def open_desk_with_redis(place: Place, server: RedisServer, clock: ManualClock, number: int = 0) -> Iterator[Console]:
    """Open a desk that is connected to Redis and has just used the database."""
    with place.desk(LedgerVendor(), clock, desk=number, REDIS_URL=server.url) as console:
        assert get_cache(console.idempotency_keys).connect()
        assert console.idempotency_keys.release_key(acquire_key(console.idempotency_keys, key="any other key"))
        assert console.idempotency_keys.find_result("any other key", PRINT) is None
        yield console


@pytest.fixture
def console(place: Place, redis_server: RedisServer, uptime: ManualClock) -> Iterator[Console]:
    with open_desk_with_redis(place, redis_server, uptime) as desk:
        yield desk


@pytest.fixture
def key_service(console: Console) -> IdempotencyKeyService:
    """The idempotency service of the first desk."""
    return console.idempotency_keys


@pytest.fixture
def other(
    place: Place, redis_server: RedisServer, uptime: ManualClock, console: Console
) -> Iterator[IdempotencyKeyService]:
    """The same service at another desk."""
    with open_desk_with_redis(place, redis_server, uptime, 1) as desk:
        yield desk.idempotency_keys


def get_cache(key_service: IdempotencyKeyService) -> RedisIdempotencyCache:
    """Return the service's cache in Redis."""
    cache = key_service._cache
    assert isinstance(cache, RedisIdempotencyCache)
    return cache


def acquire_key(
    key_service: IdempotencyKeyService, fingerprint: str = PRINT, key: str = KEY
) -> AcquiredIdempotencyKey:
    """Acquire the key and return it."""
    taken = key_service.acquire_key(key, fingerprint, action="payment.start", subject=("payment", 1))
    assert isinstance(taken, AcquiredIdempotencyKey)
    return taken


def store_result(key_service: IdempotencyKeyService, result: str = RESULT) -> None:
    """Acquire the key and store the result."""
    assert key_service.store_result(acquire_key(key_service), result)


def call_before_method(
    patch: pytest.MonkeyPatch, cache: RedisIdempotencyCache, name: str, act: Callable[[], object]
) -> None:
    """Call `act` once, before the next call of this method of the cache."""
    method = getattr(cache, name)

    def act_and_call(*words: Any) -> Any:
        patch.setattr(cache, name, method)
        act()
        return method(*words)

    patch.setattr(cache, name, act_and_call)


def test_a_stored_result_is_answered_without_the_database(
    console: Console, key_service: IdempotencyKeyService, other: IdempotencyKeyService
) -> None:
    """A desk has stored a result: another desk gets it from Redis, for a check and for an attempt
    to acquire the key.
    """
    store_result(other)
    transactions: list[int] = []
    console.database.observer = transactions.append
    for _ in range(100):
        assert key_service.find_result(KEY, PRINT) == RESULT
        assert key_service.acquire_key(KEY, PRINT, action="payment.start", subject=("payment", 1)) == RESULT
    assert transactions == []


def test_the_database_is_read_again_after_a_second(
    console: Console, key_service: IdempotencyKeyService, uptime: ManualClock
) -> None:
    """The first read in each second reads the epoch from the database; further ones in the same second don't."""
    store_result(key_service)
    transactions: list[int] = []
    console.database.observer = transactions.append
    for _ in range(3):
        uptime.at += timedelta(seconds=1)
        assert key_service.find_result(KEY, PRINT) == RESULT
        assert key_service.find_result(KEY, PRINT) == RESULT
    assert transactions == [1, -1] * 3


def test_only_results_are_answered_from_the_cache(
    key_service: IdempotencyKeyService, other: IdempotencyKeyService, uptime: ManualClock
) -> None:
    """For a running call, another fingerprint and an unknown outcome the database answers, with all facts."""
    acquire_key(other)
    running = call_for_refusal(lambda: key_service.find_result(KEY, PRINT))
    assert (running.code, set(running.detail)) == ("in_progress", {"operation_id", "since", "holder"})
    assert call_for_refusal(lambda: acquire_key(key_service)).code == "in_progress"
    assert call_for_refusal(lambda: key_service.find_result(KEY, "9900 JPY")).code == "possible_repeat"
    uptime.at += timedelta(minutes=1)
    uptime.sleep(0)  # time has passed for the database's clock too
    assert call_for_refusal(lambda: key_service.find_result(KEY, PRINT)).code == "outcome_unknown"


def test_another_fingerprint_is_refused_despite_redis(
    key_service: IdempotencyKeyService, other: IdempotencyKeyService
) -> None:
    """Redis has the result, and another fingerprint under the key is still refused."""
    store_result(other)
    assert key_service.find_result(KEY, PRINT) == RESULT
    assert call_for_refusal(lambda: key_service.find_result(KEY, "9900 JPY")).code == "possible_repeat"
    assert call_for_refusal(lambda: acquire_key(key_service, "9900 JPY")).code == "possible_repeat"


def test_a_released_key_is_free_everywhere(key_service: IdempotencyKeyService, other: IdempotencyKeyService) -> None:
    """A released key may be used at once, on another desk and for another request."""
    first = acquire_key(other)
    assert call_for_refusal(lambda: acquire_key(key_service)).code == "in_progress"
    assert other.release_key(first)
    assert key_service.find_result(KEY, PRINT) is None
    assert key_service.store_result(acquire_key(key_service, "9900 JPY"), "second")
    assert other.find_result(KEY, "9900 JPY") == "second"
    assert call_for_refusal(lambda: other.find_result(KEY, PRINT)).code == "possible_repeat"


def test_a_deleted_result_is_unavailable_on_every_desk(
    key_service: IdempotencyKeyService, other: IdempotencyKeyService
) -> None:
    """A result that one desk deletes isn't returned at another desk, and the key can be used there again."""
    store_result(key_service)
    assert other.find_result(KEY, PRINT) == RESULT
    assert key_service.delete_result(KEY)
    assert other.find_result(KEY, PRINT) is None
    assert key_service.find_result(KEY, PRINT) is None
    store_result(other, "second")
    assert key_service.find_result(KEY, PRINT) == other.find_result(KEY, PRINT) == "second"


def test_a_slow_reader_restores_no_deleted_result_in_redis(
    key_service: IdempotencyKeyService,
    other: IdempotencyKeyService,
    redis_server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A desk reads the result from the database; before it writes the result into Redis, another desk deletes it. The
    late write has no effect.
    """
    store_result(key_service)
    delete_all_entries(redis_server)
    call_before_method(monkeypatch, get_cache(other), "store_result", lambda: key_service.delete_result(KEY))
    assert other.find_result(KEY, PRINT) == RESULT  # it was so when it was read
    assert other.find_result(KEY, PRINT) is None
    assert key_service.find_result(KEY, PRINT) is None


def test_a_slow_reader_with_the_new_epoch_restores_no_deleted_result(
    key_service: IdempotencyKeyService,
    other: IdempotencyKeyService,
    uptime: ManualClock,
    redis_server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As before, but Redis is emptied, too, and another thread of the reading desk knows the new epoch already. The
    late write has no effect.
    """

    def delete_result() -> None:
        assert key_service.delete_result(KEY)
        delete_all_entries(redis_server)
        uptime.at += timedelta(seconds=1)
        other.find_result("any other key", PRINT)

    store_result(key_service)
    delete_all_entries(redis_server)
    call_before_method(monkeypatch, get_cache(other), "store_result", delete_result)
    assert other.find_result(KEY, PRINT) == RESULT
    assert other.find_result(KEY, PRINT) is None


def test_a_slow_writer_restores_no_deleted_result_in_redis(
    key_service: IdempotencyKeyService,
    other: IdempotencyKeyService,
    uptime: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A desk commits a result; before it writes the result into Redis, another desk deletes it and uses the key
    again. The late write has no effect.
    """

    def replace_result() -> None:
        assert other.delete_result(KEY)
        store_result(other, "second")

    call_before_method(monkeypatch, get_cache(key_service), "store_result", replace_result)
    store_result(key_service, "first")
    for _ in range(3):
        assert key_service.find_result(KEY, PRINT) == other.find_result(KEY, PRINT) == "second"
        uptime.at += timedelta(seconds=1)


def test_a_delete_without_redis_takes_effect_within_a_second(
    key_service: IdempotencyKeyService,
    other: IdempotencyKeyService,
    uptime: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The process that deleted was killed after COMMIT, or couldn't reach Redis: the old result is used for at most
    one second.
    """
    store_result(key_service)
    assert other.find_result(KEY, PRINT) == RESULT
    monkeypatch.setattr(get_cache(key_service)._redis_client, "send_command", lambda *_: None)
    assert key_service.delete_result(KEY)
    assert key_service.find_result(KEY, PRINT) is None
    uptime.at += timedelta(seconds=1)
    assert other.find_result(KEY, PRINT) is None
    store_result(other, "second")
    assert key_service.find_result(KEY, PRINT) == "second"


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("forgotten", [False, True])
def test_a_restored_database_ignores_later_results_in_redis(
    key_service: IdempotencyKeyService, place: Place, redis_server: RedisServer, uptime: ManualClock, forgotten: bool
) -> None:
    """Results in Redis from the time after a backup aren't used for the restored backup, an hour later or after a
    delete.
    """
    backup = place.folder / "backup.db"
    place.sql(f"VACUUM INTO '{backup}'")
    store_result(key_service)
    if forgotten:
        key_service.delete_result(KEY)
        store_result(key_service, "of a day that never was")
    else:
        uptime.at += timedelta(hours=1)
    again = {"DATABASE_URL": f"sqlite:///{backup}", "REDIS_URL": redis_server.url}
    with open_console(
        Settings.load(place.make_environment(UNUSED_URL, desk=1) | add_prefix(again)), uptime
    ) as restored:
        assert get_cache(restored.idempotency_keys).connect()
        for _ in range(2):
            assert restored.idempotency_keys.find_result(KEY, PRINT) is None
        assert isinstance(acquire_key(restored.idempotency_keys), AcquiredIdempotencyKey)


def add_prefix(told: Mapping[str, str]) -> dict[str, str]:
    """Return the settings with the prefix of environment variables."""
    return {f"CONSOLE_{name}": value for name, value in told.items()}


@pytest.mark.parametrize("ahead", [timedelta(minutes=59), timedelta(hours=1), timedelta(days=1)])
def test_an_epoch_from_the_future_does_not_count(
    key_service: IdempotencyKeyService, place: Place, uptime: ManualClock, ahead: timedelta
) -> None:
    """An epoch that begins an hour or more ahead of the clock was written by a wrong clock: the database answers."""
    store_result(key_service)
    since = convert_to_naive_utc(uptime.now() + ahead).isoformat(sep=" ")
    place.drop_table_triggers("leases")
    place.sql(f"UPDATE leases SET since = '{since}' WHERE name = 'idempotency_cache'")
    with key_service._context.database.read() as conn:
        found = rows.read_current_epoch(conn, uptime.now())
    assert bool(found) is (ahead < rows.LONGEST_EPOCH_AGE)
    assert key_service.find_result(KEY, PRINT) == RESULT


def test_a_flush_loses_nothing(
    key_service: IdempotencyKeyService, other: IdempotencyKeyService, redis_server: RedisServer
) -> None:
    """Redis is emptied during a call and after it: a second call is refused while the first runs, and gets its result
    afterwards.
    """
    first = acquire_key(key_service)
    delete_all_entries(redis_server)
    assert call_for_refusal(lambda: acquire_key(other)).code == "in_progress"
    assert key_service.store_result(first, RESULT)
    delete_all_entries(redis_server)
    assert key_service.find_result(KEY, PRINT) == other.find_result(KEY, PRINT) == RESULT


@pytest.mark.engines("sqlite")
@pytest.mark.expects_log("nobody answers there")
def test_doctor_says_whether_the_cache_helps(place: Place, redis_server: RedisServer) -> None:
    """`doctor` has a check of the cache where Redis is configured, failed if Redis is unreachable, and none without
    Redis.
    """
    for told, found in (
        ({"REDIS_URL": redis_server.url}, [True]),
        ({"REDIS_URL": UNUSED_REDIS_URL}, [False]),
        ({}, []),
    ):
        with open_console(Settings.load(place.make_environment(UNUSED_URL) | add_prefix(told))) as console:
            checks = [check for check in console.health.run_all_checks() if check.name == "cache"]
            state = console.idempotency_keys.cache_state
        assert [check.ok for check in checks] == found
        assert state == ("off" if found else None)  # nobody has asked it yet
        assert all(redis_server.password not in repr(check) for check in checks)
    assert "Work continues without it" in translate("doctor.cache.bad", "en", url=UNUSED_REDIS_URL)


# Keys


def test_keys_are_spelt_as_agreed() -> None:
    """Idempotency keys have the texts that other programs use."""
    assert make_payment_key("M-1", "ORD/2026-11_1") == "idempotent:payment:M-1:ORD/2026-11_1"
    assert make_refund_key(17, "op-a", 3300) == "idempotent:refund:17:op-a:3300"
    assert make_payment_key("M-1", "ORD-1", repetition_number=2) == "idempotent:payment:M-1:ORD-1:2"
    assert make_refund_key(17, "op-a", 3300, repetition_number=1) == "idempotent:refund:17:op-a:3300:1"


def test_no_two_orders_share_a_key() -> None:
    """Merchants and order numbers with colons, percent signs, Japanese letters or great length give different keys,
    all of them short.
    """
    parts = ("a", "a:b", "b", "a%3Ab", "b:2", "注文", "注文１", "x" * 300, "x" * 299 + "y", "", "a b", "A")
    keys = {make_payment_key(merchant, order) for merchant in parts for order in parts}
    keys |= {make_payment_key(merchant, order, repetition_number=2) for merchant in parts for order in parts}
    assert len(keys) == 2 * len(parts) ** 2
    assert all(key.isascii() and len(key) <= LONGEST_KEY_CHARACTERS for key in keys)
