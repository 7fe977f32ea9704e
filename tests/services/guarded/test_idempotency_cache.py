"""The idempotency service with a Redis in front: the same answers, sooner; and the keys it is asked by."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis

from console.app import Console, open_console
from console.services.guarded.idempotency import (
    LONGEST_KEY_CHARACTERS,
    HeldIdempotencyKey,
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
from tests.support.desks import NOWHERE
from tests.support.ledger_vendor import LedgerVendor
from tests.support.places import Place
from tests.support.quick_desks import HandClock
from tests.support.refusals import refusal
from tests.support.server_fixtures import need
from tests.support.servers import RedisServer, redis

GONE = "redis://127.0.0.1:9/0"
KEY, PRINT, RESULT = make_payment_key("M-1", "ORD-1"), "3300 JPY", '{"payment": 17}'


@pytest.fixture(autouse=True)
def uptime(hand_clock: HandClock, monkeypatch: pytest.MonkeyPatch) -> HandClock:
    """The second for which an epoch is known passes when the test says so; Redis has the time of a busy machine."""
    monkeypatch.setattr(caches, "read_uptime_ms", hand_clock.uptime_ms)
    monkeypatch.setattr(redis_link, "ANSWER_TIMEOUT_SECONDS", 10.0)
    return hand_clock


@pytest.fixture(scope="module")
def own_redis() -> Iterator[RedisServer]:
    """To be emptied."""
    need("redis")
    with redis() as server:
        yield server


@pytest.fixture
def redis_server(own_redis: RedisServer) -> RedisServer:
    """Empty: the databases of tests are copies of one, which Redis can't tell from one another."""
    empty(own_redis)
    return own_redis


def empty(server: RedisServer) -> None:
    with Redis.from_url(server.url) as client:
        client.flushall()


@contextmanager
def at_desk(place: Place, server: RedisServer, clock: HandClock, number: int = 0) -> Iterator[Console]:
    """A desk that is connected to Redis and has used the database a moment ago."""
    with place.desk(LedgerVendor(), clock, desk=number, REDIS_URL=server.url) as console:
        assert cache_of(console.idempotency).connect()
        assert console.idempotency.release_key(begun(console.idempotency, key="any other key"))
        assert console.idempotency.find_result("any other key", PRINT) is None
        yield console


@pytest.fixture
def console(place: Place, redis_server: RedisServer, uptime: HandClock) -> Iterator[Console]:
    with at_desk(place, redis_server, uptime) as desk:
        yield desk


@pytest.fixture
def once(console: Console) -> IdempotencyKeyService:
    return console.idempotency


@pytest.fixture
def other(
    place: Place, redis_server: RedisServer, uptime: HandClock, console: Console
) -> Iterator[IdempotencyKeyService]:
    """The same service at another desk."""
    with at_desk(place, redis_server, uptime, 1) as desk:
        yield desk.idempotency


def cache_of(once: IdempotencyKeyService) -> RedisIdempotencyCache:
    cache = once._cache
    assert isinstance(cache, RedisIdempotencyCache)
    return cache


def begun(once: IdempotencyKeyService, fingerprint: str = PRINT, key: str = KEY) -> HeldIdempotencyKey:
    taken = once.acquire_key(key, fingerprint, action="payment.start", subject=("payment", 1))
    assert isinstance(taken, HeldIdempotencyKey)
    return taken


def done(once: IdempotencyKeyService, result: str = RESULT) -> None:
    assert once.store_result(begun(once), result)


def just_before(
    patch: pytest.MonkeyPatch, cache: RedisIdempotencyCache, name: str, act: Callable[[], object]
) -> None:
    """The cache's owner is held up in front of this call, once, while something else happens."""
    method = getattr(cache, name)

    def late(*words: Any) -> Any:
        patch.setattr(cache, name, method)
        act()
        return method(*words)

    patch.setattr(cache, name, late)


def test_what_is_done_is_answered_without_the_database(
    console: Console, once: IdempotencyKeyService, other: IdempotencyKeyService
) -> None:
    """A result that one desk stored: another desk gets it from Redis, to a check as to another try."""
    done(other)
    transactions: list[int] = []
    console.database.observer = transactions.append
    for _ in range(100):
        assert once.find_result(KEY, PRINT) == RESULT
        assert once.acquire_key(KEY, PRINT, action="payment.start", subject=("payment", 1)) == RESULT
    assert transactions == []


def test_the_database_is_asked_again_after_a_second(
    console: Console, once: IdempotencyKeyService, uptime: HandClock
) -> None:
    """Each first question after a second reads the database; a further question within the same second doesn't."""
    done(once)
    transactions: list[int] = []
    console.database.observer = transactions.append
    for _ in range(3):
        uptime.at += timedelta(seconds=1)
        assert once.find_result(KEY, PRINT) == RESULT
        assert once.find_result(KEY, PRINT) == RESULT
    assert transactions == [1, -1] * 3


