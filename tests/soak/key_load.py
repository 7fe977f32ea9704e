"""Soak test of the service of idempotency keys: a thousand requests per second for a minute, on SQLite, MariaDB and
Galera, with and without Redis, and with a Redis that is disturbed.
"""

from collections import Counter
from pathlib import Path

from tests.races.key_users import REQUESTS_PER_KEY, RequestLoad, disturb_redis, run_load
from tests.support import places, servers
from tests.support.desks import UNUSED_URL
from tests.support.places import Engine

REQUESTS_PER_SECOND, LOAD_SECONDS, PROCESS_COUNT = 1_000, 60, 8
ENGINES_AND_TITLES: tuple[tuple[Engine, str], ...] = (
    ("sqlite", "no Redis"),
    ("mariadb", "no Redis"),
    ("galera", "no Redis"),
    ("sqlite", "Redis"),
    ("mariadb", "Redis"),
    ("galera", "Redis"),
    ("sqlite", "Redis troubled"),
    ("mariadb", "Redis troubled"),
)


def run_request_load(
    shard: int, folder: Path, rate: int = REQUESTS_PER_SECOND, seconds: float = LOAD_SECONDS
) -> Counter[str]:
    """Send the requests to the service on one database engine: without Redis, with Redis, or with a disturbed Redis.
    The number of the shard decides both. The shard fails if a key is used twice or a caller gets a wrong answer; the
    durations are only printed. Return three counts: `requests`, `duplicates` (requests that created nothing) and
    `twice`, always 0.
    """
    engine, redis = ENGINES_AND_TITLES[shard]
    load = RequestLoad(int(rate * seconds / REQUESTS_PER_KEY), rate, PROCESS_COUNT, f"key-load-{shard}")
    with (
        servers.start_own_run(),
        servers.start_private_redis() as server,
        places.open_empty_place(engine, folder) as place,
    ):
        extra = {} if redis == "no Redis" else {"REDIS_URL": server.url}
        with run_load(load, [place.make_environment(UNUSED_URL, desk=desk, **extra) for desk in (0, 1)]) as run:
            if redis == "Redis troubled":
                disturb_redis(run, server)
            answers = run.wait_for_answers()
    print(f"demand 15: {engine}, {redis}: {answers}")
    return Counter(
        requests=len(answers.request_seconds),
        duplicates=len(answers.request_seconds) - answers.count_by_answer["created"],
        twice=0,
    )
