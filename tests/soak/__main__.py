"""Runs all demands with their full counts: `make soak`. Finished shards are stored, so a soak can be stopped and
continued later. A demand is a requirement that a test checks with a small count and the soak with a large one; a
shard is a part of it that runs in a process of its own.

    python -m tests.soak [--minutes 90] [--workers 2] [--fresh] [DEMAND …]
    python -m tests.soak --shard DEMAND NUMBER     run one shard in this process
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.support.environment import isolate_environment

ROOT = Path(__file__).resolve().parents[2]
RESULTS_FILE = ROOT / ".soak" / "results.jsonl"
DEFAULT_MINUTES = 90.0


@dataclass(frozen=True, slots=True)
class DemandShard:
    """One part of a demand. If `is_required` is True, the full count of the demand includes the shard; otherwise it
    runs only in time that is left. `limit_seconds` is the shard's time limit.
    """

    demand: str
    number: int
    is_required: bool
    limit_seconds: int


def main(arguments: Sequence[str]) -> int:
    """Run the shards that have no stored result. Return the exit status: 0 if every shard that ran has passed and no
    needed shard is missing.
    """
    options = parse_arguments(arguments)
    if options.shard:
        return run_one_shard(options.shard[0], int(options.shard[1]))
    deadline = time.monotonic() + options.minutes * 60
    results = ShardResults(RESULTS_FILE, deletes_earlier=options.fresh)
    shards = [shard for shard in list_all_shards() if not options.demands or shard.demand in options.demands]
    waiting = [shard for shard in shards if not results.has_result(shard)]
    print(f"{len(waiting)} of {len(shards)} shards to do, at most {options.minutes:.0f} minutes", flush=True)
    with ThreadPoolExecutor(options.workers) as pool:
        for _ in pool.map(lambda shard: results.add_result(shard, *run_shard_process(shard, deadline)), waiting):
            pass
    return print_verdicts(shards, results)


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line, and return its options."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("demands", nargs="*", help="only these, such as 1 24 '3 statements'")
    parser.add_argument("--minutes", type=float, default=DEFAULT_MINUTES)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="shards at the same time")
    parser.add_argument("--fresh", action="store_true", help="forget what was done before")
    parser.add_argument("--shard", nargs=2, metavar=("DEMAND", "NUMBER"), help="run one shard in this process")
    return parser.parse_args(arguments)


def list_all_shards() -> Iterator[DemandShard]:
    """Yield the shards of all demands. First come the shards that each demand needs, then spare shards, which run
    only if time is left.
    """
    from tests.soak.demands import DEMANDS

    for demand in DEMANDS:
        yield from (
            DemandShard(demand.name, number, True, demand.limit_seconds) for number in range(demand.shard_count)
        )
    for demand in DEMANDS:
        more = range(demand.shard_count, demand.shard_count + demand.spare_shard_count)
        yield from (DemandShard(demand.name, number, False, demand.limit_seconds) for number in more)


class ShardResults:
    """The stored results of shards, one line of JSON each. Of earlier results, only those of shards that passed with
    the present source code count. With `deletes_earlier`, earlier results are deleted.
    """

    def __init__(self, file: Path, *, deletes_earlier: bool) -> None:
        self._file = file
        self._source = compute_source_hash()
        self._done: dict[tuple[str, int], tuple[bool, Counter[str]]] = {}
        file.parent.mkdir(exist_ok=True)
        if deletes_earlier:
            file.unlink(missing_ok=True)
        for line in file.read_text("utf-8").splitlines() if file.exists() else ():
            result = json.loads(line)
            if result["source"] == self._source and result["ok"]:
                self._done[result["demand"], result["number"]] = (True, Counter(result["counts"]))

    def has_result(self, shard: DemandShard) -> bool:
        """Return True if the shard passed earlier, or has run in this process, whether it passed or failed."""
        return (shard.demand, shard.number) in self._done

    def add_result(self, shard: DemandShard, ok: bool | None, output: str) -> None:
        """Store and print the result of a shard. `ok` is True if the shard passed, False if it failed, and None if
        there was no time to run it; None isn't stored. The last line of `output` has the shard's counts as JSON.
        """
        if ok is None:
            return
        counts = Counter(json.loads(output.splitlines()[-1])) if ok else Counter()
        self._done[shard.demand, shard.number] = (ok, counts)
        line = {"source": self._source, "demand": shard.demand, "number": shard.number, "ok": ok, "counts": counts}
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        demand_lines = [line for line in output.splitlines() if line.startswith("demand ")]
        again = f"python -m tests.soak --shard '{shard.demand}' {shard.number}"
        words = "sound" if ok else f"FAILED; again with: {again}\n{output[-4_000:]}"
        print("\n".join([*demand_lines, f"  demand {shard.demand} shard {shard.number}: {words}"]), flush=True)

    def count_results(self, shards: Sequence[DemandShard]) -> tuple[int, int, Counter[str]]:
        """Return the number of these shards that passed, the number that failed, and the sums of their counts by
        name."""
        went = [self._done[shard.demand, shard.number] for shard in shards if self.has_result(shard)]
        total: Counter[str] = Counter()
        for _, counts in went:
            total.update(counts)
        return sum(ok for ok, _ in went), sum(not ok for ok, _ in went), total


def print_verdicts(shards: Sequence[DemandShard], results: ShardResults) -> int:
    """Print one line for each demand, with its counts. Return the exit status: 1 if a shard failed or a needed shard
    has no result, else 0.
    """
    from tests.soak.demands import DEMANDS

    status = 0
    for demand in DEMANDS:
        mine = [shard for shard in shards if shard.demand == demand.name]
        if not mine:
            continue
        sound, failed, counts = results.count_results(mine)
        missing = [shard for shard in mine if shard.is_required and not results.has_result(shard)]
        status |= bool(failed or missing)
        verdict = f"FAILED in {failed} shards" if failed else f"{len(missing)} shards missing" if missing else "holds"
        print(f"demand {demand.name}: {verdict}: {demand.figures_format.format_map(counts)} ({sound} shards)")
    return status


def run_shard_process(shard: DemandShard, deadline: float) -> tuple[bool | None, str]:
    """Run a shard in a process of its own. Return whether the shard passed, and its output; a shard that exceeds its
    time limit has failed. Return (None, "") if the time of the soak is over, which ends at `deadline` (monotonic
    seconds).
    """
    remaining_seconds = deadline - time.monotonic()
    if remaining_seconds <= 0:
        return None, ""
    words = [sys.executable, "-m", "tests.soak", "--shard", shard.demand, str(shard.number)]
    try:
        done = subprocess.run(
            words, cwd=ROOT, capture_output=True, text=True, timeout=shard.limit_seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return False, f"took longer than {shard.limit_seconds} s"
    return done.returncode == 0, done.stdout if done.returncode == 0 else done.stdout + done.stderr


def run_one_shard(name: str, number: int) -> int:
    """Run the shard `number` (from 0) of the demand `name` in this process, and print its counts as JSON in the last
    line. Return the exit status, always 0.

    Raises the AssertionError of a failed shard.
    """
    home = isolate_environment()
    from tests.soak.demands import DEMANDS
    from tests.support.quick_desks import make_quick_folder

    (demand,) = [demand for demand in DEMANDS if demand.name == name]
    with home, make_quick_folder() as folder:
        counts = demand.run(number, folder)
    print(json.dumps(counts))
    return 0


def compute_source_hash() -> str:
    """Return a hash of all Python files of the program and the tests."""
    mark = hashlib.sha256()
    for file in sorted([*ROOT.glob("console/**/*.py"), *ROOT.glob("tests/**/*.py")]):
        mark.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes())
    return mark.hexdigest()[:16]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
