"""Runs the tests in worker processes that are forked after this process has collected them:

    pytest --forked-workers 5

Each worker process of pytest-xdist imports and collects all tests itself, which takes seven seconds of processor
time. Here they are collected once. Each worker takes the next file when it has none, so a file's tests run in one
worker, in the collected order. If a worker crashes, its running test fails, and a new worker runs the tests that it
had left.

The option needs `os.fork`. The collection may start no thread and open no database.
"""

import os
import pickle
import shutil
import signal
import struct
import tempfile
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from mmap import mmap
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from _pytest._io import TerminalWriter
from _pytest.tmpdir import TempPathFactory

from tests.support.environment import isolate_environment

_FILE_NUMBER = struct.Struct("i")
_MOST_FILES = 8_192
"""The numbers of so many files fit into a pipe before anybody reads it."""
_MOST_CRASHES = 20
"""After so many crashes of workers no further one is started: the fault concerns all tests."""


class Message(NamedTuple):
    """A message of a worker, sent after each test. `done` has the reports of the test that has ended, `warned` the
    arguments of pytest's hook for each warning, `begun` the number of the test that begins, `taken` the numbers of
    the tests that the worker has taken from the queue since the last message.
    """

    done: Sequence[dict[str, Any]]
    warned: Sequence[dict[str, Any]]
    begun: int | None
    taken: Sequence[int]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--forked-workers",
        type=int,
        default=0,
        metavar="N",
        help="run the collected tests in N forked processes",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Run the collected tests in worker processes; without the option, or if nothing is to be run, leave this to
    pytest.
    """
    count = session.config.getoption("--forked-workers")
    if not count or session.config.option.collectonly or session.testsfailed:
        return None
    _Run(session).run(count)
    if session.shouldfail:
        raise session.Failed(session.shouldfail)
    if session.shouldstop:
        raise session.Interrupted(session.shouldstop)
    return True


# ---- the process that has collected the tests


@dataclass(eq=False, slots=True)
class _Worker:
    """A worker process as its parent sees it. `left` are the numbers of its tests that haven't begun, in their
    order.
    """

    name: str
    pid: int
    messages: Connection
    folder: Path
    left: list[int]
    begun: int | None = None

    def end(self) -> int:
        """Wait for the end of the process and remove its folder. Return its exit status (-9: killed by SIGKILL)."""
        self.messages.close()
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        shutil.rmtree(self.folder, ignore_errors=True)
        return status


class _Run:
    """One run: the queue of the files, and the worker processes."""

    def __init__(self, session: pytest.Session) -> None:
        self._session = session
        self._files: dict[str, list[int]] = {}
        for number, item in enumerate(session.items):
            self._files.setdefault(item.nodeid.partition("::")[0], []).append(number)
        self._queue, self._stopped = _fill_queue(len(self._files)), mmap(-1, 1)
        self._basetemp: Path = session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
        self._workers: list[_Worker] = []
        self._started = self._crashes = 0

    def run(self, count: int) -> None:
        """Run all tests in `count` workers, and report each as pytest does."""
        terminal: Any = self._session.config.pluginmanager.get_plugin("terminalreporter")
        terminal.showfspath = False  # tests of several files end in turn
        try:
            for _ in range(min(count, len(self._files))):
                self._fork([])
            while self._workers:
                ready = wait([worker.messages for worker in self._workers])
                for worker in [one for one in self._workers if one.messages in ready]:
                    self._receive(worker)
        finally:
            self._stop()

    def _fork(self, first: list[int]) -> None:
        """Start a worker, which runs the tests `first` before it takes files from the queue."""
        if threading.active_count() > 1:
            raise RuntimeError(f"the collection has started a thread: {threading.enumerate()}")
        messages, theirs = Pipe(duplex=False)
        folder = Path(tempfile.mkdtemp(prefix="console-worker-"))
        folder.chmod(0o711)  # servers that tests start as another user write into folders below it
        name = f"w{self._started}"
        self._started += 1
        pid = os.fork()
        if pid == 0:
            places = folder, self._basetemp / name
            work = _Work(self._session, theirs, list(self._files.values()), self._queue, self._stopped, *places)
            work.run_and_exit(first)
        theirs.close()
        self._workers.append(_Worker(name, pid, messages, folder, list(first)))

    def _receive(self, worker: _Worker) -> None:
        """Report what the worker sends; if it has ended, replace it if it crashed."""
        try:
            message: Message = pickle.loads(worker.messages.recv_bytes())
        except (EOFError, OSError):
            self._workers.remove(worker)
            status = worker.end()
            if status or worker.begun is not None:
                self._report_crash(worker, status)
                if worker.left and not self._stopped[0]:
                    self._fork(worker.left)
            return
        for warned in message.warned:
            self._session.config.hook.pytest_warning_recorded.call_historic(kwargs=warned)
        self._report(worker, message.done)
        worker.left.extend(message.taken)
        worker.begun = message.begun
        if message.begun is not None:
            worker.left.remove(message.begun)

    def _report(self, worker: _Worker, done: Sequence[dict[str, Any]]) -> None:
        """Give the reports of a test that has ended to the hooks of pytest."""
        hook, config = self._session.config.hook, self._session.config
        if not done or worker.begun is None:
            return
        item = self._session.items[worker.begun]
        hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for data in done:
            report = config.hook.pytest_report_from_serializable(config=config, data=data)
            # The names under which pytest finds the worker of pytest-xdist.
            report.node = SimpleNamespace(gateway=SimpleNamespace(id=worker.name), _workerinfocache=worker.name)
            hook.pytest_runtest_logreport(report=report)
        hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        if self._session.shouldfail or self._session.shouldstop:
            self._stopped[0] = 1

    def _report_crash(self, worker: _Worker, status: int) -> None:
        """Let the test fail during which the worker ended; if it ended between two tests, let the run fail."""
        self._crashes += 1
        if worker.begun is None or self._crashes > _MOST_CRASHES:
            raise RuntimeError(f"worker {worker.name} ended with status {status}; {self._crashes} have crashed")
        item = self._session.items[worker.begun]
        reason = f"worker {worker.name} ended with status {status} during {item.nodeid}"
        report = pytest.TestReport(item.nodeid, item.location, {}, "failed", reason, "call")
        config = self._session.config
        data = config.hook.pytest_report_to_serializable(config=config, report=report)
        self._report(worker, [data])

    def _stop(self) -> None:
        """Let all workers end after their running test, and wait for them; if the person presses Ctrl+C again, kill
        them.
        """
        self._stopped[0] = 1
        os.close(self._queue)
        try:
            for worker in self._workers:
                worker.end()
        except KeyboardInterrupt:
            for worker in self._workers:
                os.kill(worker.pid, signal.SIGKILL)
            raise


def _fill_queue(count: int) -> int:
    """Return the read end of a pipe that has the numbers of `count` files. Whoever reads it takes the next one."""
    if count > _MOST_FILES:
        raise RuntimeError(f"{count} files: the queue holds {_MOST_FILES}")
    queue, filled = os.pipe()
    os.write(filled, b"".join(map(_FILE_NUMBER.pack, range(count))))
    os.close(filled)
    return queue


# ---- a worker process


@dataclass(eq=False)  # pytest puts its plugins into sets
class _Work:
    """The part of a worker. `files` are the numbers of the tests of each file; `queue` has the numbers of the files
    that nobody has taken; `stopped` is true from the moment when no further test should begin. `folder` is for
    temporary files and is removed at the end; `basetemp` is for the fixture `tmp_path`.
    """

    session: pytest.Session
    messages: Connection
    files: Sequence[Sequence[int]]
    queue: int
    stopped: mmap
    folder: Path
    basetemp: Path
    _done: list[dict[str, Any]] = field(default_factory=list)
    _warned: list[dict[str, Any]] = field(default_factory=list)
    _taken: list[int] = field(default_factory=list)

    def run_and_exit(self, first: list[int]) -> None:
        """Run tests until no file is left, then end this process without what its parent does at its end."""
        status = 1
        try:
            home = self._prepare()
            self._run(first)
            self.session._setupstate.teardown_exact(None)
            self._send(None)
            home.cleanup()
            status = 0
        except (KeyboardInterrupt, BrokenPipeError):
            pass  # the parent knows
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)

    def _prepare(self) -> tempfile.TemporaryDirectory[str]:
        """Give this process a folder for temporary files, a home, and captured output of its own; let it print
        nothing. Return the home.
        """
        config = self.session.config
        tempfile.tempdir = os.environ["TMPDIR"] = str(self.folder)
        home = isolate_environment()
        config.option.basetemp = str(self.basetemp)
        factory = TempPathFactory.from_config(config, _ispytest=True)
        config._tmp_path_factory = factory  # type: ignore[attr-defined]
        plugins = config.pluginmanager
        plugins.unregister(name="terminalreporter")
        nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  # until the process ends
        plugins.register(SimpleNamespace(_tw=TerminalWriter(nowhere)), "terminalreporter")
        capture: Any = plugins.get_plugin("capturemanager")
        capture.stop_global_capturing()
        capture.start_global_capturing()
        capture.suspend_global_capture()
        plugins.register(self)
        return home

    def _run(self, first: Sequence[int]) -> None:
        items, hook = self.session.items, self.session.config.hook
        # After the last test of a file all fixtures end, except those of the whole run. The next file is taken
        # later, so that no other worker waits for it.
        other_file: Any = SimpleNamespace(listchain=lambda: [self.session])
        for file in self._take_files(first):
            for number, following in zip_longest(file, file[1:]):
                if self.stopped[0]:
                    return
                self._send(number)
                nextitem = other_file if following is None else items[following]
                hook.pytest_runtest_protocol(item=items[number], nextitem=nextitem)

    def _take_files(self, first: Sequence[int]) -> Iterator[Sequence[int]]:
        """Yield the numbers of the tests `first`, and then those of each file that is taken from the queue."""
        yield first
        while taken := os.read(self.queue, _FILE_NUMBER.size):
            file = self.files[_FILE_NUMBER.unpack(taken)[0]]
            self._taken.extend(file)
            yield file

    def _send(self, begun: int | None) -> None:
        """Send the reports of the test that has ended, and the number of the test that begins."""
        self.messages.send_bytes(pickle.dumps(Message(self._done, self._warned, begun, self._taken)))
        self._done, self._warned, self._taken = [], [], []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the report of a phase for the next message."""
        config = self.session.config
        self._done.append(config.hook.pytest_report_to_serializable(config=config, report=report))

    def pytest_warning_recorded(
        self,
        warning_message: warnings.WarningMessage,
        when: str,
        nodeid: str,
        location: tuple[str, int, str] | None,
    ) -> None:
        """Keep the warning for the next message, as text, because its exception may not be picklable."""
        text = warnings.WarningMessage(
            str(warning_message.message), UserWarning, warning_message.filename, warning_message.lineno
        )
        self._warned.append({"warning_message": text, "when": when, "nodeid": nodeid, "location": location})
