"""The idempotency service reads Redis as a cache before the database: it gives the same answers as without Redis,
only sooner. Two tests check the texts of the idempotency keys.
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
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.places import Place
from tests.support.quick_desks import ManualClock
from tests.support.refusals import call_for_refusal
from tests.support.server_fixtures import require_server
from tests.support.servers import RedisServer, start_private_redis

UNUSED_REDIS_URL = "redis://127.0.0.1:9/0"
IDEMPOTENCY_KEY, FINGERPRINT, RESULT = make_payment_key("M-1", "ORD-1"), "3300 JPY", '{"payment": 17}'


@pytest.fixture(autouse=True)
def uptime_clock(hand_clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    """A clock that the test moves. After a desk has read the epoch, it uses this epoch for one second of this
    clock. Redis gets a longer time-out, for a busy machine.
    """
    monkeypatch.setattr(caches, "read_uptime_ms", hand_clock.uptime_ms)
    monkeypatch.setattr(redis_link, "ANSWER_TIMEOUT_SECONDS", 10.0)
    return hand_clock


@pytest.fixture(scope="module")
def own_redis() -> Iterator[RedisServer]:
    """Yield a Redis server that these tests may empty."""
    require_server("redis")
    with start_private_redis() as server:
        yield server


@pytest.fixture
def redis_server(own_redis: RedisServer) -> RedisServer:
    """A Redis server that was emptied for this test. The tests' databases are copies of one database, so Redis
    couldn't distinguish their entries.
    """
    delete_all_entries(own_redis)
    return own_redis


def delete_all_entries(server: RedisServer) -> None:
    """Delete all entries of the Redis server."""
    with Redis.from_url(server.url) as client:
        client.flushall()


@contextmanager
def open_desk_with_redis(place: Place, server: RedisServer, clock: ManualClock, number: int = 0) -> Iterator[Console]:
    """Open the desk with this number (0: the first one), which is connected to Redis and has just read the
    database.
    """
    with place.desk(InMemoryAlarmBox(), clock, desk=number, REDIS_URL=server.url) as console:
        assert get_cache(console.idempotency_keys).connect()
        assert console.idempotency_keys.release_key(acquire_key(console.idempotency_keys, key="any other key"))
        assert console.idempotency_keys.find_result("any other key", FINGERPRINT) is None
        yield console


@pytest.fixture
def console(place: Place, redis_server: RedisServer, uptime_clock: ManualClock) -> Iterator[Console]:
    with open_desk_with_redis(place, redis_server, uptime_clock) as desk:
        yield desk


@pytest.fixture
def key_service(console: Console) -> IdempotencyKeyService:
    """Return the idempotency service of the first desk."""
    return console.idempotency_keys


@pytest.fixture
def other_key_service(
    place: Place, redis_server: RedisServer, uptime_clock: ManualClock, console: Console
) -> Iterator[IdempotencyKeyService]:
    """The idempotency service of another desk."""
    with open_desk_with_redis(place, redis_server, uptime_clock, 1) as desk:
        yield desk.idempotency_keys


def get_cache(key_service: IdempotencyKeyService) -> RedisIdempotencyCache:
    """Return the Redis cache of this idempotency service."""
    cache = key_service._cache
    assert isinstance(cache, RedisIdempotencyCache)
    return cache


def acquire_key(
    key_service: IdempotencyKeyService, fingerprint: str = FINGERPRINT, key: str = IDEMPOTENCY_KEY
) -> AcquiredIdempotencyKey:
    """Acquire the idempotency key and return it."""
    taken = key_service.acquire_key(key, fingerprint, action="payment.start", subject=("payment", 1))
    assert isinstance(taken, AcquiredIdempotencyKey)
    return taken


def store_result(key_service: IdempotencyKeyService, result: str = RESULT) -> None:
    """Acquire the key and store this result under the key."""
    assert key_service.store_result(acquire_key(key_service), result)


def call_once_before_cache_method(
    patch: pytest.MonkeyPatch, cache: RedisIdempotencyCache, name: str, act: Callable[[], object]
) -> None:
    """Let `act` be called once, immediately before the next call of the cache's method with this name."""
    method = getattr(cache, name)

    def act_and_call(*words: Any) -> Any:
        patch.setattr(cache, name, method)
        act()
        return method(*words)

    patch.setattr(cache, name, act_and_call)


