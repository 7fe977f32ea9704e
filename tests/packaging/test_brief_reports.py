"""Tests that a run with worker processes says the same if the workers send only the parts of reports that pytest
shows."""

import os
import re
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.support.brief_reports import BriefSender, shows_passed_tests

ROOT = Path(__file__).resolve().parents[2]
TESTS = """
import os, warnings, pytest

@pytest.fixture
def broken(): print("output of a setup"); assert 1 + 1 == 3

@pytest.fixture
def loud(): print("output of a setup"); yield; print("output of a teardown")

@pytest.fixture
def breaking(): yield; assert 2 + 2 == 5

def test_passes(loud): print("output of a test")
def test_fails(loud): print("output of a test"); assert 3 + 3 == 7
def test_fails_in_setup(broken): pass
def test_fails_in_teardown(breaking): pass
def test_is_skipped(): pytest.skip("why it is skipped")
@pytest.mark.skip(reason="why it is never run")
def test_is_never_run(): pass
@pytest.mark.xfail(reason="why it fails")
def test_fails_as_expected(): assert 4 + 4 == 9
@pytest.mark.xfail(reason="why it may fail")
def test_passes_unexpectedly(loud): pass
@pytest.mark.xfail(reason="why it must fail", strict=True)
def test_must_fail(loud): pass
def test_warns(): warnings.warn("a warning")
def test_passes_too(): pass
def test_has_parts(subtests):
    with subtests.test("first part"): pass
    with subtests.test("second part"): assert 5 + 5 == 11
def test_dies(loud): print(flush=True); os._exit(1)
"""
NO_FIELDS = dict.fromkeys(("$report_type", "nodeid", "location", "longrepr"))
COUNT_REPORTS = """
reports = []
def pytest_runtest_logreport(report): reports.append(report)
def pytest_terminal_summary(terminalreporter): terminalreporter.write_line(f"{len(reports)} reports")
"""


def test_a_test_run_prints_the_same_results_with_brief_reports(tmp_path: Path) -> None:
    """Tests fail in each of their phases, are skipped, warn, and end their worker process. Everything that is printed
    is the same, but the first process has read fewer reports.
    """
    (tmp_path / "pytest.ini").touch()
    (tmp_path / "conftest.py").write_text(COUNT_REPORTS)
    (tmp_path / "test_a.py").write_text(TESTS)
    full, brief = _run_tests(tmp_path), _run_tests(tmp_path, "-ptests.support.brief_reports")
    assert re.sub(r"\d+ reports", "", brief) == re.sub(r"\d+ reports", "", full)
    assert "crashed while running 'test_a.py::test_dies'" in brief
    assert ("38 reports" in full, "24 reports" in brief) == (True, True)


def _run_tests(folder: Path, *words: str) -> str:
    """Run pytest with one worker process, and return its output without the duration and addresses."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "1", "--max-worker-restart=0", "-ra", "-pxdist.plugin", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return re.sub(r"in [\d.]+s|0x[\da-f]+", "", done.stdout + done.stderr)


def _send_outcomes(*outcomes: str, properties: tuple[object, ...] = ()) -> list[tuple[str, Any]]:
    """Return the messages that are sent about a test whose setup, call and teardown have these outcomes and
    properties."""
    sent: list[tuple[str, Any]] = []
    send = BriefSender(lambda name, **values: sent.append((name, values.get("data"))))
    send("logstart", nodeid="test")
    for when, outcome in zip(("setup", "call", "teardown"), outcomes, strict=True):
        fields = {"when": when, "outcome": outcome, "keywords": {"a": 1}, "sections": ["printed"]}
        send("testreport", data={**NO_FIELDS, "user_properties": properties, **fields})
    send("logfinish", nodeid="test")
    send("runtest_protocol_complete", item_index=0)
    return sent


def test_one_short_report_is_sent_of_a_test_that_passes() -> None:
    (_, report), (last, _) = _send_outcomes("passed", "passed", "passed")
    assert (report["when"], report["keywords"], "sections" in report) == ("call", {}, False)
    assert last == "runtest_protocol_complete"


def test_reports_of_tests_with_properties_are_sent_unshortened() -> None:
    """The processor seconds of each test, for example, are measured in the worker and read in the first process."""
    reports = [report for _, report in _send_outcomes(*["passed"] * 3, properties=(("seconds", 0.1),)) if report]
    assert [report["when"] for report in reports] == ["setup", "call", "teardown"]
    assert all(report["sections"] == ["printed"] for report in reports)


@pytest.mark.parametrize(
    ("outcomes", "sent_phases"),
    [
        (("failed", "passed", "passed"), ["setup", "call", "teardown"]),
        (("passed", "failed", "passed"), ["call", "teardown"]),
        (("passed", "skipped", "passed"), ["call", "teardown"]),
        (("passed", "passed", "failed"), ["call", "teardown"]),
    ],
)
def test_reports_are_sent_whole_from_the_first_that_has_not_passed(
    outcomes: tuple[str, ...], sent_phases: list[str]
) -> None:
    """From the first phase of a test that hasn't passed, the reports are sent with all their sections."""
    reports = [report for _, report in _send_outcomes(*outcomes) if report]
    assert [report["when"] for report in reports] == sent_phases
    not_passed = reports[[report["outcome"] == "passed" for report in reports].index(False) :]
    assert all(report["sections"] == ["printed"] for report in not_passed)


@pytest.mark.parametrize(
    "changed_options",
    [{"verbose": 1}, {"durations": 0}, {"xmlpath": "x.xml"}, {"reportchars": "P"}, {}],
)
def test_whole_reports_are_sent_if_an_option_lists_passed_tests(changed_options: dict[str, object]) -> None:
    usual = {"verbose": -1, "durations": None, "xmlpath": None, "reportchars": "a"}
    config = SimpleNamespace(option=Namespace(**{**usual, **changed_options}))
    assert shows_passed_tests(cast("pytest.Config", config)) == bool(changed_options)
