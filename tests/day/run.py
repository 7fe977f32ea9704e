"""Runs a day from its first order until nothing is due any more, and lets the oracle check it.

python -m tests.day.run ORDERS [SEED] [scale=10 …]     run a day in this process, and print its progress
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

from tests.day import facts, oracle, plan, worker_logs
from tests.day.course_runner import CourseRunner
from tests.day.course_steps import OrderCourses
from tests.day.day_faults import DayFaults
from tests.day.facts import DayFacts
from tests.day.people import Diary, ProgressReader
from tests.day.plan import DayParameters
from tests.day.surroundings import DaySurroundings, open_surroundings

PrintLine = Callable[[str], None]
_CHECK_INTERVAL_SECONDS = 0.5
_PROGRESS_INTERVAL_SECONDS = 20.0
_ORDERS_CHECKED_PER_SECOND = 4_000
_ALERT_RULES_INTERVAL_SECONDS = 60
"""Interval (seconds of the product's clock) of the due task that evaluates the alert rules."""


@dataclass(frozen=True)
class EndedDay:
    """A day that has ended: its final state and its counts."""

    facts: DayFacts
    event_counts: Counter[str]


def run_day(day: DayParameters, folder: Path, print_line: PrintLine = lambda _: None) -> EndedDay:
    """Run the day, and return its final state; the caller lets the oracle check it. `print_line` prints the progress.
    Raises AssertionError if a course fails or a worker doesn't end properly. The error then contains the errors in
    the workers' logs, which stay in `folder`.
    """
    try:
        return _run_programs_and_courses(day, folder, print_line)
    except BaseException as error:
        error.add_note(worker_logs.list_log_errors(folder))
        raise


def _run_programs_and_courses(day: DayParameters, folder: Path, print_line: PrintLine) -> EndedDay:
    """Start all parts of the day, run its courses until nothing is due any more, end the parts, and return the final
    state.
    """
    began = time.monotonic()
    with open_surroundings(day, folder) as surroundings:
        courses = OrderCourses(surroundings)
        runner = CourseRunner(
            courses.make_all(plan.make_order_plans(day)), ProgressReader(surroundings).read_progress, day
        )
        print_line(f"open after {time.monotonic() - began:.1f} s")
        with (
            DayFaults(surroundings, lambda: runner.begun_count) as faults,
            _print_progress(runner, faults, print_line),
        ):
            runner.run()
        print_line(f"the last order has ended after {time.monotonic() - began:.1f} s: {dict(faults.fault_counts)}")
        quiet = _wait_until_quiet(surroundings, courses, print_line)
        print_line(f"quiet ({quiet}) after {time.monotonic() - began:.1f} s")
        assert [worker.end() for worker in surroundings.workers] == [0] * len(surroundings.workers)
        # A worker may have sent a refund since the last probe, and nobody sends one from now on.
        courses.probe_sent_refunds(is_closed=True)
        ended = facts.read_facts(surroundings, courses.diary)
        event_counts = _count_events(surroundings, ended, faults, courses.diary)
    event_counts["seconds"] = round(time.monotonic() - began)
    return EndedDay(ended, event_counts)


@contextmanager
def _print_progress(runner: CourseRunner, faults: DayFaults, print_line: PrintLine) -> Iterator[None]:
    """Print the progress of the day at intervals until the block ends."""
    over = Event()

    def print_progress_line() -> None:
        while not over.wait(_PROGRESS_INTERVAL_SECONDS):
            print_line(f"{runner.begun_count} begun, {runner.ended_count} ended, {dict(faults.fault_counts)}")

    thread = Thread(target=print_progress_line, name="telling")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _wait_until_quiet(surroundings: DaySurroundings, courses: OrderCourses, print_line: PrintLine) -> bool:
    """Wait until the oracle reports no error, and then for as long as a wrong alert would need to appear. Meanwhile
    people continue to probe refunds. Return False if that isn't reached within `max_wait_seconds` seconds.
    """
    day = surroundings.day
    deadline = time.monotonic() + day.max_wait_seconds
    settle = day.grace + 2 * _ALERT_RULES_INTERVAL_SECONDS / day.scale
    since, before = None, [""]
    while time.monotonic() < deadline:
        courses.probe_sent_refunds()
        busy = _list_remaining_errors(surroundings, courses.diary)
        since = (since or time.monotonic()) if not busy else None
        if since is not None and time.monotonic() - since > settle:
            return True
        if busy[:2] != before[:2]:
            print_line(f"  {len(busy)}: {busy[:4]}")
        before = busy
        pause_seconds = max(_CHECK_INTERVAL_SECONDS, day.order_count / _ORDERS_CHECKED_PER_SECOND)
        time.sleep(pause_seconds)  # house: between two checks of a whole day
    return False


def _list_remaining_errors(surroundings: DaySurroundings, diary: Diary) -> list[str]:
    """Return the errors that the oracle reports now and that due tasks must still remove; ["notices"] while notices
    are being delivered.
    """
    if not surroundings.notice_deliverer.is_idle:
        return ["notices"]
    return oracle.find_errors(facts.read_facts(surroundings, diary, verifies_audit_trail=False))


def _count_events(
    surroundings: DaySurroundings, end_facts: DayFacts, faults: DayFaults, diary: Diary
) -> Counter[str]:
    """Return the counts of the day by the name of the event, such as `orders`, `lost` (notices) or `worker_kills`,
    and the number of rows in each state, such as `payments completed`."""
    notice_counts, scored = surroundings.notice_deliverer.event_counts, oracle.compute_score(end_facts)
    event_counts = Counter(faults.fault_counts)
    event_counts.update(
        orders=len(end_facts["orders"]), payments=len(end_facts["payments"]), refunds=len(end_facts["refunds"]),
        given_up=len(diary.given_up), unanswered=len(diary.unanswered),
        taken_over=sum(int(row["fence"]) > 1 for row in end_facts["requests"]),
        notices=notice_counts["notices"], lost=notice_counts["lost"],
        doubled=notice_counts["doubled"], late=notice_counts["late"],
        deliveries=sum(n for name, n in notice_counts.items() if name.startswith("answered")),
        not_taken=notice_counts["answered 503"] + notice_counts["answered 0"], refused=notice_counts["answered 400"],
        planned=scored.planned_count, raised=scored.raised_count, right=scored.correct_count,
        messages=len(end_facts.messages), events=len(end_facts["outbox"]), audit_rows=end_facts.audit_row_count,
    )  # fmt: skip
    names = {"orders": "status", "payments": "status", "refunds": "status", "alerts": "rule_id", "requests": "state"}
    for table, name in names.items():
        event_counts.update(f"{table} {row[name]}" for row in end_facts[table])
    return event_counts


def format_counts(ended_day: EndedDay) -> str:
    """Return the counts of the day as one line of text."""
    counts, scored = ended_day.event_counts, oracle.compute_score(ended_day.facts)
    return (
        f"{counts['orders']} orders in {counts['seconds']} s; of {counts['notices']} notices {counts['lost']} lost,"
        f" {counts['doubled']} doubled, {counts['late']} late; {counts['worker_kills']} workers and"
        f" {counts['database_kills']} databases killed, {counts['outages']} outages,"
        f" {counts['broken_answers']} broken answers; {scored.planned_count} planned,"
        f" {scored.raised_count} raised, precision {scored.precision:.3f}, recall {scored.recall:.3f}"
    )


def main(arguments: list[str]) -> int:
    """Run a day by these arguments, and print the errors that the oracle finds. Return the exit status: 0 if it finds
    none."""
    from tests.support.environment import isolate_environment
    from tests.support.quick_desks import make_quick_folder

    more: dict[str, Any] = {name: json.loads(text) for name, text in (word.split("=") for word in arguments[2:])}
    day = DayParameters(int(arguments[0]), int(arguments[1]) if len(arguments) > 1 else 1, **more)

    def print_line(text: str) -> None:
        print(time.strftime("%H:%M:%S", time.gmtime()), text, flush=True)

    with isolate_environment(), make_quick_folder() as folder:
        ended = run_day(day, folder, print_line)
    wrong = oracle.find_errors(ended.facts)
    print_line("\n".join([*wrong[:40], f"{len(wrong)} wrong", str(dict(ended.event_counts)), format_counts(ended)]))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
