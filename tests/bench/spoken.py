"""Goal 29: the time from a key press to the announcement of its result to a screen reader, in the tests of a day's
work."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

from tests.bench.figures import ReportRow, format_duration
from tests.desk.test_day_aloud import LONGEST_DELAY_PROPERTY

ROOT = Path(__file__).resolve().parents[2]
_TEST_FILES = ("tests/desk/test_day_aloud.py", "tests/desk/test_desk_aloud.py")
_GOAL_SECONDS = 0.3


def measure_rows(goal_numbers: frozenset[int]) -> Iterator[ReportRow]:
    """Run the tests that use only the accessibility tree, and yield one row of the report with the longest delay. If
    a test fails, the row counts as not measured, and the output of the test is written to stderr."""
    if 29 not in goal_numbers:
        return
    with TemporaryDirectory(prefix="console-bench-") as folder:
        report = Path(folder) / "report.xml"
        options = ("-q", "-p", "no:randomly", "-o", "junit_family=xunit1", f"--junitxml={report}")
        command = [sys.executable, "-m", "pytest", *options, *_TEST_FILES]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            print(done.stdout, file=sys.stderr)
        properties = ElementTree.parse(report).iterfind(f".//property[@name='{LONGEST_DELAY_PROPERTY}']")
        delays = [float(one.attrib["value"]) for one in properties]
    longest = max(delays, default=0.0)
    is_met = longest <= _GOAL_SECONDS if done.returncode == 0 and delays else None
    what = f"an act until it is heard, the longest of {len(delays)} days of work, work of the event loop"
    yield ReportRow(
        "29",
        what,
        format_duration(longest),
        "–",
        "–",
        "–" if done.returncode == 0 else "tests failed",
        "≤ 300 ms",
        is_met,
    )
