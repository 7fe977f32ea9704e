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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT_FILE = ROOT / "pyproject.toml"
LOWEST_PYTHON: Final = "3.11"

LOCK_FILE_HEADER = """\
# Every version with the hashes of its files, for all systems and Python versions. Written by `make lock`
# (`make upgrade` for newer versions); not edited by hand. Which index the files come from is pip's own business.
# inputs: sha256:{digest}
"""

PINNED_PACKAGE_PATTERN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)(?P<rest>.*)$")


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock file, with the extras and the groups of pyproject.toml that it pins. With extras it also pins what the
    program itself needs.
    """

    file: Path
    extras: tuple[str, ...]
    groups: tuple[str, ...]

    def read_text(self) -> str:
        """Return the text of the lock, blank if there is none."""
        return self.file.read_text(encoding="utf-8") if self.file.exists() else ""

    def read_requirements(self) -> list[Requirement]:
        """Return the requirements in pyproject.toml that this lock pins."""
        declared = tomllib.loads(PYPROJECT_FILE.read_text(encoding="utf-8"))
        project = declared["project"]
        lines = [line for name in self.groups for line in declared["dependency-groups"][name]]
        lines += [line for name in self.extras for line in project["optional-dependencies"][name]]
        return [Requirement(line) for line in [*lines, *(project["dependencies"] if self.extras else ())]]

    def make_options(self) -> list[str]:
        """Return the words with which uv reads the same requirements."""
        options = [word for name in self.groups for word in ("--group", name)]
        options += [word for name in self.extras for word in ("--extra", name)]
        return [*options, *([PYPROJECT_FILE.name] if self.extras else ())]


LOCK = Lock(ROOT / "requirements.lock", extras=("gs", "kafka", "dev"), groups=("build",))
RUNTIME_LOCK = Lock(ROOT / "runtime.lock", extras=("gs", "kafka"), groups=("build",))
"""The lock of the packages of the program and its extras, and of those that build it, without development."""
DOCS_LOCK = Lock(ROOT / "docs.lock", extras=(), groups=("docs",))
"""The lock of the packages that build the documentation site: only `make docs` installs it."""
LOCKS = (LOCK, RUNTIME_LOCK, DOCS_LOCK)


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
    problems = [
        f"{lock.file.name}: {problem}"
        for lock in LOCKS
        for problem in find_problems(lock.read_text(), lock.read_requirements())
    ]
    for problem in problems:
        print(problem)
    if problems:
        print("The locks and pyproject.toml are not in step: run `make lock` and commit the result.")
    return 1 if problems else 0


def write_locks(*, upgrade: bool) -> None:
    """Resolve the requirements with uv, for Linux, macOS and Windows and each supported Python at once, and write the
    locks; with `upgrade` take the newest versions that fit, otherwise keep every pin that still fits. The common lock
    constrains the others, so a package in two locks has the same version in both.
    """
    print("Resolving versions and collecting hashes; this asks the configured package index.", flush=True)
    for lock in LOCKS:
        command = [
            *(sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes"),
            *("--python-version", LOWEST_PYTHON, "--fork-strategy", "fewest"),
            *("--no-header", "--output-file", lock.file.name),
            *(() if lock is LOCK else ("--constraint", LOCK.file.name)),
            *(("--upgrade",) if upgrade else ()),
            *lock.make_options(),
        ]
        subprocess.run(command, cwd=ROOT, check=True)
        text = lock.read_text()
        header = LOCK_FILE_HEADER.format(digest=compute_inputs_digest(lock.read_requirements()))
        lock.file.write_text(header + text, encoding="utf-8")
        print(f"Wrote {lock.file.name}: {sum(1 for _ in iterate_pins(text))} versions.")


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


def compute_inputs_digest(requirements: Sequence[Requirement]) -> str:
    """Return the SHA-256 (hex) of all inputs from which a lock is made."""
    return hashlib.sha256(json.dumps(sorted(map(str, requirements))).encode()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
