"""Tests of the lock files of the Python packages: they agree with pyproject.toml, the check reports each
disagreement, and each system and Python version finds in them what it needs.
"""

import tomllib
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from typing import cast

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts import lock
from tests.support.containerfile import CONTAINERFILE


@pytest.fixture(scope="module")
def lock_text() -> str:
    return lock.LOCK.read_text()


def test_the_lock_file_satisfies_the_present_requirements(lock_text: str) -> None:
    """The lock file has a pinned version with hashes for every requirement, and it was made from the present
    requirements.
    """
    assert list(lock.find_problems(lock_text, lock.LOCK.read_requirements())) == []


def test_the_docs_lock_has_the_same_versions_as_the_program_lock(lock_text: str) -> None:
    """The lock file of the documentation agrees with its requirements. A package in this lock file and in the
    program's has the same version in each, because they are installed into one environment.
    """
    docs = lock.DOCS_LOCK.read_text()
    assert list(lock.find_problems(docs, lock.DOCS_LOCK.read_requirements())) == []
    pinned = dict(lock.iterate_pins(lock_text))
    assert {name: version for name, version in lock.iterate_pins(docs) if pinned.get(name, version) != version} == {}


def test_the_runtime_lock_has_no_package_of_development(lock_text: str) -> None:
    """The lock file of what runs agrees with its requirements, has the versions of the common lock file, and no
    package that only development needs. The container of the worker installs it."""
    runtime_text = lock.RUNTIME_LOCK.read_text()
    assert list(lock.find_problems(runtime_text, lock.RUNTIME_LOCK.read_requirements())) == []
    runtime, pinned = dict(lock.iterate_pins(runtime_text)), dict(lock.iterate_pins(lock_text))
    assert runtime.items() <= pinned.items()
    assert not runtime.keys() & {"pytest", "mypy", "ruff", "hypothesis", "pyinstaller", "uv", "python-stdnum"}
    assert {"tzdata", "pywin32-ctypes"} <= runtime.keys()
    assert "-r runtime.lock" in CONTAINERFILE.read_text(encoding="utf-8")


def test_a_lock_file_without_a_changed_requirement_is_reported(lock_text: str) -> None:
    """If a requirement is removed from pyproject.toml, the check reports the lock file as outdated."""
    fewer = lock.LOCK.read_requirements()[1:]
    assert any("changed after" in problem for problem in lock.find_problems(lock_text, fewer))


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("sqlalchemy==2", "sqlalchemy==1", "is pinned to 1"),
        ("\nrequests==", "\nrequest==", "requests is not pinned"),
        ("\nalembic==", "\n--index" + "-url x\nalembic==", "must not be in it"),
        ("\nmako==1", "\nextra==1\nmako==1", "has no hash"),
    ],
)
def test_an_edited_lock_file_is_reported(lock_text: str, old: str, new: str, word: str) -> None:
    """The check reports a changed or missing pin, a pin without hashes, and a package index that the lock file
    names.
    """
    assert old in lock_text
    assert any(
        word in problem for problem in lock.find_problems(lock_text.replace(old, new), lock.LOCK.read_requirements())
    )


def test_a_missing_lock_file_reports_every_requirement() -> None:
    """If there is no lock file, the check reports every requirement as missing."""
    assert len(list(lock.find_problems("", lock.LOCK.read_requirements()))) > len(lock.LOCK.read_requirements())


def test_every_pin_has_a_hash(lock_text: str) -> None:
    """In the lock file each pinned package is followed by hashes, and no package is pinned twice."""
    lines = lock_text.splitlines()
    pinned = [i for i, line in enumerate(lines) if lock.PINNED_PACKAGE_PATTERN.match(line)]
    assert len(pinned) > 50
    assert all(lines[i + 1].strip().startswith("--hash=sha256:") for i in pinned)
    assert len(dict(lock.iterate_pins(lock_text))) == len(pinned)


def test_what_builds_the_package_is_pinned() -> None:
    """The packages that pyproject.toml names for its build are those of the group `build`: without an isolated build
    environment, pip installs them from a lock only."""
    declared = tomllib.loads(lock.PYPROJECT_FILE.read_text(encoding="utf-8"))
    assert declared["build-system"]["requires"] == declared["dependency-groups"]["build"]
    assert declared["project"]["requires-python"].startswith(f">={lock.LOWEST_PYTHON},")


@cache
def read_installed_requirements(name: str) -> tuple[Requirement, ...]:
    """Return what an installed package requires; nothing for a package that isn't installed: those of other systems,
    and those of `docs.lock` before the first `make docs`.
    """
    try:
        return tuple(map(Requirement, metadata.requires(name) or ()))
    except metadata.PackageNotFoundError:
        return ()


@cache
def read_pins(one: lock.Lock) -> tuple[Requirement, ...]:
    """Return each pin of a lock with its marker."""
    lines = one.read_text().splitlines()
    return tuple(Requirement(line.rstrip("\\")) for line in lines if lock.PINNED_PACKAGE_PATTERN.match(line))


def read_pins_there(one: lock.Lock, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the version by name of each pin of a lock that is installed in the environment."""
    pins = (pin for pin in read_pins(one) if pin.marker is None or pin.marker.evaluate(environment))
    return {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in pins}


@pytest.mark.parametrize("python", ["3.11.2", "3.11.9", "3.12.9", "3.13.9", "3.14.9"])
@pytest.mark.parametrize(
    ("sys_platform", "platform_system", "os_name"),
    [("linux", "Linux", "posix"), ("darwin", "Darwin", "posix"), ("win32", "Windows", "nt")],
)
def test_each_system_and_python_gets_every_package_it_needs(
    sys_platform: str, platform_system: str, os_name: str, python: str
) -> None:
    """On each system and with each Python version, a lock has every package that another of its packages requires
    there, in a version that fits, and none of another system. What packages require is read from the installed ones.
    """
    environment: dict[str, str] = {
        **cast(dict[str, str], default_environment()),
        "sys_platform": sys_platform,
        "platform_system": platform_system,
        "os_name": os_name,
        "python_full_version": python,
        "python_version": python.rpartition(".")[0],
    }
    for one in lock.LOCKS:
        pins = read_pins_there(one, environment)
        waiting = [(requirement, "") for requirement in one.read_requirements()]
        seen: defaultdict[str, set[str]] = defaultdict(set)
        while waiting:
            requirement, extra = waiting.pop()
            if requirement.marker and not requirement.marker.evaluate({**environment, "extra": extra}):
                continue
            name = canonicalize_name(requirement.name)
            assert name in pins, f"{one.file.name}: {requirement}"
            assert pins[name] in requirement.specifier, f"{one.file.name}: {requirement}"
            for asked in {"", *requirement.extras} - seen[name]:
                seen[name].add(asked)
                waiting += [(needed, asked) for needed in read_installed_requirements(name)]
        if one is not lock.DOCS_LOCK:
            assert ("pywin32-ctypes" in pins) is (sys_platform == "win32")
            assert ("secretstorage" in pins) is (sys_platform == "linux")
