"""The demands at full count, cut into shards that run on databases of their own, in any order."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.crash import kills, statements, stops
from tests.crash.broken_statements import Trouble
from tests.races import buyers, faults, repairers, writers
from tests.services.test_provider_calls import time_outs
from tests.soak import broken_servers
from tests.soak.held import RUNS as HELD
from tests.soak.held import held
from tests.stateful import machine
from tests.support.invented import numbers

ROOT = Path(__file__).resolve().parents[2]
SLOWEST_WRITE_MS = 2_000
_STATEMENTS = tuple((action, trouble) for action in statements.ACTIONS for trouble in statements.TROUBLES)


@dataclass(frozen=True, slots=True)
class Demand:
    """`run(shard, folder)` does one shard and counts; `figure` says what all counts together mean.

    A shard that finds a violation raises. `spare` shards beyond the demanded ones run while there is time.
    """

    name: str
    shards: int
    run: Callable[[int, Path], Counter[str]]
    figure: str
    spare: int = 0


def race(shard: int, folder: Path) -> Counter[str]:
    """A seed each; leases on and off in turn."""
    return buyers.run(buyers.Race(numbers(200, shard), seed=shard, leases=shard % 2 == 0), folder)


def good_race(shard: int, folder: Path) -> Counter[str]:
    """The same without faults: everything is charged, once."""
    tally = buyers.run(buyers.Race(numbers(200, 100 + shard), leases=shard % 2 == 0), folder)
    assert tally["charged"] == 200, tally
    return tally


def renewals(shard: int, folder: Path) -> Counter[str]:
    """Renewals at once, with and without faults, leases on and off."""
    seed = shard if shard >= 2 else None
    return buyers.run(buyers.Race(numbers(50, shard), seed=seed, leases=shard % 2 == 0, renew=True), folder)


def repairs(shard: int, folder: Path) -> Counter[str]:
    return repairers.run(folder, 60, shard) + Counter(repairs=60 * repairers.PROCESSES)


def wire(shard: int, folder: Path) -> Counter[str]:
    tally = faults.run(folder, 500, shard)
    assert (tally["calling"], tally["left"]) == (0, 0), tally
    return tally


def killed(shard: int, folder: Path) -> Counter[str]:
    return kills.run(tuple(kills.STEPS), folder, shard)


def broken(shard: int, folder: Path) -> Counter[str]:
    action, trouble = _STATEMENTS[shard]
    chosen: Trouble = trouble
    return statements.run_all(folder, action, chosen)


def unanswered(shard: int, folder: Path) -> Counter[str]:
    again = time_outs(folder, 200, shard)
    assert again == 0, f"{again} sent again"
    return Counter(time_outs=200, again=again)


def stopped(shard: int, folder: Path) -> Counter[str]:
    return stops.run(folder, 10, shard)


def written(shard: int, folder: Path) -> Counter[str]:
    tally = writers.run(folder, 60, queue=shard % 2 == 0)
    assert tally["lost"] == 0, tally
    queued = shard % 2 == 0
    print(f"demand 18: longest of {tally['turns']} turns, {'' if queued else 'not '}queued: {tally['longest_ms']} ms")
    assert not queued or tally["longest_ms"] <= SLOWEST_WRITE_MS, tally
    return Counter(turns=tally["turns"], lost=tally["lost"])


def interleaved(shard: int, _folder: Path) -> Counter[str]:
    print(f"seed {1_000 + shard}")
    return machine.run(1_000 + shard, 50) + Counter(runs=50)


def mutants(_shard: int, _folder: Path) -> Counter[str]:
    return _command(sys.executable, "-m", "tests.mutants")


def checked(shard: int, _folder: Path) -> Counter[str]:
    """Demands whose test runs its full count anyway."""
    return _command(sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", _FULL_ANYWAY[shard])


_FULL_ANYWAY = (
    "tests/services/test_provider_calls.py",
    "tests/services/test_vanished_claims.py",
    "tests/services/test_idempotency.py",
    "tests/services/test_canaries.py",
)


def _command(*words: str) -> Counter[str]:
    """What a command prints about demands is printed; it fails as a shard does."""
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    told = [line.lstrip(".") for line in done.stdout.splitlines() if line.lstrip(".").startswith("demand ")]
    print("\n".join(told))
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
    return Counter(lines=len(told))


DEMANDS: tuple[Demand, ...] = (
    Demand("1", 20, race, "{numbers} numbers × 16 processes, faults, {calls} calls: {charged} charged, 0 doubles"),
    Demand("1 good", 2, good_race, "{numbers} numbers × 16 processes, no faults: {charged} charged, 0 doubles"),
    Demand("1 renewal", 4, renewals, "{numbers} renewals × 16 processes: {charged} charged, 0 doubles, sound chains"),
    Demand("1 repairs", 5, repairs, "{repairs} repairs of the same records at once: 0 charges, 0 unhandled"),
    Demand("2", 20, wire, "{purchases} purchases, {faults} met a fault: 0 doubles, {calling} calling, {left} left"),
    Demand("3", 50, killed, "{kills} kills at every named step: 0 second charges, 0 lost records, recovery ≤ 5 s"),
    Demand("3 statements", len(_STATEMENTS), broken, "{places} failing statements: 0 doubles, 0 untrue endings"),
    Demand("4", 1, mutants, "mutants, see above"),
    Demand("6, 12, 15, 22", len(_FULL_ANYWAY), checked, "{lines} figures, see above"),
    Demand("13", 5, unanswered, "{again} re-sends after {time_outs} time-outs"),
    Demand("15 held", len(HELD), held, "{requests} requests at 1,000/s: {duplicates} duplicates, {twice} twice"),
    Demand("16", 10, stopped, "{stopped} stopped past the lease: 0 overwrites, {evidence} answers kept"),
    Demand("18", 4, written, "{lost} of {turns} updates lost"),
    Demand("24", 10, interleaved, "{runs} runs, {steps} steps, {crashes} crashes: 0 violations", spare=60),
    *(Demand(*one) for one in broken_servers.DEMANDS),
)
