"""Tests in forked worker processes end as they do in one process, whatever happens to a worker."""

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.support.waiting import PATIENCE_SECONDS, wait_until

PROJECT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system can't fork")

OUTCOMES = """
import os, tempfile, warnings
import pytest

@pytest.fixture(scope="module")
def made():
    with open("made", "a") as file:
        print(__name__, file=file)
    yield
    with open("unmade", "a") as file:
        print(__name__, os.environ["HOME"], tempfile.gettempdir(), file=file)

@pytest.fixture
def broken():
    raise RuntimeError("in the fixture")

@pytest.fixture
def torn():
    yield
    raise RuntimeError("after the test")

@pytest.mark.parametrize("number", range(5))
def test_numbers(made, number, tmp_path):
    print("printed", tmp_path)
    assert number != 3

def test_skipped(): pytest.skip("no time")

@pytest.mark.xfail
def test_known(): assert False

def test_no_setup(broken): pass
def test_no_teardown(torn): pass
def test_warned(): warnings.warn("a warning of a test")
"""
CRASH = """
import os, signal
def test_before(): pass
def test_crash(): os.kill(os.getpid(), signal.SIGKILL)
def test_after(): pass
"""
CRASHES = """
import os, pytest
@pytest.mark.parametrize("number", range(40))
def test_crash(number): os._exit(3)
"""
THREAD = """
import threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
def test_nothing(): pass
"""
HANGING = """
import os, threading
def test_hangs():
    with open("pid.new", "w") as file:
        file.write(str(os.getpid()))
    os.rename("pid.new", "pid")
    threading.Event().wait()
def test_later(): open("later", "w").close()
"""
MEETING = """
import os
def test_it():
    print("printed by NAME")
    os.open("meeting", os.MODE)  # waits for the other test
    assert False
"""


def _command(folder: Path, *options: str) -> list[str]:
    plugin = ("-p", "tests.support.forked_workers", "-p", "no:cacheprovider")
    return [sys.executable, "-m", "pytest", *plugin, "-v", "-c", os.devnull, "--rootdir", str(folder), *options]


def _environment() -> dict[str, str]:
    return os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(PROJECT)}


def _run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the tests in the folder with these options of pytest, without its other plugins."""
    command, limit = _command(folder, *options), PATIENCE_SECONDS
    return subprocess.run(
        command, env=_environment(), cwd=folder, capture_output=True, text=True, check=False, timeout=limit
    )


def _read_outcomes(out: str) -> Counter[tuple[str, str]]:
    """Return how often each test had each outcome, from the lines of pytest's option -v."""
    forked = re.findall(r"^\[w\d+\] .*?\] ([A-Z]+) (\S+)", out, re.MULTILINE)
    alone = re.findall(r"^(\S+::\S+) ([A-Z]+) ", out, re.MULTILINE)
    return Counter(forked) or Counter((outcome, test) for test, outcome in alone)


def test_each_test_ends_as_in_one_process(tmp_path: Path) -> None:
    """Failures in a test, a fixture or its end, skipped tests and warnings are reported once, with what was printed.
    A file's tests share the fixture of their module; each worker has a home and temporary files of its own.
    """
    for name in ("one", "two", "three"):
        (tmp_path / f"test_{name}.py").write_text(OUTCOMES)
    alone, made = _run(tmp_path), tmp_path / "made"
    assert Counter(made.read_text().split()) == {"test_one": 1, "test_two": 1, "test_three": 1}
    made.write_text("")
    (tmp_path / "unmade").write_text("")
    forked = _run(tmp_path, "--forked-workers", "2")
    assert _read_outcomes(forked.stdout) == _read_outcomes(alone.stdout)
    assert sum(_read_outcomes(forked.stdout).values()) == 3 * 11
    assert forked.returncode == alone.returncode == 1
    assert "3 warnings" in forked.stdout
    assert forked.stdout.count("a warning of a test") == alone.stdout.count("a warning of a test")
    assert "printed" in forked.stdout
    assert Counter(made.read_text().split()) == {"test_one": 1, "test_two": 1, "test_three": 1}
    lines = [line.split() for line in (tmp_path / "unmade").read_text().splitlines()]
    homes, folders = {home for _, home, _ in lines}, {folder for _, _, folder in lines}
    assert len(homes) == len(folders) == 2
    assert os.environ["HOME"] not in homes
    assert not [folder for folder in folders if Path(folder).exists()]


