"""Makes one change at a time in a copy of the source code (a mutant), and checks that a test fails.

python -m tests.mutants [PART OF A NAME …]
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import Mutant, SourceChange
from tests.support.waiting import MAX_WAIT_SECONDS

ROOT = Path(__file__).resolve().parents[2]
COPIED_FOLDERS = ("console", "tests")
LINKED_PATHS = ("resources", "scripts", "Makefile", "README.md", "docs")
TESTS_TIME_LIMIT_SECONDS = 2 * MAX_WAIT_SECONDS
"""Time limit (seconds) of one run of tests. A test fails within it if its wait ends without the expected event."""
FAILED_STATUS = 1
PASSED_STATUS = 0
# One seed for the random data of tests: a test detects a mutant every time or never.
PYTEST_OPTIONS = (
    "-x",
    "-q",
    "-p",
    "no:cacheprovider",
    "--no-header",
    "--tb=line",
    "--randomly-seed=1",
    "-m",
    "not soak",
)


class MutantDoesNotFitError(Exception):
    """The text that a mutant changes isn't in the source code exactly once."""


def main(arguments: Sequence[str]) -> int:
    """Try the mutants whose names contain one of `arguments` (all, if there are none). Return the exit status: 0 if
    each was caught and the tests pass without a change, 1 if not, 2 if no mutant has such a name.
    """
    chosen = [mutant for mutant in MUTANTS if not arguments or any(word in mutant.name for word in arguments)]
    if not chosen:
        print("no mutant is called so; there are:", *(mutant.name for mutant in MUTANTS), sep="\n  ")
        return 2
    begun = time.monotonic()
    with ThreadPoolExecutor(max(2, os.cpu_count() or 1)) as pool:
        sound = pool.submit(run_tests_without_change, sorted({test for mutant in chosen for test in mutant.tests}))
        caught = sum(pool.map(try_mutant, chosen))
    status, output = sound.result()
    if status != PASSED_STATUS:
        print(f"without any mutant the tests do not pass:\n{output}")
    print(f"demand 4: {caught} of {len(chosen)} mutants caught in {time.monotonic() - begun:.0f} s")
    return 0 if caught == len(chosen) and status == PASSED_STATUS else 1


def try_mutant(mutant: Mutant) -> bool:
    """Try one mutant, and print the result. Return True if a test failed."""
    begun = time.monotonic()
    caught, why = run_mutant(mutant)
    print(f"{'caught ' if caught else 'ESCAPED'} {time.monotonic() - begun:4.0f} s  {mutant.name}  {why}", flush=True)
    return caught


def run_mutant(mutant: Mutant) -> tuple[bool, str]:
    """Run the tests of the mutant one after the other until one fails. Return True with the first failure, or False
    with the exit status of the last test.
    """
    with tempfile.TemporaryDirectory(prefix="mutant-") as name:
        copy = copy_sources(Path(name))
        for change in mutant.changes:
            apply_change(change, copy)
        problem = ""
        for test in mutant.tests:
            status, output = run_tests(copy, [test], mutant.engine)
            if status == FAILED_STATUS:
                return True, find_first_failure(output)
            problem = f"{test} ended with {status}"
    return False, problem


def run_tests_without_change(tests: Sequence[str]) -> tuple[int, str]:
    """Run all these tests in an unchanged copy of the source code, where they must pass. Return pytest's exit status
    and output.
    """
    with tempfile.TemporaryDirectory(prefix="mutant-") as name:
        return run_tests(
            copy_sources(Path(name)), tests, seconds=TESTS_TIME_LIMIT_SECONDS * 3
        )  # all of them, on every engine


def copy_sources(folder: Path) -> Path:
    """Copy the source code into the folder, without compiled files, and return the folder."""
    for part in COPIED_FOLDERS:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in LINKED_PATHS:
        if (ROOT / part).exists():
            (folder / part).symlink_to(ROOT / part)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def apply_change(change: SourceChange, folder: Path) -> None:
    """Make the change in the copy. Raises MutantDoesNotFitError unless the copy has the text `old` exactly once."""
    file = folder / change.file
    source = file.read_text(encoding="utf-8")
    if source.count(change.old) != 1:
        raise MutantDoesNotFitError(f"{change.file}: found {source.count(change.old)} times: {change.old!r}")
    file.write_text(source.replace(change.old, change.new), encoding="utf-8")


def run_tests(
    folder: Path, tests: Sequence[str], engine: str = "", seconds: float = TESTS_TIME_LIMIT_SECONDS
) -> tuple[int, str]:
    """Run the tests in the copy, on this engine only ("": on all). Return pytest's exit status and output; -1 after
    `seconds`.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment = {**inherited, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", *tests, *PYTEST_OPTIONS, *(("-k", engine) if engine else ())]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=pipe, stderr=subprocess.STDOUT, text=True
    ) as running:
        try:
            output, _ = running.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            running.kill()
            return -1, "took too long"
    return running.returncode, output


def find_first_failure(output: str) -> str:
    """Return the id of the first failed test in pytest's output, or "an error" if the output names none."""
    failed = [line for line in output.splitlines() if line.startswith("FAILED")]
    return failed[0].removeprefix("FAILED ").split(" - ")[0] if failed else "an error"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
