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

SCENARIO_NAMES = ("whole", "difference")
PROCESS_COUNT = 4
DONE_EXIT_STATUS, REFUSED_EXIT_STATUS = 0, 3
_CHILD_ENDED_SIGNALS = {signal.SIGCHLD}


class RegistryUnderImport:
    """The registry as it is before each scenario, and the publisher's files that the scenario imports."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.registry, self.chance = folder, folder / "registry", random.Random(seed)
        self.prepared = {scenario: prepare_registry(scenario, folder) for scenario in SCENARIO_NAMES}
        self.names: list[str] = []

    def begin_scenario(self, scenario: str = "") -> str:
        """Begin the scenario with this name, or a random one, and return its name."""
        chosen = scenario or self.chance.choice(SCENARIO_NAMES)
        base, self.names = self.prepared[chosen]
        restore_registry(base, self.registry)
        return chosen

    def fork_import(self, *expected: ErrorCode, before_import: Callable[[], object] = lambda: None) -> int:
        """Start the import in a child process, which calls `before_import` first, and return its process id. The
        child ends with the status REFUSED_EXIT_STATUS if the import is refused with an expected error code.
        """
        child = os.fork()
        if child == 0:
            status = 1
            try:
                before_import()
                import_files(self.registry, self.folder, self.names)
                status = DONE_EXIT_STATUS
            except ConsoleError as refusal:
                status = REFUSED_EXIT_STATUS if refusal.code in expected else 1
                if status == 1:
                    print(refusal.code, dict(refusal.detail), file=sys.stderr)
            finally:
                os._exit(status)
        return child

    def check_registry(self) -> None:
        check_registry(self.registry, self.folder, self.names)


def kill_imports(registry: RegistryUnderImport, count: int) -> int:
    """Kill imports with SIGKILL after random times, until at least `count` were killed. About every second import
    that continues a killed one is killed too. Return the number of killed imports."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _CHILD_ENDED_SIGNALS)
    took = {}
    for scenario in SCENARIO_NAMES:
        registry.begin_scenario(scenario)
        began = time.monotonic()
        assert not _import_and_kill(registry, 60)
        took[scenario] = time.monotonic() - began
    killed = 0
    while killed < count:
        longest = took[registry.begin_scenario()]
        while _import_and_kill(registry, registry.chance.uniform(0, longest)):
            killed += 1
            if registry.chance.random() < 0.5:
                break
        registry.check_registry()
    return killed


def _import_and_kill(registry: RegistryUnderImport, seconds: float) -> bool:
    """Start the import in a child process, and kill it after `seconds` seconds. Return False if the child ended
    before that.
    """
    # REGISTRY_ORDER: a difference that the killed import had committed
    return _kill_child_after(registry.fork_import(ErrorCode.REGISTRY_ORDER), seconds)


def fetch_while_publishing(registry: RegistryUnderImport, count: int) -> int:
    """Kill a worker that publishes its registry, and a desk that fetches it, with SIGKILL after random times. After
    each kill the desk's registry must be complete, and the next publication and the next fetch must succeed. Return
    the number of killed processes.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _CHILD_ENDED_SIGNALS)
    distribution.PART_BYTES = 4096
    killed = 0
    while killed < count:
        documents = Documents((registry.folder / "documents").as_uri())
        shutil.rmtree(registry.folder / "documents", ignore_errors=True)
        registry.begin_scenario()
        desk = registry.folder / "desk"
        restore_registry(registry.registry, desk)
        publish_registry(registry.registry, documents)
        import_files(registry.registry, registry.folder, registry.names)
        paths = [registry.folder / f"{name}.zip" for name in registry.names]
        after = _read_registry_status(registry.registry)
        before = _read_registry_status(desk)
        publish, fetch = (
            partial(publish_registry, registry.registry, documents, paths),
            partial(fetch_registry, desk, documents),
        )
        for act in (publish, fetch):
            longest = _FIRST_MAX_KILL_SECONDS
            while _kill_child_after(_fork(act), registry.chance.uniform(0, longest)):
                killed, longest = killed + 1, longest * _MAX_KILL_SECONDS_GROWTH
                assert _read_registry_status(registry.registry) == after
                if act is fetch:
                    assert _read_registry_status(desk) in (before, after)
                    check_integrity(desk)
                elif registry.chance.random() < 0.3:
                    assert fetch_registry(desk, documents) in (None, after)
            act()
        assert _read_registry_status(desk) == after
        check_integrity(desk)
    return killed


_FIRST_MAX_KILL_SECONDS, _MAX_KILL_SECONDS_GROWTH = 0.01, 1.3
"""Longest time (seconds) after which the first attempt at a publication or fetch is killed, and the factor by which
this time grows with each further attempt, so that an attempt ends by itself on every machine.
"""


def _fork(act: Callable[[], object]) -> int:
    """Call `act` in a forked child process, and return its process id."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            act()
            status = DONE_EXIT_STATUS
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
    signal.sigtimedwait(_CHILD_ENDED_SIGNALS, seconds)
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    while signal.sigtimedwait(_CHILD_ENDED_SIGNALS, 0) is not None:
        pass
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) in (DONE_EXIT_STATUS, REFUSED_EXIT_STATUS), status
    return os.WIFSIGNALED(status)


