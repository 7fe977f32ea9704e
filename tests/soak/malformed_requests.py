"""Soak test of a worker that receives a thousand malformed requests per second for a minute, together with slow
connections and real notices."""

from collections import Counter
from pathlib import Path

from tests.soak.shards import SINGLE_SERVER_ENGINES, Demand, make_demands, open_place
from tests.support.places import Engine
from tests.worker import notice_flood

FLOOD_SECONDS, REQUESTS_PER_SECOND, SLOW_CONNECTION_COUNT, NOTICES_PER_SECOND = 60.0, 1_000.0, 240, 20


def send_malformed_requests(engine: Engine, shard: int, folder: Path) -> Counter[str]:
    """Send malformed requests and real notices to a worker. Check that the worker's memory grows by less than 10 %,
    and that the worker books each real notice once. Return three counts: `rubbish` (malformed requests), `slow`
    connections and `booked` notices.
    """
    with open_place(engine, folder) as place:
        report = notice_flood.run_flood(
            place, FLOOD_SECONDS, REQUESTS_PER_SECOND, SLOW_CONNECTION_COUNT, NOTICES_PER_SECOND, shard
        )
    print(f"demand rubbish: {engine}: {report.format_figures()}", flush=True)
    assert report.worker_samples.compute_memory_growth_factor() < 1.1, report.worker_samples.format_figures()
    booked = sum(map(len, report.deliveries.seconds_by_source.values())) - report.deliveries.count_by_error.total()
    return Counter(rubbish=report.sent_count, slow=report.slow_connection_count, booked=booked)


FIGURES_FORMAT = (
    "{rubbish} pieces of rubbish at 1,000/s beside {slow} slow connections: {booked} real notices booked once"
)
DEMANDS: tuple[Demand, ...] = (
    *make_demands(SINGLE_SERVER_ENGINES, "rubbish", 1, send_malformed_requests, FIGURES_FORMAT),
)
