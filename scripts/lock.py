"""Writes `requirements.lock`, `runtime.lock` and `docs.lock` from pyproject.toml, or checks (`--check`) that they
were made from the present pyproject.toml.

python -m scripts.lock             # keep every pin that still fits
python -m scripts.lock --upgrade   # take the newest versions that fit
python -m scripts.lock --check     # no network; `make check` runs this
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCK_FILE = ROOT / "requirements.lock"
RUNTIME_LOCK_FILE = ROOT / "runtime.lock"
"""The lock of what runs, without the packages for development: those of the program, its extras, and what builds it.
"""
DOCS_LOCK_FILE = ROOT / "docs.lock"
PYPROJECT_FILE = ROOT / "pyproject.toml"

# pip-compile resolves for the machine it runs on. These are what Windows, macOS and Debian 12 (Python 3.11.2) need
# beyond it, found in the metadata of the other pins; all are pure Python, so they resolve here too, and get their
# marker later.
MARKER_BY_FOREIGN_PACKAGE = {
    "async-timeout": 'python_full_version < "3.11.3"',  # redis
    "colorama": 'sys_platform == "win32"',
    "pefile": 'sys_platform == "win32"',
    "pywin32-ctypes": 'sys_platform == "win32"',
    "macholib": 'sys_platform == "darwin"',
    "tzdata": 'sys_platform == "win32"',
}
_FOREIGN_PACKAGES_OF_DEVELOPMENT = {"pefile", "macholib"}  # of PyInstaller

LOCK_FILE_HEADER = """\
# Every version with the hashes of its files. Written by `make lock` (`make upgrade` for newer versions);
# not edited by hand. Which index the files come from is the business of pip's own configuration.
# inputs: sha256:{digest}
"""

PINNED_PACKAGE_PATTERN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)(?P<rest>.*)$")


def main(argv: Sequence[str] | None = None) -> int:
    """Write the locks, or check them with `--check`. Return the exit status: 1 if a checked lock is out of date,
    otherwise 0.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--upgrade", action="store_true")
    args = parser.parse_args(argv)
    if not args.check:
        write_locks(upgrade=args.upgrade)
        return 0
    locks = (
        (LOCK_FILE, read_requirements()),
        (RUNTIME_LOCK_FILE, read_runtime_requirements()),
        (DOCS_LOCK_FILE, read_docs_requirements()),
    )
    problems = [
        f"{lock.name}: {problem}"
        for lock, requirements in locks
        for problem in find_problems(lock.read_text() if lock.exists() else "", requirements)
    ]
    for problem in problems:
        print(problem)
    if problems:
        print("The locks and pyproject.toml are not in step: run `make lock` and commit the result.")
    return 1 if problems else 0


def write_locks(*, upgrade: bool) -> None:
    """Resolve the requirements and write the locks; with `upgrade` take the newest versions that fit, otherwise keep
    every pin that still fits. The packages that build the documentation site have a lock of their own, because only
    `make docs` installs them. What runs has one, too, so that a server needs no packages of development. A package in
    two locks has the same version in both.
    """
    print("Resolving versions and collecting hashes; this asks the configured package index.", flush=True)
    options = ["--upgrade"] if upgrade else []
    _resolve_versions(
        LOCK_FILE, read_requirements(), ["--extra", "dev", *options, "pyproject.toml"], MARKER_BY_FOREIGN_PACKAGE
    )
    _add_markers_of_other_systems(LOCK_FILE)
    runtime_requirements = read_runtime_requirements()
    foreign_packages = MARKER_BY_FOREIGN_PACKAGE.keys() - _FOREIGN_PACKAGES_OF_DEVELOPMENT
    _resolve_versions(
        RUNTIME_LOCK_FILE,
        runtime_requirements,
        ["--constraint", LOCK_FILE.name, *options],
        [*map(str, runtime_requirements), *sorted(foreign_packages)],
    )
    _add_markers_of_other_systems(RUNTIME_LOCK_FILE)
    requirements = read_docs_requirements()
    _resolve_versions(
        DOCS_LOCK_FILE, requirements, ["--constraint", LOCK_FILE.name, *options], map(str, requirements)
    )


