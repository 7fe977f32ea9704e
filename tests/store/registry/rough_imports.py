"""Interrupts imports of the corporation registry at random: they are killed, begin at the same time, or have no disk
space. After each import the registry in use must be complete, and the next import must continue. The module also
kills a worker that publishes a team's registry, and a desk that fetches it.

The module runs as a process of its own, because a process that forks must have no threads. Arguments:
`kills|teams|crowds|limits FOLDER COUNT SEED`, or `disk FOLDER COUNT SEED` on a small disk. It prints the number of
killed or refused imports.
"""

import os
import random
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.registry.corporations import RegistryStatus
from console.store.documents.documents import Documents
from console.store.registry import distribution
from console.store.registry.distribution import fetch_registry, publish_registry
from console.store.registry.reader import open_registry
from tests.store.registry.kill_imports import (
    check_integrity,
    check_registry,
    import_files,
    prepare_registry,
    restore_registry,
)

SCENARIOS = ("whole", "difference")
PROCESS_COUNT = 4
DONE, REFUSED = 0, 3
_CHILD_ENDED = {signal.SIGCHLD}


class RegistryUnderImport:
    """The registry as it is before each scenario, and the publisher's files that the scenario imports."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.registry, self.chance = folder, folder / "registry", random.Random(seed)
        self.prepared = {scenario: prepare_registry(scenario, folder) for scenario in SCENARIOS}
        self.names: list[str] = []

    def begin_scenario(self, scenario: str = "") -> str:
        """Begin the scenario with this name, or a random one, and return its name."""
        chosen = scenario or self.chance.choice(SCENARIOS)
        base, self.names = self.prepared[chosen]
        restore_registry(base, self.registry)
        return chosen

    def fork_import(self, *expected: ErrorCode, before: Callable[[], object] = lambda: None) -> int:
        """Start the import in a child process, and return its process id. The child ends with the status REFUSED if
        the import is refused with an expected error code."""
        child = os.fork()
        if child == 0:
            status = 1
            try:
                before()
                import_files(self.registry, self.folder, self.names)
                status = DONE
            except ConsoleError as refusal:
                status = REFUSED if refusal.code in expected else 1
                if status == 1:
                    print(refusal.code, dict(refusal.detail), file=sys.stderr)
            finally:
                os._exit(status)
        return child

    def check_registry(self) -> None:
        check_registry(self.registry, self.folder, self.names)


def kill_imports(rough: RegistryUnderImport, count: int) -> int:
    """Kill imports with SIGKILL after random times. Every second import that continues a killed one is killed too.
    Return the number of killed imports.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _CHILD_ENDED)
    took = {}
    for scenario in SCENARIOS:
        rough.begin_scenario(scenario)
        began = time.monotonic()
        assert not _import_and_kill(rough, 60)
        took[scenario] = time.monotonic() - began
    killed = 0
    while killed < count:
        longest = took[rough.begin_scenario()]
        while _import_and_kill(rough, rough.chance.uniform(0, longest)):
            killed += 1
            if rough.chance.random() < 0.5:
                break
        rough.check_registry()
    return killed


def _import_and_kill(rough: RegistryUnderImport, seconds: float) -> bool:
    """Start the import in a child process, and kill it after `seconds` seconds. Return False if the child ended
    before that.
    """
    # REGISTRY_ORDER: a difference that the killed import had committed
    return _kill_child_after(rough.fork_import(ErrorCode.REGISTRY_ORDER), seconds)


