"""Fixtures that apply to every test: a separate environment, and connections to this machine only. A test fails if it
logs an unexpected warning, or leaves a thread running or a file open.
"""

import gc
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.support import garbage, guards, left_widgets, server_run
from tests.support.environment import isolate_environment

pytest_plugins = [
    "tests.support.server_fixtures",
    "tests.support.place_fixtures",
    "tests.support.file_seconds",
    "tests.support.drawn_variants",
    "tests.support.bytecode",
    "tests.support.brief_reports",
]

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication
    from pytestqt.qtbot import QtBot

# Memory, also for pytest's own folders and those of child processes: a commit on a disk waits milliseconds, and
# a kill -9, unlike a power cut, loses nothing in memory.
tempfile.tempdir = os.environ["TMPDIR"] = str(server_run.find_folder_with_free_space())

# Before anything of Qt, keyring or ours is imported.
_home = isolate_environment()

# Imported modules and collected tests stay to the end: a third of the collection's time went into their garbage.
gc.disable()

# Two cores are shared with race tests: how long one example took says nothing.
settings.register_profile("suite", deadline=None, print_blob=True)
settings.load_profile("suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--through-worker", action="store_true", help="window tests at desks that ask a worker")


def pytest_collection_finish() -> None:
    """Exclude the collected tests from Python's garbage collection: they are thousands of objects that exist until
    the end of the run. The garbage among them isn't collected first: that takes a second in each worker process.
    """
    gc.freeze()
    gc.enable()


def pytest_unconfigure() -> None:
    _home.cleanup()


@pytest.fixture(scope="session", autouse=True)
def network_guard() -> Iterator[guards.NetworkBlocker]:
    """Allow connections to this machine only, for the whole run."""
    guard = guards.NetworkBlocker()
    with pytest.MonkeyPatch.context() as patch:
        guard.install(patch)
        guards.record_starters_of_threads(patch)
        guards.watch_connections(patch)
        yield guard


@pytest.fixture(scope="session")
def qapp(qapp: "QApplication") -> "QApplication":
    """Return the Qt application. From its creation on, automatic garbage collection is off and only the main thread
    collects garbage, as in the product.
    """
    gc.disable()
    return qapp


@pytest.fixture
def qtbot(qapp: "QApplication", request: pytest.FixtureRequest) -> "QtBot":
    """Return a bot that waits for widgets and signals, also on a busy machine."""
    from tests.support.long_wait_bot import LongWaitQtBot

    return LongWaitQtBot(request)


@pytest.fixture(autouse=True)
def fail_tests_with_side_effects(
    request: pytest.FixtureRequest, network_guard: guards.NetworkBlocker
) -> Iterator[None]:
    """Fail a test that has used the network, logged an unexpected warning, or left a thread running or a connection
    to an SQLite file open.
    """
    network_guard.attempts.clear()
    threads, windows = set(threading.enumerate()), left_widgets.list_window_addresses()
    with guards.collect_warnings() as logged:
        yield
        leaked = guards.find_leaked_threads(threads)
    while guards.objects_opened_by_tests:
        guards.objects_opened_by_tests.pop().close()
    left_widgets.delete_new_windows(windows)
    if unreadable_rows := sys.modules.get("console.store.database.unreadable_rows"):
        unreadable_rows.pop_unreported_rows()  # a desk of the next test would open a case about this test's rows
    if not gc.isenabled():
        garbage.collect_if_due()
    faults = [f"tried the network: {attempt}" for attempt in network_guard.attempts]
    faults += [f"left a thread running: {thread}" for thread in leaked]
    faults += [f"left a connection to SQLite open: {where}" for where in guards.unclosed_connections]
    guards.unclosed_connections.clear()
    expected = request.node.get_closest_marker("expects_log")
    if expected is None:
        faults += [f"logged, unexpected: {record}" for record in logged]
    elif not expected.args:
        faults.append("expects_log needs its reason: @pytest.mark.expects_log('why')")
    if faults:
        pytest.fail("\n".join(faults), pytrace=False)
