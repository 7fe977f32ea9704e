"""Ten identical requests at once: one is made, nine are told so, on every engine, whatever Redis does meanwhile."""

from collections.abc import Iterator

import pytest

from tests.races.askers import ASKERS, Crowd, Heard, asking, trouble
from tests.support.places import Place
from tests.support.server_fixtures import need
from tests.support.servers import RedisServer, redis

NOWHERE = "http://127.0.0.1:9"
KEYS = 10


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """To be killed, paused and emptied."""
    need("redis")
    with redis() as server:
        yield server


def told(place: Place, **extra: str) -> list[dict[str, str]]:
    """Two desks."""
    return [place.told(NOWHERE, desk=desk, **extra) for desk in (0, 1)]


@pytest.mark.engines("sqlite", "mariadb", "galera")
@pytest.mark.parametrize("cached", [False, True])
def test_one_of_ten_is_made(place: Place, redis_server: RedisServer, cached: bool) -> None:
    """Ten processes ask at the same instant, for one key after the other: one creates, nine hear that it exists."""
    extra = {"REDIS_URL": redis_server.url} if cached else {}
    with asking(Crowd(KEYS, rate=400, processes=ASKERS), told(place, **extra)) as run:
        heard = run.heard()
    print(f"demand 15: {place.engine}{', Redis' * cached}: {heard}")
    assert heard.told["repeated"] + heard.told["in_progress"] == (ASKERS - 1) * KEYS


def test_a_thousand_a_second(place: Place, redis_server: RedisServer) -> None:
    """For one second here, for a minute in the soak: whatever the machine manages, each key is made once."""
    with asking(Crowd(100, rate=1_000, name="held"), told(place, REDIS_URL=redis_server.url)) as run:
        heard = run.heard()
    print(f"demand 15: {place.engine}, 1,000 a second wanted: {heard}")
    assert len(heard.waits) == 1_000


def test_redis_may_hang_be_emptied_and_die(place: Place, own_redis: RedisServer) -> None:
    """All of it in one run: nothing is made twice, and each asker hears the truth. The times are printed."""
    usual = steady(place)
    with asking(Crowd(60, rate=300, name="troubled"), told(place, REDIS_URL=own_redis.url)) as run:
        trouble(run, own_redis)
        heard = run.heard()
    added = heard.p95_ms - usual.p95_ms
    print(
        f"demand 17: {place.engine}: {added:+.1f} ms at p95; Redis emptied, hung, killed: {heard}; without: {usual}"
    )
    assert len(heard.waits) == len(usual.waits) * 2


def steady(place: Place) -> Heard:
    with asking(Crowd(30, rate=300, name="steady"), told(place)) as run:
        return run.heard()