def _resolve_versions(
    lock_file: Path,
    requirements: Sequence[Requirement],
    options: Sequence[str],
    additional_requirements: Iterable[str],
) -> None:
    """Write `lock_file` with pip-compile, and add our header. pip-compile gets the options `options`, and the lines
    `additional_requirements` as its input. The digest in the header is that of `requirements`, from which the lock is
    made.
    """
    command = [
        *(sys.executable, "-m", "piptools", "compile", "--quiet", "--generate-hashes"),
        *("--allow-unsafe", "--strip-extras", "--no-header", "--no-emit-index-url", "--no-emit-find-links"),
        *("--no-emit-trusted-host", "--no-emit-options", "--output-file", str(lock_file), *options, "-"),
    ]
    subprocess.run(command, cwd=ROOT, check=True, text=True, input="\n".join(additional_requirements) + "\n")
    source = "another system" if lock_file == LOCK_FILE else "pyproject.toml"
    lock_file.write_text(
        LOCK_FILE_HEADER.format(digest=compute_inputs_digest(requirements))
        + lock_file.read_text().replace("-r -\n", f"{source}\n")
    )
    print(f"Wrote {lock_file.name}: {sum(1 for _ in iterate_pins(lock_file.read_text()))} versions.")


def find_problems(text: str, requirements: Sequence[Requirement]) -> Iterator[str]:
    """Yield one sentence for each problem of the lock with the text `text`, which must have been made from
    `requirements`."""
    if f"# inputs: sha256:{compute_inputs_digest(requirements)}\n" not in text:
        yield "the requirements in pyproject.toml changed after the lock was written"
    pinned = dict(iterate_pins(text))
    for requirement in requirements:
        version = pinned.get(canonicalize_name(requirement.name))
        if version is None:
            yield f"{requirement.name} is not pinned"
        elif version not in requirement.specifier:
            yield f"{requirement.name} is pinned to {version}, but {requirement.specifier} is asked for"
    for line in text.splitlines():
        if line.startswith("-"):
            yield f"the option {line.split()[0]} must not be in it: a machine's index is its own business"
        if PINNED_PACKAGE_PATTERN.match(line) and not line.endswith("\\"):
            yield f"{line} has no hash"


def iterate_pins(text: str) -> Iterator[tuple[str, str]]:
    """Yield (canonical name, version) of each pinned package in the text of a lock."""
    for line in text.splitlines():
        if match := PINNED_PACKAGE_PATTERN.match(line):
            yield canonicalize_name(match["name"]), match["version"]


def read_requirements() -> list[Requirement]:
    """Return the requirements in pyproject.toml: to run, to develop and to build the program."""
    declared = tomllib.loads(PYPROJECT_FILE.read_text())
    project = declared["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    return [Requirement(line) for line in [*lines, *declared["build-system"]["requires"]]]


def read_runtime_requirements() -> list[Requirement]:
    """Return the requirements in pyproject.toml that the program and its extras need, and those that build it."""
    declared = tomllib.loads(PYPROJECT_FILE.read_text())
    project = declared["project"]
    extras = [line for extra in ("gs", "kafka") for line in project["optional-dependencies"][extra]]
    return [Requirement(line) for line in [*project["dependencies"], *extras, *declared["build-system"]["requires"]]]


def read_docs_requirements() -> list[Requirement]:
    """Return the requirements in pyproject.toml that build the site of the guides."""
    groups = tomllib.loads(PYPROJECT_FILE.read_text())["dependency-groups"]
    return [Requirement(line) for line in groups["docs"]]


def compute_inputs_digest(requirements: Sequence[Requirement]) -> str:
    """Return the SHA-256 (hex) of all inputs from which a lock is made."""
    inputs = [sorted(map(str, requirements)), MARKER_BY_FOREIGN_PACKAGE]
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def _add_markers_of_other_systems(lock_file: Path) -> None:
    """Add an environment marker to each package in the lock that only other operating systems need."""
    lock_file.write_text("\n".join(map(_add_marker, lock_file.read_text().splitlines())) + "\n")


def _add_marker(line: str) -> str:
    match = PINNED_PACKAGE_PATTERN.match(line)
    marker = MARKER_BY_FOREIGN_PACKAGE.get(canonicalize_name(match["name"])) if match else None
    return f"{match['name']}=={match['version']} ; {marker} \\" if match and marker else line


if __name__ == "__main__":
    sys.exit(main())