def test_a_stored_result_is_answered_without_the_database(
    console: Console, key_service: IdempotencyKeyService, other_key_service: IdempotencyKeyService
) -> None:
    """After one desk has stored a result, another desk reads it from Redis, for a check of the key and for an attempt
    to acquire it.
    """
    store_result(other_key_service)
    transactions: list[int] = []
    console.database.observer = transactions.append
    for _ in range(100):
        assert key_service.find_result(IDEMPOTENCY_KEY, FINGERPRINT) == RESULT
        assert (
            key_service.acquire_key(IDEMPOTENCY_KEY, FINGERPRINT, action="payment.start", subject=("payment", 1))
            == RESULT
        )
    assert transactions == []


def test_the_database_is_read_again_after_a_second(
    console: Console, key_service: IdempotencyKeyService, uptime_clock: ManualClock
) -> None:
    """In each second, the first read of a result also reads the epoch from the database; further reads in the same
    second don't read the database.
    """
    store_result(key_service)
    transactions: list[int] = []
    console.database.observer = transactions.append
    for _ in range(3):
        uptime_clock.at += timedelta(seconds=1)
        assert key_service.find_result(IDEMPOTENCY_KEY, FINGERPRINT) == RESULT
        assert key_service.find_result(IDEMPOTENCY_KEY, FINGERPRINT) == RESULT
    assert transactions == [1, -1] * 3


def test_only_results_are_answered_from_the_cache(
    key_service: IdempotencyKeyService, other_key_service: IdempotencyKeyService, uptime_clock: ManualClock
) -> None:
    """Redis doesn't answer for a running call, another fingerprint or an unknown outcome: the database answers, with
    all facts.
    """
    acquire_key(other_key_service)
    running = call_for_refusal(lambda: key_service.find_result(IDEMPOTENCY_KEY, FINGERPRINT))
    assert (running.code, set(running.detail)) == ("in_progress", {"operation_id", "since", "holder"})
    assert call_for_refusal(lambda: acquire_key(key_service)).code == "in_progress"
    assert call_for_refusal(lambda: key_service.find_result(IDEMPOTENCY_KEY, "9900 JPY")).code == "possible_repeat"
    uptime_clock.at += timedelta(minutes=1)
    uptime_clock.sleep(0)  # time has passed for the database's clock too
    assert call_for_refusal(lambda: key_service.find_result(IDEMPOTENCY_KEY, FINGERPRINT)).code == "outcome_unknown"


def test_another_fingerprint_is_refused_despite_redis(
    key_service: IdempotencyKeyService, other_key_service: IdempotencyKeyService
) -> None:
    """Redis has the result of a key: a call with this key and another fingerprint is still refused."""
    store_result(other_key_service)
    assert key_service.find_result(IDEMPOTENCY_KEY, FINGERPRINT) == RESULT
    assert call_for_refusal(lambda: key_service.find_result(IDEMPOTENCY_KEY, "9900 JPY")).code == "possible_repeat"
    assert call_for_refusal(lambda: acquire_key(key_service, "9900 JPY")).code == "possible_repeat"


def test_a_released_key_is_free_everywhere(
    key_service: IdempotencyKeyService, other_key_service: IdempotencyKeyService
) -> None:
    """A key that one desk has released can be used at once, also at another desk and for another request."""
    first = acquire_key(other_key_service)
    assert call_for_refusal(lambda: acquire_key(key_service)).code == "in_progress"
    assert other_key_service.release_key(first)
    assert key_service.find_result(IDEMPOTENCY_KEY, FINGERPRINT) is None
    assert key_service.store_result(acquire_key(key_service, "9900 JPY"), "second")
    assert other_key_service.find_result(IDEMPOTENCY_KEY, "9900 JPY") == "second"
    assert (
        call_for_refusal(lambda: other_key_service.find_result(IDEMPOTENCY_KEY, FINGERPRINT)).code
        == "possible_repeat"
    )


def test_a_deleted_result_is_unavailable_on_every_desk(
    key_service: IdempotencyKeyService, other_key_service: IdempotencyKeyService
) -> None:
    """One desk deletes a result: another desk doesn't return it any more, and the key can be used again at that
    desk.
    """
    store_result(key_service)
    assert other_key_service.find_result(IDEMPOTENCY_KEY, FINGERPRINT) == RESULT
    assert key_service.delete_result(IDEMPOTENCY_KEY)
    assert other_key_service.find_result(IDEMPOTENCY_KEY, FINGERPRINT) is None
    assert key_service.find_result(IDEMPOTENCY_KEY, FINGERPRINT) is None
    store_result(other_key_service, "second")
    assert (
        key_service.find_result(IDEMPOTENCY_KEY, FINGERPRINT)
        == other_key_service.find_result(IDEMPOTENCY_KEY, FINGERPRINT)
        == "second"
    )