def fetch_while_publishing(rough: RegistryUnderImport, count: int) -> int:
    """Kill a worker that publishes its registry, and a desk that fetches it, with SIGKILL after random times. After
    each kill the desk's registry must be complete, and the next publication and the next fetch must succeed. Return
    the number of killed processes.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _CHILD_ENDED)
    distribution.PART_BYTES = 4096
    killed = 0
    while killed < count:
        documents = Documents((rough.folder / "documents").as_uri())
        shutil.rmtree(rough.folder / "documents", ignore_errors=True)
        rough.begin_scenario()
        desk = rough.folder / "desk"
        restore_registry(rough.registry, desk)
        publish_registry(rough.registry, documents)
        import_files(rough.registry, rough.folder, rough.names)
        paths = [rough.folder / f"{name}.zip" for name in rough.names]
        after = _read_registry_status(rough.registry)
        before = _read_registry_status(desk)
        publish, fetch = (
            partial(publish_registry, rough.registry, documents, paths),
            partial(fetch_registry, desk, documents),
        )
        for act in (publish, fetch):
            longest = _SHORTEST_DISTRIBUTION_SECONDS
            while _kill_child_after(_fork(act), rough.chance.uniform(0, longest)):
                killed, longest = killed + 1, longest * _LONGER_AFTER_DEATH
                assert _read_registry_status(rough.registry) == after
                if act is fetch:
                    assert _read_registry_status(desk) in (before, after)
                    check_integrity(desk)
                elif rough.chance.random() < 0.3:
                    assert fetch_registry(desk, documents) in (None, after)
            act()
        assert _read_registry_status(desk) == after
        check_integrity(desk)
    return killed


_SHORTEST_DISTRIBUTION_SECONDS, _LONGER_AFTER_DEATH = 0.01, 1.3
"""Longest time (seconds) after which the first publication or fetch is killed, and its growth with each death, so
that one comes to its end on every machine.
"""


def _fork(act: Callable[[], object]) -> int:
    """Call `act` in a forked child process, and return its process id."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            act()
            status = DONE
        finally:
            os._exit(status)
    return child


def _read_registry_status(folder: Path) -> RegistryStatus:
    reader = open_registry(folder)
    assert reader is not None
    status = reader.read_status()
    reader.close()
    return status


def _kill_child_after(child: int, seconds: float) -> bool:
    """Kill the child process after `seconds` seconds. Return False if the child ended before that."""
    signal.sigtimedwait(_CHILD_ENDED, seconds)
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    while signal.sigtimedwait(_CHILD_ENDED, 0) is not None:
        pass
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) in (DONE, REFUSED), status
    return os.WIFSIGNALED(status)


def import_at_once(rough: RegistryUnderImport, count: int) -> int:
    """Let several processes import the same files at the same time. One process imports them; the others must be
    refused, or must find the files already imported."""
    refused = 0
    for _ in range(count):
        rough.begin_scenario()
        reading, writing = os.pipe()
        expected = (ErrorCode.IN_PROGRESS, ErrorCode.REGISTRY_ORDER)
        children = [rough.fork_import(*expected, before=partial(os.read, reading, 1)) for _ in range(PROCESS_COUNT)]
        os.write(writing, b"x" * PROCESS_COUNT)
        statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        os.close(reading)
        os.close(writing)
        assert {DONE} <= set(statuses) <= {DONE, REFUSED}, statuses
        refused += statuses.count(REFUSED)
        rough.check_registry()
    return refused


def import_with_size_limits(rough: RegistryUnderImport, count: int) -> int:
    """Import files while the operating system limits the size of each file to a random number of bytes. Return the
    number of refused imports.
    """
    refused = 0
    for _ in range(count):
        rough.begin_scenario()
        most = rough.chance.randrange(1_000, 120_000)
        limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (most, most))
        child = rough.fork_import(ErrorCode.STORAGE_FULL, before=limit)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status in (DONE, REFUSED), (status, most)
        refused += status == REFUSED
        rough.check_registry()
    return refused


def import_on_full_disk(rough: RegistryUnderImport, count: int) -> int:
    """Import files while the disk has room only for a random number of bytes. Return the number of refused
    imports.
    """
    refused, ballast = 0, rough.folder / "ballast"
    for _ in range(count):
        rough.begin_scenario()
        room = rough.chance.randrange(0, 200_000)
        free = os.statvfs(rough.folder).f_bavail * os.statvfs(rough.folder).f_frsize
        ballast.write_bytes(bytes(max(0, free - room)))
        status = os.waitstatus_to_exitcode(os.waitpid(rough.fork_import(ErrorCode.STORAGE_FULL), 0)[1])
        assert status in (DONE, REFUSED), (status, room)
        ballast.unlink()
        refused += status == REFUSED
        rough.check_registry()
    return refused


def main(what: str, folder: Path, count: int, seed: int) -> int:
    acts = {
        "kills": kill_imports,
        "teams": fetch_while_publishing,
        "crowds": import_at_once,
        "limits": import_with_size_limits,
        "disk": import_on_full_disk,
    }
    return acts[what](RegistryUnderImport(folder, seed), count)


if __name__ == "__main__":
    print(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
