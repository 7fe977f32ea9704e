"""Every demand at full count: `make soak`. What was done is remembered, so it can be stopped and taken up again.

python -m tests.soak [--minutes 90] [--workers 2] [--fresh] [demand …]
python -m tests.soak --shard DEMAND NUMBER     one shard, here and now
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

from tests.support.environment import isolate

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / ".soak" / "results.jsonl"
MINUTES = 90.0


@dataclass(frozen=True, slots=True)
class Shard:
    """One part of one demand; `needed`: the demand's count includes it; `seconds`: the longest that it may take."""

    demand: str
    number: int
    needed: bool
    seconds: int


def main(words: Sequence[str]) -> int:
    """Exit status 0 when every shard that ran was sound and none that is needed is missing."""
    asked = arguments(words)
    if asked.shard:
        return one_shard(asked.shard[0], int(asked.shard[1]))
    deadline = time.monotonic() + asked.minutes * 60
    results = Results(KEPT, fresh=asked.fresh)
    shards = [shard for shard in all_shards() if not asked.demands or shard.demand in asked.demands]
    waiting = [shard for shard in shards if not results.has(shard)]
    print(f"{len(waiting)} of {len(shards)} shards to do, at most {asked.minutes:.0f} minutes", flush=True)
    with ThreadPoolExecutor(asked.workers) as pool:
        for _ in pool.map(lambda shard: results.add(shard, *run(shard, deadline)), waiting):
            pass
    return tell(shards, results)


def arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("demands", nargs="*", help="only these, such as 1 24 '3 statements'")
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="shards at the same time")
    parser.add_argument("--fresh", action="store_true", help="forget what was done before")
    parser.add_argument("--shard", nargs=2, metavar=("DEMAND", "NUMBER"), help="run one shard in this process")
    return parser.parse_args(words)


def all_shards() -> Iterator[Shard]:
    """Needed ones first, so that time that is left goes to the spare ones."""
    from tests.soak.demands import DEMANDS

    for demand in DEMANDS:
        yield from (Shard(demand.name, number, True, demand.seconds) for number in range(demand.shards))
    for demand in DEMANDS:
        more = range(demand.shards, demand.shards + demand.spare)
        yield from (Shard(demand.name, number, False, demand.seconds) for number in more)


class Results:
    """The results of shards, one line each; a line counts as long as the source is the same."""

    def __init__(self, file: Path, *, fresh: bool) -> None:
        self._file = file
        self._source = source_mark()
        self._done: dict[tuple[str, int], tuple[bool, Counter[str]]] = {}
        file.parent.mkdir(exist_ok=True)
        if fresh:
            file.unlink(missing_ok=True)
        for line in file.read_text("utf-8").splitlines() if file.exists() else ():
            kept = json.loads(line)
            if kept["source"] == self._source and kept["ok"]:
                self._done[kept["demand"], kept["number"]] = (True, Counter(kept["counts"]))

    def has(self, shard: Shard) -> bool:
        return (shard.demand, shard.number) in self._done

    def add(self, shard: Shard, ok: bool | None, output: str) -> None:
        """Keep how a shard went; None: there was no time for it."""
        if ok is None:
            return
        counts = Counter(json.loads(output.splitlines()[-1])) if ok else Counter()
        self._done[shard.demand, shard.number] = (ok, counts)
        line = {"source": self._source, "demand": shard.demand, "number": shard.number, "ok": ok, "counts": counts}
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        told = [line for line in output.splitlines() if line.startswith("demand ")]
        again = f"python -m tests.soak --shard '{shard.demand}' {shard.number}"
        words = "sound" if ok else f"FAILED; again with: {again}\n{output[-4_000:]}"
        print("\n".join([*told, f"  demand {shard.demand} shard {shard.number}: {words}"]), flush=True)

    def of(self, shards: Sequence[Shard]) -> tuple[int, int, Counter[str]]:
        """Of these shards: how many were sound, how many failed, and the sum of their counts."""
        went = [self._done[shard.demand, shard.number] for shard in shards if self.has(shard)]
        total: Counter[str] = Counter()
        for _, counts in went:
            total.update(counts)
        return sum(ok for ok, _ in went), sum(not ok for ok, _ in went), total


def tell(shards: Sequence[Shard], results: Results) -> int:
    """One line per demand with its figure; the exit status."""
    from tests.soak.demands import DEMANDS

    status = 0
    for demand in DEMANDS:
        mine = [shard for shard in shards if shard.demand == demand.name]
        if not mine:
            continue
        sound, failed, counts = results.of(mine)
        missing = [shard for shard in mine if shard.needed and not results.has(shard)]
        status |= bool(failed or missing)
        verdict = f"FAILED in {failed} shards" if failed else f"{len(missing)} shards missing" if missing else "holds"
        print(f"demand {demand.name}: {verdict}: {demand.figure.format_map(counts)} ({sound} shards)")
    return status


def run(shard: Shard, deadline: float) -> tuple[bool | None, str]:
    """A shard in a process of its own: whether it was sound, and what it said. None when the time was over."""
    left = deadline - time.monotonic()
    if left <= 0:
        return None, ""
    words = [sys.executable, "-m", "tests.soak", "--shard", shard.demand, str(shard.number)]
    try:
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=shard.seconds, check=False)
    except subprocess.TimeoutExpired:
        return False, f"took longer than {shard.seconds} s"
    return done.returncode == 0, done.stdout if done.returncode == 0 else done.stdout + done.stderr


def one_shard(name: str, number: int) -> int:
    """Run it; its counts as JSON are the last line. Raises what it finds."""
    home = isolate()
    from tests.soak.demands import DEMANDS
    from tests.support.quick_desks import quick_folder

    (demand,) = [demand for demand in DEMANDS if demand.name == name]
    with home, quick_folder() as folder:
        counts = demand.run(number, folder)
    print(json.dumps(counts))
    return 0


def source_mark() -> str:
    """One hash over all source: results of other source say nothing about this one."""
    mark = hashlib.sha256()
    for file in sorted([*ROOT.glob("console/**/*.py"), *ROOT.glob("tests/**/*.py")]):
        mark.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes())
    return mark.hexdigest()[:16]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
