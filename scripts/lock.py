"""Writes `requirements.lock` from pyproject.toml, or (`--check`) says whether the two are in step.

python -m scripts.lock             # keep every pin that still fits
python -m scripts.lock --upgrade   # take the newest versions that fit
python -m scripts.lock --check     # no network; what `make check` runs
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
PYPROJECT = ROOT / "pyproject.toml"

# pip-compile resolves for the machine it runs on. These are what Windows, macOS and Debian 12 (Python 3.11.2) need
# beyond it, found in the metadata of the other pins; all are pure Python, so they resolve here too, and get their
# marker later.
ELSEWHERE = {
    "async-timeout": 'python_full_version < "3.11.3"',  # redis
    "colorama": 'sys_platform == "win32"',
    "pefile": 'sys_platform == "win32"',
    "pywin32-ctypes": 'sys_platform == "win32"',
    "macholib": 'sys_platform == "darwin"',
    "tzdata": 'sys_platform == "win32"',
}

HEADER = """\
# Every version with the hashes of its files. Written by `make lock` (`make upgrade` for newer versions);
# not edited by hand. Which index the files come from is the business of pip's own configuration.
# inputs: sha256:{digest}
"""

PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)(?P<rest>.*)$")


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 done or in step, 1 out of step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--upgrade", action="store_true")
    args = parser.parse_args(argv)
    if not args.check:
        write_lock(upgrade=args.upgrade)
        return 0
    faults = list(find_faults(LOCK.read_text() if LOCK.exists() else ""))
    for fault in faults:
        print(f"requirements.lock: {fault}")
    if faults:
        print("The lock and pyproject.toml are not in step: run `make lock` and commit the result.")
    return 1 if faults else 0


def write_lock(*, upgrade: bool) -> None:
    """Resolve with pip-compile, add the markers of other systems and our header."""
    command = [
        *(sys.executable, "-m", "piptools", "compile", "--quiet", "--extra", "dev", "--generate-hashes"),
        *("--allow-unsafe", "--strip-extras", "--no-header", "--no-emit-index-url", "--no-emit-find-links"),
        *("--no-emit-trusted-host", "--no-emit-options", "--output-file", str(LOCK), "pyproject.toml", "-"),
    ]
    if upgrade:
        command.append("--upgrade")
    print("Resolving versions and collecting hashes; this asks the configured package index.", flush=True)
    subprocess.run(command, cwd=ROOT, check=True, text=True, input="\n".join(ELSEWHERE) + "\n")
    body = "\n".join(_with_marker(line) for line in LOCK.read_text().splitlines())
    LOCK.write_text(HEADER.format(digest=inputs_digest()) + body.replace("-r -\n", "another system\n") + "\n")
    print(f"Wrote {LOCK.name}: {sum(1 for _ in pins(LOCK.read_text()))} versions.")


def find_faults(text: str) -> Iterator[str]:
    """What is wrong with the lock's text, one sentence each."""
    if f"# inputs: sha256:{inputs_digest()}\n" not in text:
        yield "the requirements in pyproject.toml changed after the lock was written"
    pinned = dict(pins(text))
    for requirement in requirements():
        version = pinned.get(canonicalize_name(requirement.name))
        if version is None:
            yield f"{requirement.name} is not pinned"
        elif version not in requirement.specifier:
            yield f"{requirement.name} is pinned to {version}, but {requirement.specifier} is asked for"
    for line in text.splitlines():
        if line.startswith("-"):
            yield f"the option {line.split()[0]} must not be in it: a machine's index is its own business"
        if PIN.match(line) and not line.endswith("\\"):
            yield f"{line} has no hash"


def pins(text: str) -> Iterator[tuple[str, str]]:
    """(canonical name, version) of each pinned line."""
    for line in text.splitlines():
        if found := PIN.match(line):
            yield canonicalize_name(found["name"]), found["version"]


def requirements() -> list[Requirement]:
    """What pyproject.toml asks for: to run, to develop, to build."""
    declared = tomllib.loads(PYPROJECT.read_text())
    project = declared["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    return [Requirement(line) for line in [*lines, *declared["build-system"]["requires"]]]


def inputs_digest() -> str:
    """SHA-256 over everything that decides the lock's content."""
    inputs = [sorted(str(requirement) for requirement in requirements()), ELSEWHERE]
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def _with_marker(line: str) -> str:
    found = PIN.match(line)
    marker = ELSEWHERE.get(canonicalize_name(found["name"])) if found else None
    return f"{found['name']}=={found['version']} ; {marker} \\" if found and marker else line


if __name__ == "__main__":
    sys.exit(main())
