"""Tests of the fixtures around every test, which report network access, warnings, threads that are left running, and
open connections.
"""

import gc
import logging
import os
import socket
import sqlite3
import threading
from pathlib import Path

import pytest

from tests.support import guards
from tests.support.environment import ALLOWED_VARIABLES, isolate_environment


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "example.com", b"example.com"])
def test_a_test_cannot_connect_to_another_machine(network_guard: guards.NetworkBlocker, host: str) -> None:
    """In a test, connecting to another machine or looking up its name fails as it does without a network, and the
    attempt is recorded.
    """
    with pytest.raises(OSError, match="tests"):
        socket.create_connection((host, 443), timeout=1)
    assert network_guard.attempts
    network_guard.attempts.clear()


def test_looking_up_an_impossible_host_name_is_no_network_attempt(network_guard: guards.NetworkBlocker) -> None:
    """A test may look up a host name that can't exist, in order to test a missing host. This isn't recorded as an
    attempt to use the network.
    """
    with pytest.raises(socket.gaierror):
        socket.create_connection(("provider.invalid", 443), timeout=1)
    assert network_guard.attempts == []


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", ""])
def test_addresses_of_this_machine_are_local(host: str) -> None:
    """Every name and address of this machine counts as local."""
    assert guards.is_local(host)


@pytest.mark.expects_log("it logs what is to be collected")
def test_log_messages_from_the_level_warning_are_collected() -> None:
    """Warnings and errors of every logger are collected, but no messages of lower levels."""
    with guards.collect_warnings() as logged:
        logging.getLogger("console.store").warning("lease of %s ran out", "op-a")
        logging.getLogger("console.store").info("nothing")
        logging.getLogger("urllib3").error("broken")
    assert logged == ["WARNING console.store: lease of op-a ran out", "ERROR urllib3: broken"]


@pytest.mark.expects_log("it logs the warning that the marker is there for")
def test_an_expected_warning_passes() -> None:
    """A test with the marker `expects_log` may log a warning."""
    logging.getLogger("console").warning("as expected")


def test_a_thread_left_running_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that a test leaves running is reported with its name and the line that started it. A daemon thread, or
    a thread that ends in time, isn't reported.
    """
    monkeypatch.setattr(guards, "THREAD_END_WAIT_SECONDS", 0.05)
    before, release = set(threading.enumerate()), threading.Event()
    stuck = threading.Thread(target=release.wait, name="stuck")
    for thread in (stuck, threading.Thread(target=release.wait, daemon=True), threading.Thread(target=int)):
        thread.start()
    leaked = guards.find_leaked_threads(before)
    release.set()
    stuck.join()
    assert len(leaked) == 1
    assert leaked[0].startswith("stuck, started by ")
    assert "test_guards.py:" in leaked[0]


def test_tests_see_no_settings_of_the_person_who_runs_them() -> None:
    """Tests can't see the settings, the keyring or the home folder of the person who runs them."""
    assert {name for name in os.environ if name.startswith("CONSOLE_")} <= ALLOWED_VARIABLES
    assert "console-tests-" in os.environ["HOME"]
    assert os.environ["PYTHON_KEYRING_BACKEND"] == "keyring.backends.fail.Keyring"


@pytest.mark.parametrize(("request_environment", "display"), [({}, None), ({"QT_QPA_PLATFORM": "xcb"}, ":1")])
def test_a_display_is_used_only_on_request(request_environment: dict[str, str], display: str | None) -> None:
    """Tests open their windows offscreen, unless the person who runs them names a Qt platform."""
    environ = {"DISPLAY": ":1", "CONSOLE_LANGUAGE": "en", **request_environment}
    isolate_environment(environ).cleanup()
    assert environ.get("DISPLAY") == display
    assert environ["QT_QPA_PLATFORM"] == request_environment.get("QT_QPA_PLATFORM", "offscreen")
    assert "CONSOLE_LANGUAGE" not in environ


def test_a_connection_that_was_not_closed_is_named(tmp_path: Path) -> None:
    """A database connection that a test hasn't closed is reported with the line that opened it. A closed connection
    isn't reported, whichever code has closed it.
    """
    gc.collect()  # what an earlier test has left is not named here
    guards.unclosed_connections.clear()
    sqlite3.connect(tmp_path / "closed.db").close()
    assert guards.unclosed_connections == []
    sqlite3.connect(tmp_path / "left.db")
    gc.collect()  # a connection and its statements refer to each other
    assert [where.partition(":")[0] for where in guards.unclosed_connections] == [__file__]
    guards.unclosed_connections.clear()


@pytest.mark.engines("sqlite", "galera")
def test_only_variants_on_the_cluster_wait_for_their_turn(request: pytest.FixtureRequest, engine: str) -> None:
    """Of a test on several databases, the variant on SQLite starts no cluster and waits for no test on it."""
    assert request.fixturenames.count("galera_turn") == (engine == "galera")
