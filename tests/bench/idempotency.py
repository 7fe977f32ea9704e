"""Goals 13 and 14: the cost of the Redis cache of idempotency keys compared with plain Redis commands, and the number
of checks per second."""

import time
from collections.abc import Iterator
from itertools import count
from multiprocessing import get_context
from typing import Any
from uuid import uuid4

from redis import Redis

from console.services.guarded.idempotency import make_payment_key
from console.store.operations import redis_client as redis_link
from console.store.operations.idempotency_cache import RUNNING_MARK_LIFETIME_MS, RedisIdempotencyCache
from tests.bench.figures import (
    ReportRow,
    compute_median,
    compute_percentile,
    format_duration,
    format_ratio,
    measure_alternately,
)
from tests.support import servers

_ROUND_COUNT = 3_000
_CACHED_KEY_COUNT = 50_000
_PROCESS_COUNT = 4
_MEASURED_SECONDS = 3.0
_FINGERPRINT = "3300 JPY"
_RESULT = '{"payment": 17}'
_STORE_KEY = "a store key for measuring"
_MIN_CHECKS_PER_SECOND = 10_000


def measure_rows(goal_numbers: frozenset[int]) -> Iterator[ReportRow]:
    missing = servers.find_missing_reason("redis")
    if missing:
        for number in sorted(goal_numbers):
            yield ReportRow(str(number), "idempotency, Redis", "–", "–", missing, "–", "≤ 1.25×", None)
        return
    with servers.start_private_redis() as server:
        if 13 in goal_numbers:
            yield _measure_check_of_used_key(server.url)
            yield _measure_checks_per_second(server.url)
        if 14 in goal_numbers:
            yield _measure_first_use(server.url)
            yield _measure_memory_per_key(server.url)


def _connect_cache(url: str) -> RedisIdempotencyCache:
    """Return a connected cache with a long time limit, so that it keeps using Redis on a busy machine."""
    redis_link.ANSWER_TIMEOUT_SECONDS = 10.0
    cache = RedisIdempotencyCache(url, str(uuid4()), lambda: _STORE_KEY)
    if not cache.connect():
        raise RuntimeError("Redis can't be used")
    _refresh_epoch(cache)
    return cache


def _refresh_epoch(cache: RedisIdempotencyCache) -> str | None:
    """Refresh the epoch, as the service does once a second by a read of the database. Return the epoch; None if its
    read took more than a second."""
    return cache.refresh_epoch(lambda: "an epoch, as long as an identifier is")


def _measure_check_of_used_key(url: str) -> ReportRow:
    """Measure the check of a key whose result the Redis server at `url` has cached. Return the row of the report."""
    cache, redis, key = _connect_cache(url), Redis.from_url(url), make_payment_key("M-1", "ORD-000001")
    cache.store_result(key, _FINGERPRINT, _RESULT, _refresh_epoch(cache))
    redis.set(key, _RESULT)

    answered = count()

    def check_used_key() -> None:
        _refresh_epoch(cache)
        if cache.find_result(key, _FINGERPRINT).result == _RESULT:
            next(answered)

    took = measure_alternately(
        {"check": check_used_key, "get": lambda: redis.get(key)}, _ROUND_COUNT, warm_up_round_count=300
    )
    if next(answered) < _ROUND_COUNT:  # now and then a second ends between the two lines above
        raise RuntimeError("not answered from Redis")
    cache.close()
    redis.close()
    ours, theirs, p99 = (
        compute_median(took["check"]),
        compute_median(took["get"]),
        compute_percentile(took["check"], 0.99),
    )
    peer_figure = (
        f"redis-py GET {format_duration(theirs)}, p99 {format_duration(compute_percentile(took['get'], 0.99))}"
    )
    return ReportRow(
        "13",
        "the same, Redis",
        f"{format_duration(ours)}, p99 {format_duration(p99)}",
        "–",
        peer_figure,
        format_ratio(ours / theirs),
        "≤ 1.25×, p99 < 1 ms",
        ours <= 1.25 * theirs and p99 < 0.001,
    )


def _measure_first_use(url: str) -> ReportRow:
    """Measure the first use of a key, and return the row of the report."""
    cache, redis, numbers = _connect_cache(url), Redis.from_url(url), count()

    def announce_first_use() -> None:
        _refresh_epoch(cache)
        cache.announce_use(make_payment_key("M-1", f"ORD-{next(numbers)}"), _FINGERPRINT)

    def execute_set_and_get() -> None:
        redis.set(
            f"idempotent:payment:M-2:ORD-{next(numbers)}", "running", nx=True, get=True, px=RUNNING_MARK_LIFETIME_MS
        )

    took = measure_alternately(
        {"first": announce_first_use, "set": execute_set_and_get}, _ROUND_COUNT, warm_up_round_count=300
    )
    cache.close()
    redis.close()
    ours, theirs = compute_median(took["first"]), compute_median(took["set"])
    return ReportRow(
        "14",
        "first check-and-store, Redis",
        f"{format_duration(ours)}, p99 {format_duration(compute_percentile(took['first'], 0.99))}",
        "–",
        f"redis-py SET NX GET PX {format_duration(theirs)}",
        format_ratio(ours / theirs),
        "≤ 1.25×",
        ours <= 1.25 * theirs,
    )


def _measure_memory_per_key(url: str) -> ReportRow:
    """Measure the memory that the Redis server needs for one cached result. Return the row of the report."""
    cache = _connect_cache(url)
    with Redis.from_url(url) as redis:
        before = _read_used_memory(redis)
        for number in range(_CACHED_KEY_COUNT):
            cache.store_result(
                make_payment_key("M-1", f"ORD-{number:08}"), _FINGERPRINT, _RESULT, _refresh_epoch(cache)
            )
        size = (_read_used_memory(redis) - before) / _CACHED_KEY_COUNT
    cache.close()
    return ReportRow("14", "memory of a stored result", f"{size:.0f} B", "–", "–", "–", "≤ 200 B", size <= 200)


def _read_used_memory(redis: Redis) -> int:
    memory: Any = redis.info("memory")
    return int(memory["used_memory"])


def _measure_checks_per_second(url: str) -> ReportRow:
    """Measure the checks per second of known keys, in several processes. Return the row of the report."""
    with get_context("spawn").Pool(_PROCESS_COUNT) as pool:
        done = pool.map(_count_checks_for_seconds, [url] * _PROCESS_COUNT)
    rate = sum(done) / _MEASURED_SECONDS
    return ReportRow(
        "13",
        f"checks a second, Redis, {_PROCESS_COUNT} processes",
        f"{rate:.0f} a second",
        "–",
        "–",
        "–",
        f"≥ {_MIN_CHECKS_PER_SECOND}",
        rate >= _MIN_CHECKS_PER_SECOND,
    )


def _count_checks_for_seconds(url: str) -> int:
    """Check a known key repeatedly for _MEASURED_SECONDS. Return the number of checks that found its result."""
    cache, key, hit_count = _connect_cache(url), make_payment_key("M-1", "ORD-000001"), 0
    cache.store_result(key, _FINGERPRINT, _RESULT, _refresh_epoch(cache))
    until = time.monotonic() + _MEASURED_SECONDS
    while time.monotonic() < until:
        _refresh_epoch(cache)
        hit_count += cache.find_result(key, _FINGERPRINT).result == _RESULT
    cache.close()
    return hit_count