def test_a_slow_reader_restores_no_deleted_result_in_redis(
    key_service: IdempotencyKeyService,
    other_key_service: IdempotencyKeyService,
    redis_server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A desk reads a result from the database, and another desk deletes this result before the first desk writes it
    into Redis. The late write has no effect.
    """
    store_result(key_service)
    delete_all_entries(redis_server)
    call_once_before_cache_method(
        monkeypatch, get_cache(other_key_service), "store_result", lambda: key_service.delete_result(IDEMPOTENCY_KEY)
    )
    assert other_key_service.find_result(IDEMPOTENCY_KEY, FINGERPRINT) == RESULT  # it was so when it was read
    assert other_key_service.find_result(IDEMPOTENCY_KEY, FINGERPRINT) is None
    assert key_service.find_result(IDEMPOTENCY_KEY, FINGERPRINT) is None


def test_a_slow_reader_with_the_new_epoch_restores_no_deleted_result(
    key_service: IdempotencyKeyService,
    other_key_service: IdempotencyKeyService,
    uptime_clock: ManualClock,
    redis_server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A desk reads a result from the database. Before it writes the result into Redis, another desk deletes the
    result, Redis is emptied, and another thread of the reading desk reads the new epoch. The late write into Redis
    has no effect.
    """

    def delete_result() -> None:
        assert key_service.delete_result(IDEMPOTENCY_KEY)
        delete_all_entries(redis_server)
        uptime_clock.at += timedelta(seconds=1)
        other_key_service.find_result("any other key", FINGERPRINT)

    store_result(key_service)
    delete_all_entries(redis_server)
    call_once_before_cache_method(monkeypatch, get_cache(other_key_service), "store_result", delete_result)
    assert other_key_service.find_result(IDEMPOTENCY_KEY, FINGERPRINT) == RESULT
    assert other_key_service.find_result(IDEMPOTENCY_KEY, FINGERPRINT) is None


def test_a_slow_writer_restores_no_deleted_result_in_redis(
    key_service: IdempotencyKeyService,
    other_key_service: IdempotencyKeyService,
    uptime_clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A desk commits a result, and another desk deletes this result and uses the key again before the first desk
    writes it into Redis. The late write has no effect.
    """

    def replace_result() -> None:
        assert other_key_service.delete_result(IDEMPOTENCY_KEY)
        store_result(other_key_service, "second")

    call_once_before_cache_method(monkeypatch, get_cache(key_service), "store_result", replace_result)
    store_result(key_service, "first")
    for _ in range(3):
        assert (
            key_service.find_result(IDEMPOTENCY_KEY, FINGERPRINT)
            == other_key_service.find_result(IDEMPOTENCY_KEY, FINGERPRINT)
            == "second"
        )
        uptime_clock.at += timedelta(seconds=1)


def test_a_delete_without_redis_takes_effect_within_a_second(
    key_service: IdempotencyKeyService,
    other_key_service: IdempotencyKeyService,
    uptime_clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A desk deletes a result in the database but can't delete it in Redis, for example because its process was
    killed after COMMIT: other desks use the old result for at most one second.
    """
    store_result(key_service)
    assert other_key_service.find_result(IDEMPOTENCY_KEY, FINGERPRINT) == RESULT
    monkeypatch.setattr(get_cache(key_service)._redis_client, "send_command", lambda *_: None)
    assert key_service.delete_result(IDEMPOTENCY_KEY)
    assert key_service.find_result(IDEMPOTENCY_KEY, FINGERPRINT) is None
    uptime_clock.at += timedelta(seconds=1)
    assert other_key_service.find_result(IDEMPOTENCY_KEY, FINGERPRINT) is None
    store_result(other_key_service, "second")
    assert key_service.find_result(IDEMPOTENCY_KEY, FINGERPRINT) == "second"


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("is_forgotten", [False, True])
def test_a_restored_database_ignores_later_results_in_redis(
    key_service: IdempotencyKeyService,
    place: Place,
    redis_server: RedisServer,
    uptime_clock: ManualClock,
    is_forgotten: bool,
) -> None:
    """A backup is restored, and Redis still has results from after the backup: they aren't used for the restored
    database, neither an hour later nor after a result was deleted.
    """
    backup = place.folder / "backup.db"
    place.sql(f"VACUUM INTO '{backup}'")
    store_result(key_service)
    if is_forgotten:
        key_service.delete_result(IDEMPOTENCY_KEY)
        store_result(key_service, "of a day that never was")
    else:
        uptime_clock.at += timedelta(hours=1)
    again = {"DATABASE_URL": f"sqlite:///{backup}", "REDIS_URL": redis_server.url}
    with open_console(
        Settings.load(place.make_environment(UNUSED_URL, desk=1) | add_environment_prefix(again)), uptime_clock
    ) as restored:
        assert get_cache(restored.idempotency_keys).connect()
        for _ in range(2):
            assert restored.idempotency_keys.find_result(IDEMPOTENCY_KEY, FINGERPRINT) is None
        assert isinstance(acquire_key(restored.idempotency_keys), AcquiredIdempotencyKey)


def add_environment_prefix(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the settings under the names of their environment variables, which have a prefix."""
    return {f"CONSOLE_{name}": value for name, value in settings.items()}


@pytest.mark.parametrize("advance", [timedelta(minutes=59), timedelta(hours=1), timedelta(days=1)])
def test_an_epoch_from_the_future_does_not_count(
    key_service: IdempotencyKeyService, place: Place, uptime_clock: ManualClock, advance: timedelta
) -> None:
    """An epoch that begins an hour or more after the present time was written with a wrong clock: Redis isn't used,
    and the database answers.
    """
    store_result(key_service)
    since = convert_to_naive_utc(uptime_clock.now() + advance).isoformat(sep=" ")
    place.drop_table_triggers("leases")
    place.sql(f"UPDATE leases SET since = '{since}' WHERE name = 'idempotency_cache'")
    with key_service._context.database.read() as conn:
        epoch = rows.read_current_epoch(conn, uptime_clock.now())
    assert bool(epoch) is (advance < rows.LONGEST_EPOCH_AGE)
    assert key_service.find_result(IDEMPOTENCY_KEY, FINGERPRINT) == RESULT


def test_emptying_redis_allows_no_second_action(
    key_service: IdempotencyKeyService, other_key_service: IdempotencyKeyService, redis_server: RedisServer
) -> None:
    """Redis is emptied during a call and again after it: a second call with the same key is refused while the first
    one runs, and gets the first call's result afterwards.
    """
    first = acquire_key(key_service)
    delete_all_entries(redis_server)
    assert call_for_refusal(lambda: acquire_key(other_key_service)).code == "in_progress"
    assert key_service.store_result(first, RESULT)
    delete_all_entries(redis_server)
    assert (
        key_service.find_result(IDEMPOTENCY_KEY, FINGERPRINT)
        == other_key_service.find_result(IDEMPOTENCY_KEY, FINGERPRINT)
        == RESULT
    )


@pytest.mark.engines("sqlite")
@pytest.mark.expects_log("nobody answers there")
def test_doctor_checks_the_cache_only_with_redis(place: Place, redis_server: RedisServer) -> None:
    """With Redis in the settings, the command `doctor` has a check of the cache, which fails if Redis is unreachable.
    Without Redis in the settings it has no such check.
    """
    for redis_settings, expected_results in (
        ({"REDIS_URL": redis_server.url}, [True]),
        ({"REDIS_URL": UNUSED_REDIS_URL}, [False]),
        ({}, []),
    ):
        with open_console(
            Settings.load(place.make_environment(UNUSED_URL) | add_environment_prefix(redis_settings))
        ) as console:
            checks = [check for check in console.health.run_all_checks() if check.name == "cache"]
            state = console.idempotency_keys.cache_state
        assert [check.ok for check in checks] == expected_results
        assert state == ("off" if expected_results else None)  # nobody has asked it yet
        assert all(redis_server.password not in repr(check) for check in checks)
    assert "Work continues without it" in translate("doctor.cache.bad", "en", url=UNUSED_REDIS_URL)


# Keys


def test_idempotency_keys_have_the_texts_that_other_programs_expect() -> None:
    """Idempotency keys have the texts that other programs expect."""
    assert make_payment_key("M-1", "ORD/2026-11_1") == "idempotent:payment:M-1:ORD/2026-11_1"
    assert make_refund_key(17, "op-a", 3300) == "idempotent:refund:17:op-a:3300"
    assert make_payment_key("M-1", "ORD-1", repetition_number=2) == "idempotent:payment:M-1:ORD-1:2"
    assert make_refund_key(17, "op-a", 3300, repetition_number=1) == "idempotent:refund:17:op-a:3300:1"


def test_different_orders_have_different_payment_keys() -> None:
    """Different orders have different idempotency keys of their payments, also if the merchants and order numbers
    contain colons, percent signs or Japanese letters, or are very long. All keys are short.
    """
    parts = ("a", "a:b", "b", "a%3Ab", "b:2", "注文", "注文１", "x" * 300, "x" * 299 + "y", "", "a b", "A")
    keys = {make_payment_key(merchant, order) for merchant in parts for order in parts}
    keys |= {make_payment_key(merchant, order, repetition_number=2) for merchant in parts for order in parts}
    assert len(keys) == 2 * len(parts) ** 2
    assert all(key.isascii() and len(key) <= LONGEST_KEY_CHARACTERS for key in keys)