def test_only_results_are_answered_from_the_cache(
    once: IdempotencyKeyService, other: IdempotencyKeyService, uptime: HandClock
) -> None:
    """In flight, other fingerprint, unknown outcome: refused, with everything that the database knows."""
    begun(other)
    running = refusal(lambda: once.find_result(KEY, PRINT))
    assert (running.code, set(running.detail)) == ("in_progress", {"operation_id", "since", "holder"})
    assert refusal(lambda: begun(once)).code == "in_progress"
    assert refusal(lambda: once.find_result(KEY, "9900 JPY")).code == "possible_repeat"
    uptime.at += timedelta(minutes=1)
    uptime.sleep(0)  # time has passed for the database's clock too
    assert refusal(lambda: once.find_result(KEY, PRINT)).code == "outcome_unknown"


def test_another_fingerprint_is_refused_whatever_redis_says(
    once: IdempotencyKeyService, other: IdempotencyKeyService
) -> None:
    """The result is in Redis, and still whoever asks for something else under the key is refused."""
    done(other)
    assert once.find_result(KEY, PRINT) == RESULT
    assert refusal(lambda: once.find_result(KEY, "9900 JPY")).code == "possible_repeat"
    assert refusal(lambda: begun(once, "9900 JPY")).code == "possible_repeat"


def test_a_released_key_is_free_everywhere(once: IdempotencyKeyService, other: IdempotencyKeyService) -> None:
    """A released key may be used at once, on another desk and for another request."""
    first = begun(other)
    assert refusal(lambda: begun(once)).code == "in_progress"
    assert other.release_key(first)
    assert once.find_result(KEY, PRINT) is None
    assert once.store_result(begun(once, "9900 JPY"), "second")
    assert other.find_result(KEY, "9900 JPY") == "second"
    assert refusal(lambda: other.find_result(KEY, PRINT)).code == "possible_repeat"


def test_a_deleted_result_is_gone_everywhere_at_once(
    once: IdempotencyKeyService, other: IdempotencyKeyService
) -> None:
    """Deleted at one desk, it is not answered at another, and the key can be used anew there."""
    done(once)
    assert other.find_result(KEY, PRINT) == RESULT
    assert once.delete_result(KEY)
    assert other.find_result(KEY, PRINT) is None
    assert once.find_result(KEY, PRINT) is None
    done(other, "second")
    assert once.find_result(KEY, PRINT) == other.find_result(KEY, PRINT) == "second"


