"""Request ids with Redis as a cache: calls get the same answers as without Redis, only sooner. Faults of Redis change
only the speed.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from redis import Redis

from console.app import Console
from console.domain.records import CreditCheck, PurchaseRequest
from console.services.guarded.idempotency import make_cached_answer_key
from console.store.operations import idempotency_cache as caches
from console.store.operations import redis_client as redis_link
from console.store.operations.idempotency_cache import RedisIdempotencyCache
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.invented import invent_numbers
from tests.support.places import FIRST_PERSON, Place
from tests.support.quick_desks import ManualClock
from tests.support.refusals import call_for_refusal
from tests.support.server_fixtures import require_server
from tests.support.servers import RedisServer, start_private_redis

CORPORATION_NUMBER, OTHER_NUMBER = invent_numbers(2, 11)
REQUEST_ID = "R-1"


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
    require_server("redis")
    with start_private_redis() as server:
        yield server


@pytest.fixture
def alarmbox() -> InMemoryAlarmBox:
    return InMemoryAlarmBox()


@pytest.fixture
def console(
    place: Place, alarmbox: InMemoryAlarmBox, own_redis: RedisServer, uptime_clock: ManualClock
) -> Iterator[Console]:
    """Open a desk that is connected to an empty Redis server."""
    with Redis.from_url(own_redis.url) as client:
        client.flushall()
    with place.desk(alarmbox, uptime_clock, REDIS_URL=own_redis.url) as desk:
        assert get_cache(desk).connect()
        yield desk


def get_cache(console: Console) -> RedisIdempotencyCache:
    """Return the desk's cache object for Redis."""
    cache = console._answer_cache
    assert isinstance(cache, RedisIdempotencyCache)
    return cache


def buy_check(console: Console, number: str = CORPORATION_NUMBER, request_id: str = REQUEST_ID) -> CreditCheck:
    return console.credit_checks.purchase(PurchaseRequest(number, "1"), request_id=request_id)


def watch_transactions(console: Console) -> list[int]:
    """Return a list that gets 1 at the beginning and -1 at the end of each database transaction of the desk."""
    steps: list[int] = []
    console.database.observer = steps.append
    return steps


def test_a_repeat_is_answered_without_the_database(
    place: Place, console: Console, alarmbox: InMemoryAlarmBox
) -> None:
    """A call with a repeated request id is answered from Redis without a database transaction, and the hit rate of
    the cache counts it as a hit.
    """
    record = buy_check(console)
    before, steps = console.metric_figures.compute_cache_hit_ratio(), watch_transactions(console)
    assert [buy_check(console) for _ in range(10)] == [record] * 10
    assert steps == []
    after = console.metric_figures.compute_cache_hit_ratio()
    assert (after.part - before.part, after.total - before.total) == (10, 10)
    assert alarmbox.count_charges(CORPORATION_NUMBER) == 1


def test_the_hit_rate_counts_misses(console: Console, uptime_clock: ManualClock) -> None:
    """The first call with a request id finds no answer in Redis: the hit rate of the cache counts it as a miss."""
    buy_check(console)
    before = console.metric_figures.compute_cache_hit_ratio()
    buy_check(console, OTHER_NUMBER, "R-2")
    buy_check(console, OTHER_NUMBER, "R-2")
    after = console.metric_figures.compute_cache_hit_ratio()
    assert (after.part - before.part, after.total - before.total) == (1, 2)


def _delete_all_entries(console: Console, client: Redis) -> None:
    """Delete all entries of the Redis server."""
    client.flushall()


def _exchange_values(console: Console, client: Redis) -> None:
    """Exchange the values of the keys in Redis with one another, and damage some of them."""
    keys = list(client.scan_iter())
    values = [client.get(key) for key in keys]
    for key, value in zip(keys, reversed(values), strict=True):
        client.set(key, value or b"d")
    for key in keys[::2]:
        client.set(key, b"d" + b"x" * 40)


def _close_connection(console: Console, client: Redis) -> None:
    """Close the desk's connection to Redis."""
    console._answer_cache.close()


