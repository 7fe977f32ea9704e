"""Tests of ten equal requests with one idempotency key at the same time. One request takes effect and the others get
its result, on every database engine, with and without Redis."""

from collections.abc import Iterator

import pytest

from tests.races.key_users import REQUESTS_PER_KEY, LoadAnswers, RequestLoad, disturb_redis, run_load
from tests.support.places import Place
from tests.support.server_fixtures import require_server
from tests.support.servers import RedisServer, start_private_redis

UNREACHABLE_URL = "http://127.0.0.1:9"
KEY_COUNT = 10


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """Yield a private Redis server that the test may kill, pause and empty."""
    require_server("redis")
    with start_private_redis() as server:
        yield server


def make_environments(place: Place, **extra: str) -> list[dict[str, str]]:
    """Return the environment variables of two desks for the processes of the test. `extra` are further settings
    without their prefix `CONSOLE_`.
    """
    return [place.make_environment(UNREACHABLE_URL, desk=desk, **extra) for desk in (0, 1)]


@pytest.mark.engines("sqlite", "mariadb", "galera")
@pytest.mark.parametrize("uses_redis", [False, True])
def test_one_of_ten_simultaneous_requests_creates_the_transaction(
    place: Place, redis_server: RedisServer, uses_redis: bool
) -> None:
    """Ten processes make a request with the same key at the same time, for one key after another. One request creates
    the payment. The nine others get the answer that the payment exists or is in progress."""
    extra = {"REDIS_URL": redis_server.url} if uses_redis else {}
    with run_load(
        RequestLoad(KEY_COUNT, requests_per_second=400, process_count=REQUESTS_PER_KEY),
        make_environments(place, **extra),
    ) as run:
        answers = run.wait_for_answers()
    print(f"demand 15: {place.engine}{', Redis' * uses_redis}: {answers}")
    assert (
        answers.count_by_answer["repeated"] + answers.count_by_answer["in_progress"]
        == (REQUESTS_PER_KEY - 1) * KEY_COUNT
    )


def test_a_thousand_requests_a_second_create_each_key_once(place: Place, redis_server: RedisServer) -> None:
    """Processes send 1,000 requests per second, for one second in this test and for one minute in the soak test. Each
    key is created once, even if the machine is slower than planned."""
    with run_load(
        RequestLoad(100, requests_per_second=1_000, name="held"), make_environments(place, REDIS_URL=redis_server.url)
    ) as run:
        answers = run.wait_for_answers()
    print(f"demand 15: {place.engine}, 1,000 a second wanted: {answers}")
    assert len(answers.request_seconds) == 1_000


def test_keys_stay_unique_while_redis_hangs_and_dies(place: Place, own_redis: RedisServer) -> None:
    """During one run Redis is emptied, paused and killed. No key is created twice, and each request gets a correct
    answer. The test prints the durations of the requests."""
    usual = run_without_redis(place)
    with run_load(
        RequestLoad(60, requests_per_second=300, name="troubled"), make_environments(place, REDIS_URL=own_redis.url)
    ) as run:
        disturb_redis(run, own_redis)
        answers = run.wait_for_answers()
    added = answers.p95_ms - usual.p95_ms
    print(
        f"demand 17: {place.engine}: {added:+.1f} ms at p95; Redis emptied, hung, killed: {answers}; without: {usual}"
    )
    assert len(answers.request_seconds) == len(usual.request_seconds) * 2


def run_without_redis(place: Place) -> LoadAnswers:
    """Run the same requests without Redis, so that their durations can be compared with those of a run with Redis."""
    with run_load(RequestLoad(30, requests_per_second=300, name="steady"), make_environments(place)) as run:
        return run.wait_for_answers()