def test_each_failure_shows_what_its_test_printed(tmp_path: Path) -> None:
    """Two tests have printed before either of them fails."""
    os.mkfifo(tmp_path / "meeting")
    for name, mode in (("one", "O_RDONLY"), ("two", "O_WRONLY")):
        (tmp_path / f"test_{name}.py").write_text(MEETING.replace("NAME", name).replace("MODE", mode))
    done = _run(tmp_path, "--forked-workers", "2")
    sections = re.findall(r"^-+ Captured stdout call -+\n(.*)\n(.*)\n", done.stdout, re.MULTILINE)
    assert sorted(printed for printed, _ in sections) == ["printed by one", "printed by two"]
    assert not [following for _, following in sections if following.startswith("printed")]


def test_the_rest_of_a_file_runs_after_a_crash(tmp_path: Path) -> None:
    """The test that ended its worker fails with the worker's exit status."""
    (tmp_path / "test_one.py").write_text(CRASH)
    done = _run(tmp_path, "--forked-workers", "2")
    ended = {"test_before": "PASSED", "test_crash": "FAILED", "test_after": "PASSED"}
    assert _read_outcomes(done.stdout) == {(outcome, f"test_one.py::{test}"): 1 for test, outcome in ended.items()}
    assert "worker w0 ended with status -9 during test_one.py::test_crash" in done.stdout
    assert done.returncode == 1


def test_a_fault_that_ends_every_worker_ends_the_run(tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text(CRASHES)
    done = _run(tmp_path, "--forked-workers", "1")
    assert "worker w20 ended with status 3; 21 have crashed" in done.stdout
    assert done.returncode == pytest.ExitCode.INTERNAL_ERROR


def test_a_thread_of_the_collection_is_refused(tmp_path: Path) -> None:
    """A lock that it holds during the fork would stay locked in the worker."""
    (tmp_path / "test_one.py").write_text(THREAD)
    done = _run(tmp_path, "--forked-workers", "1")
    assert "the collection has started a thread" in done.stdout
    assert done.returncode == pytest.ExitCode.INTERNAL_ERROR


def test_no_file_is_begun_after_as_many_failures_as_told(tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text("def test_one(): assert False\n")
    for number in range(200):
        (tmp_path / f"test_two_{number}.py").write_text("def test_two(): pass\n")
    done = _run(tmp_path, "--forked-workers", "1", "--exitfirst")
    assert "stopping after 1 failures" in done.stdout
    assert done.returncode == 1
    assert sum(_read_outcomes(done.stdout).values()) < 201


def test_what_can_not_be_collected_is_told(tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text("def test_one(:\n")
    (tmp_path / "test_two.py").write_text("def test_two(): pass\n")
    done = _run(tmp_path, "--forked-workers", "1")
    assert "SyntaxError" in done.stdout
    assert done.returncode == pytest.ExitCode.INTERRUPTED


@pytest.mark.parametrize("everybody", [True, False])
def test_ctrl_c_ends_all(tmp_path: Path, *, everybody: bool) -> None:
    """A terminal signals the workers too; another program perhaps their parent alone, and ends the workers then."""
    (tmp_path / "test_one.py").write_text(HANGING)
    command = _command(tmp_path, "--forked-workers", "1")
    pid = tmp_path / "pid"
    with subprocess.Popen(
        command, env=_environment(), cwd=tmp_path, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as running:
        wait_until(pid.exists, "the test that hangs")
        (os.killpg if everybody else os.kill)(running.pid, signal.SIGINT)
        if not everybody:
            os.kill(int(pid.read_text()), signal.SIGINT)
        out, _ = running.communicate(timeout=PATIENCE_SECONDS)
    assert running.returncode == pytest.ExitCode.INTERRUPTED, out
    assert not (tmp_path / "later").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