def test_who_read_before_a_delete_and_writes_after_it_brings_nothing_back(
    once: IdempotencyKeyService,
    other: IdempotencyKeyService,
    redis_server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A reader is held up between the database and Redis; meanwhile the result is deleted elsewhere."""
    done(once)
    empty(redis_server)
    just_before(monkeypatch, cache_of(other), "store_result", lambda: once.delete_result(KEY))
    assert other.find_result(KEY, PRINT) == RESULT  # it was so when it was read
    assert other.find_result(KEY, PRINT) is None
    assert once.find_result(KEY, PRINT) is None


def test_who_has_learnt_of_the_new_epoch_meanwhile_brings_nothing_back(
    once: IdempotencyKeyService,
    other: IdempotencyKeyService,
    uptime: HandClock,
    redis_server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same reader; the mark is lost too, and another thread of its process has the new epoch already."""

    def deleted() -> None:
        assert once.delete_result(KEY)
        empty(redis_server)
        uptime.at += timedelta(seconds=1)
        other.find_result("any other key", PRINT)

    done(once)
    empty(redis_server)
    just_before(monkeypatch, cache_of(other), "store_result", deleted)
    assert other.find_result(KEY, PRINT) == RESULT
    assert other.find_result(KEY, PRINT) is None


def test_who_stored_before_a_delete_and_writes_after_it_brings_nothing_back(
    once: IdempotencyKeyService, other: IdempotencyKeyService, uptime: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one's COMMIT is through; before it reaches Redis the key is deleted and used again elsewhere."""

    def used_again() -> None:
        assert other.delete_result(KEY)
        done(other, "second")

    just_before(monkeypatch, cache_of(once), "store_result", used_again)
    done(once, "first")
    for _ in range(3):
        assert once.find_result(KEY, PRINT) == other.find_result(KEY, PRINT) == "second"
        uptime.at += timedelta(seconds=1)


def test_a_delete_that_redis_never_hears_of_counts_within_a_second(
    once: IdempotencyKeyService, other: IdempotencyKeyService, uptime: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that deleted was killed after COMMIT, or couldn't reach Redis: the old result is used for at most
    one second.
    """
    done(once)
    assert other.find_result(KEY, PRINT) == RESULT
    monkeypatch.setattr(cache_of(once)._redis_client, "send_command", lambda *_: None)
    assert once.delete_result(KEY)
    assert once.find_result(KEY, PRINT) is None
    uptime.at += timedelta(seconds=1)
    assert other.find_result(KEY, PRINT) is None
    done(other, "second")
    assert once.find_result(KEY, PRINT) == "second"


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("forgotten", [False, True])
def test_a_restored_database_is_not_answered_from_days_it_lost(
    once: IdempotencyKeyService, place: Place, redis_server: RedisServer, uptime: HandClock, forgotten: bool
) -> None:
    """Results in Redis from the time after a backup aren't used for the restored backup, an hour later or after a
    delete.
    """
    backup = place.folder / "backup.db"
    place.sql(f"VACUUM INTO '{backup}'")
    done(once)
    if forgotten:
        once.delete_result(KEY)
        done(once, "of a day that never was")
    else:
        uptime.at += timedelta(hours=1)
    again = {"DATABASE_URL": f"sqlite:///{backup}", "REDIS_URL": redis_server.url}
    with open_console(Settings.load(place.told(NOWHERE, desk=1) | named(again)), uptime) as restored:
        assert cache_of(restored.idempotency).connect()
        for _ in range(2):
            assert restored.idempotency.find_result(KEY, PRINT) is None
        assert isinstance(begun(restored.idempotency), HeldIdempotencyKey)


def named(told: Mapping[str, str]) -> dict[str, str]:
    return {f"CONSOLE_{name}": value for name, value in told.items()}


@pytest.mark.parametrize("ahead", [timedelta(minutes=59), timedelta(hours=1), timedelta(days=1)])
def test_an_epoch_from_the_future_does_not_count(
    once: IdempotencyKeyService, place: Place, uptime: HandClock, ahead: timedelta
) -> None:
    """An epoch that begins an hour or more ahead of the clock was written by a wrong clock: the database answers."""
    done(once)
    since = convert_to_naive_utc(uptime.now() + ahead).isoformat(sep=" ")
    place.unguard("leases")
    place.sql(f"UPDATE leases SET since = '{since}' WHERE name = 'idempotency_cache'")
    with once._context.database.read() as conn:
        found = rows.read_current_epoch(conn, uptime.now())
    assert bool(found) is (ahead < rows.LONGEST_EPOCH_AGE)
    assert once.find_result(KEY, PRINT) == RESULT


def test_a_flush_loses_nothing(
    once: IdempotencyKeyService, other: IdempotencyKeyService, redis_server: RedisServer
) -> None:
    """Redis is emptied during a call and after it: a second call is refused while the first runs, and gets its result
    afterwards.
    """
    first = begun(once)
    empty(redis_server)
    assert refusal(lambda: begun(other)).code == "in_progress"
    assert once.store_result(first, RESULT)
    empty(redis_server)
    assert once.find_result(KEY, PRINT) == other.find_result(KEY, PRINT) == RESULT


@pytest.mark.engines("sqlite")
@pytest.mark.expects_log("nobody answers there")
def test_doctor_says_whether_the_cache_helps(place: Place, redis_server: RedisServer) -> None:
    """A line of its own where a Redis is configured, also when it is away; none where there isn't one."""
    for told, found in (({"REDIS_URL": redis_server.url}, [True]), ({"REDIS_URL": GONE}, [False]), ({}, [])):
        with open_console(Settings.load(place.told(NOWHERE) | named(told))) as console:
            checks = [check for check in console.health.run_all_checks() if check.name == "cache"]
            state = console.idempotency.cache_state
        assert [check.ok for check in checks] == found
        assert state == ("off" if found else None)  # nobody has asked it yet
        assert all(redis_server.password not in repr(check) for check in checks)
    assert "Work continues without it" in translate("doctor.cache.bad", "en", url=GONE)


# Keys


def test_keys_are_spelt_as_agreed() -> None:
    """The forms that other programs know."""
    assert make_payment_key("M-1", "ORD/2026-11_1") == "idempotent:payment:M-1:ORD/2026-11_1"
    assert make_refund_key(17, "op-a", 3300) == "idempotent:refund:17:op-a:3300"
    assert make_payment_key("M-1", "ORD-1", repetition_number=2) == "idempotent:payment:M-1:ORD-1:2"
    assert make_refund_key(17, "op-a", 3300, repetition_number=1) == "idempotent:refund:17:op-a:3300:1"


def test_no_two_orders_share_a_key() -> None:
    """Colons, percent signs, other letters, great lengths: different parts, different keys, all of them short."""
    parts = ("a", "a:b", "b", "a%3Ab", "b:2", "注文", "注文１", "x" * 300, "x" * 299 + "y", "", "a b", "A")
    keys = {make_payment_key(merchant, order) for merchant in parts for order in parts}
    keys |= {make_payment_key(merchant, order, repetition_number=2) for merchant in parts for order in parts}
    assert len(keys) == 2 * len(parts) ** 2
    assert all(key.isascii() and len(key) <= LONGEST_KEY_CHARACTERS for key in keys)