def import_at_once(registry: RegistryUnderImport, count: int) -> int:
    """Let several processes import the same files at the same time. One process imports them; the others must be
    refused, or must find the files already imported. Repeat that `count` times, and return the number of refused
    imports."""
    refused = 0
    for _ in range(count):
        registry.begin_scenario()
        reading, writing = os.pipe()
        expected = (ErrorCode.IN_PROGRESS, ErrorCode.REGISTRY_ORDER)
        children = [
            registry.fork_import(*expected, before_import=partial(os.read, reading, 1)) for _ in range(PROCESS_COUNT)
        ]
        os.write(writing, b"x" * PROCESS_COUNT)
        statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        os.close(reading)
        os.close(writing)
        assert {DONE_EXIT_STATUS} <= set(statuses) <= {DONE_EXIT_STATUS, REFUSED_EXIT_STATUS}, statuses
        refused += statuses.count(REFUSED_EXIT_STATUS)
        registry.check_registry()
    return refused


def import_with_size_limits(registry: RegistryUnderImport, count: int) -> int:
    """Import files `count` times while the operating system limits the size of each file to a random number of bytes.
    Return the number of refused imports.
    """
    refused = 0
    for _ in range(count):
        registry.begin_scenario()
        most = registry.chance.randrange(1_000, 120_000)
        limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (most, most))
        child = registry.fork_import(ErrorCode.STORAGE_FULL, before_import=limit)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status in (DONE_EXIT_STATUS, REFUSED_EXIT_STATUS), (status, most)
        refused += status == REFUSED_EXIT_STATUS
        registry.check_registry()
    return refused


def import_on_full_disk(registry: RegistryUnderImport, count: int) -> int:
    """Import files `count` times while the disk has room only for a random number of bytes. Return the number of
    refused imports.
    """
    refused, ballast = 0, registry.folder / "ballast"
    for _ in range(count):
        registry.begin_scenario()
        room = registry.chance.randrange(0, 200_000)
        free = os.statvfs(registry.folder).f_bavail * os.statvfs(registry.folder).f_frsize
        ballast.write_bytes(bytes(max(0, free - room)))
        status = os.waitstatus_to_exitcode(os.waitpid(registry.fork_import(ErrorCode.STORAGE_FULL), 0)[1])
        assert status in (DONE_EXIT_STATUS, REFUSED_EXIT_STATUS), (status, room)
        ballast.unlink()
        refused += status == REFUSED_EXIT_STATUS
        registry.check_registry()
    return refused


def main(scenario_name: str, folder: Path, count: int, seed: int) -> int:
    """Run the function of the scenario with this name, with `count` as its argument. Return its result, such as the
    number of killed imports.
    """
    acts = {
        "kills": kill_imports,
        "teams": fetch_while_publishing,
        "crowds": import_at_once,
        "limits": import_with_size_limits,
        "disk": import_on_full_disk,
    }
    return acts[scenario_name](RegistryUnderImport(folder, seed), count)


if __name__ == "__main__":
    print(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
