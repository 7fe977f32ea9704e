"""Prints the test files that concern the changes since `main`, for `make quick`: as many as run within half a minute.

    python -m scripts.quick_tests

A changed test file is chosen itself. For each other changed module, the test files that import it are chosen: first
those in the folder that mirrors the module's folder, then the others, the fastest first. The tests of the domain are
always chosen.
"""

import re
import subprocess
import sys
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

from tests.support.file_seconds import read_seconds_table

ROOT = Path(__file__).resolve().parents[1]
ALWAYS_RUN_TESTS = "tests/domain"
# The tests of the files that no module imports, by the folder or file that they read.
TESTS_BY_FOLDER_OR_FILE = {"resources": "tests/wording", "docs": "tests/packaging", "Makefile": "tests/packaging"}
_TEST_PROCESS_COUNT = 2
_TIME_LIMIT_SECONDS = 25
_RUN_SECONDS_OF_UNLISTED_FILE = 0.7  # of a file that is too short for the table
_IMPORT_PATTERN = re.compile(r"^\s*(?:from (\S+) import (\([^)]*\)|[^#\n]+)|import (\S+))", re.MULTILINE)


def read_changed_paths() -> set[str]:
    """Return the paths that have changed since this branch left `main`, in commits or uncommitted."""
    since = _run_git("merge-base", "main", "HEAD")[0]
    return {*_run_git("diff", "--name-only", since), *_run_git("ls-files", "--others", "--exclude-standard")}


def _run_git(*words: str) -> list[str]:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def choose_tests(
    changed_paths: Collection[str], source_by_file: dict[str, str], seconds_by_file: dict[str, int]
) -> tuple[list[str], list[str]]:
    """Return two lists of test files: those to run, the nearest to a change first, and those that are left out for
    lack of time. `source_by_file` and `seconds_by_file` have the source text and the expected duration of each test
    file, by its path.
    """
    affected = set(_iterate_affected_tests(changed_paths, source_by_file))
    mirror_folders = {_find_mirror_folder(path) for path in changed_paths}
    ranked = sorted(
        affected,
        key=lambda file: (
            file not in changed_paths,
            _get_folder(file) not in mirror_folders,
            seconds_by_file.get(file, 0),
        ),
    )
    chosen, remaining_seconds = [ALWAYS_RUN_TESTS], float(_TEST_PROCESS_COUNT * _TIME_LIMIT_SECONDS)
    left_out: list[str] = []
    for file in ranked:
        seconds = seconds_by_file.get(file, _RUN_SECONDS_OF_UNLISTED_FILE)
        if seconds > remaining_seconds:
            left_out.append(file)
        else:
            chosen.append(file)
            remaining_seconds -= seconds
    return chosen, left_out


def _iterate_affected_tests(changed_paths: Collection[str], source_by_file: dict[str, str]) -> Iterator[str]:
    """Yield the files of tests that changed or that name a changed module in an import."""
    modules = {path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in changed_paths}
    rooms = {
        TESTS_BY_FOLDER_OR_FILE[top]
        for path in changed_paths
        if (top := path.partition("/")[0]) in TESTS_BY_FOLDER_OR_FILE
    }
    for file, source in source_by_file.items():
        is_read = any(file.startswith(f"{room}/") for room in rooms)
        if not file.startswith(f"{ALWAYS_RUN_TESTS}/") and (
            file in changed_paths or is_read or modules & set(_iterate_imported_modules(source))
        ):
            yield file


def _iterate_imported_modules(source: str) -> Iterator[str]:
    for package, names, module in _IMPORT_PATTERN.findall(source):
        yield package or module
        yield from (f"{package}.{name.split()[0]}" for name in names.strip("()").split(",") if name.strip())


def _find_mirror_folder(path: str) -> str:
    """Return the folder with the tests of the module at `path`: the folder of the same name below `tests`."""
    return _get_folder(path.replace("console/", "tests/", 1) if path.startswith("console/") else path)


def _get_folder(path: str) -> str:
    return str(PurePosixPath(path).parent)


def main() -> int:
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    sources = {str(file.relative_to(ROOT)): file.read_text(encoding="utf-8") for file in files}
    chosen, left_out = choose_tests(read_changed_paths(), sources, read_seconds_table())
    if left_out:
        print(f"Left out, as there is no time for them: {' '.join(left_out)}", file=sys.stderr)
    print(" ".join(chosen))
    return 0


if __name__ == "__main__":
    sys.exit(main())