@pytest.mark.parametrize("fault", [_delete_all_entries, _exchange_values, _close_connection])
def test_repeats_get_the_same_answers_without_redis(
    console: Console,
    alarmbox: InMemoryAlarmBox,
    own_redis: RedisServer,
    fault: Callable[[Console, Redis], None],
) -> None:
    """Redis is emptied, has wrong values or is unreachable: calls with repeated request ids get the same answers and
    refusals as before, and nothing is sent.
    """
    first, second = buy_check(console), buy_check(console, OTHER_NUMBER, "R-2")
    with Redis.from_url(own_redis.url) as client:
        for _ in range(3):
            fault(console, client)
            assert (buy_check(console), buy_check(console, OTHER_NUMBER, "R-2")) == (first, second)
            assert call_for_refusal(lambda: buy_check(console, OTHER_NUMBER)).code == "possible_repeat"
    assert len(alarmbox.charges) == 2


def test_a_cached_answer_of_another_version_is_not_used(
    console: Console, alarmbox: InMemoryAlarmBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer in Redis was written by another version of the program, with another name of a field: the database
    answers instead.
    """
    stored = RedisIdempotencyCache.store_result

    def store_as_other_version(
        cache: RedisIdempotencyCache, key: str, fingerprint: str, result: str, epoch: str | None
    ) -> None:
        stored(cache, key, fingerprint, result.replace('"corporation_number":', '"corporation_no":'), epoch)

    monkeypatch.setattr(RedisIdempotencyCache, "store_result", store_as_other_version)
    record = buy_check(console)
    hits = console.metric_figures.compute_cache_hit_ratio().part
    assert [buy_check(console) for _ in range(2)] == [record] * 2
    assert console.metric_figures.compute_cache_hit_ratio().part > hits  # Redis had it
    assert len(alarmbox.charges) == 1


def test_an_unknown_outcome_is_never_cached(
    console: Console, alarmbox: InMemoryAlarmBox, uptime_clock: ManualClock
) -> None:
    """The program does not store an unknown outcome in Redis, because another desk may settle it meanwhile."""
    alarmbox.behaviour = "silent_after_charge"
    record = call_for_refusal(lambda: buy_check(console)).detail["record"]
    assert isinstance(record, CreditCheck)
    assert call_for_refusal(lambda: buy_check(console)).code == "outcome_unknown"
    settled = console.recovery.resolve("credit-check", record.id, "success", "seen", 1).record
    assert buy_check(console) == settled


def test_a_nearly_expired_answer_is_not_cached(place: Place, console: Console, uptime_clock: ManualClock) -> None:
    """Each entry in Redis is valid for at most an hour, and an answer whose request id expires sooner isn't stored
    there. So a request id can be used again after its day, whatever Redis still contains.
    """
    record = buy_check(console)
    uptime_clock.at += timedelta(hours=1, seconds=1)  # no entry is believed any more
    buy_check(console, OTHER_NUMBER, "R-2")  # writes, so there is a new epoch
    place.sql(f"UPDATE request_ids SET begun_ms = begun_ms - {23 * 3_600_000} WHERE request_id = '{REQUEST_ID}'")
    assert [buy_check(console) for _ in range(2)] == [record] * 2
    steps = watch_transactions(console)
    assert buy_check(console) == record
    assert steps != []
    place.sql(f"UPDATE request_ids SET begun_ms = begun_ms - 3600000 WHERE request_id = '{REQUEST_ID}'")
    assert call_for_refusal(lambda: buy_check(console)).code == "already_purchased"


def test_redis_entries_reveal_no_content(place: Place, console: Console, own_redis: RedisServer) -> None:
    """The entries in Redis contain neither the person, nor the request id, nor the answer in readable form."""
    buy_check(console)
    with Redis.from_url(own_redis.url) as client:
        entries = [(key, client.get(key) or b"") for key in client.scan_iter()]
    assert len(entries) >= 1
    for word in (
        REQUEST_ID,
        CORPORATION_NUMBER,
        place.get_account_name(FIRST_PERSON),
        make_cached_answer_key(place.get_account_name(FIRST_PERSON), REQUEST_ID),
        "credit",
    ):
        assert not any(word.encode() in key + value for key, value in entries)
