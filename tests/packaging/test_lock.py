"""Tests of the lock file of the Python packages: it agrees with pyproject.toml, and the check reports each
disagreement.
"""

import pytest

from scripts import lock
from tests.support.containerfile import CONTAINERFILE


@pytest.fixture(scope="module")
def lock_text() -> str:
    return lock.LOCK_FILE.read_text(encoding="utf-8")


def test_the_lock_file_satisfies_the_present_requirements(lock_text: str) -> None:
    """The lock file has a pinned version with hashes for every requirement, and it was made from the present
    requirements.
    """
    assert list(lock.find_problems(lock_text, lock.read_requirements())) == []


def test_the_docs_lock_has_the_same_versions_as_the_program_lock(lock_text: str) -> None:
    """The lock file of the documentation agrees with its requirements. A package in this lock file and in the
    program's has the same version in each, because they are installed into one environment.
    """
    docs = lock.DOCS_LOCK_FILE.read_text(encoding="utf-8")
    assert list(lock.find_problems(docs, lock.read_docs_requirements())) == []
    pinned = dict(lock.iterate_pins(lock_text))
    assert {name: version for name, version in lock.iterate_pins(docs) if pinned.get(name, version) != version} == {}


def test_the_runtime_lock_has_no_package_of_development(lock_text: str) -> None:
    """The lock file of what runs agrees with its requirements, has the versions of the common lock file, and no
    package that only development needs. The container of the worker installs it."""
    runtime_text = lock.RUNTIME_LOCK_FILE.read_text(encoding="utf-8")
    assert list(lock.find_problems(runtime_text, lock.read_runtime_requirements())) == []
    runtime, pinned = dict(lock.iterate_pins(runtime_text)), dict(lock.iterate_pins(lock_text))
    assert runtime.items() <= pinned.items()
    assert not runtime.keys() & {"pytest", "mypy", "ruff", "hypothesis", "pyinstaller", "pip-tools", "python-stdnum"}
    assert {"tzdata", "colorama", "pywin32-ctypes"} <= runtime.keys()
    assert "-r runtime.lock" in CONTAINERFILE.read_text(encoding="utf-8")


def test_a_lock_file_without_a_changed_requirement_is_reported(lock_text: str) -> None:
    """If a requirement is removed from pyproject.toml, the check reports the lock file as outdated."""
    fewer = lock.read_requirements()[1:]
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
        word in problem for problem in lock.find_problems(lock_text.replace(old, new), lock.read_requirements())
    )


def test_a_missing_lock_file_reports_every_requirement() -> None:
    """If there is no lock file, the check reports every requirement as missing."""
    assert len(list(lock.find_problems("", lock.read_requirements()))) > len(lock.read_requirements())


def test_every_pin_has_a_hash_and_foreign_packages_have_a_marker(lock_text: str) -> None:
    """In the lock file each pinned package is followed by hashes. A package that only Windows or macOS needs has a
    marker, so that Linux doesn't install it.
    """
    lines = lock_text.splitlines()
    pinned = [i for i, line in enumerate(lines) if lock.PINNED_PACKAGE_PATTERN.match(line)]
    assert len(pinned) > 50
    assert all(lines[i + 1].strip().startswith("--hash=sha256:") for i in pinned)
    for name, marker in lock.MARKER_BY_FOREIGN_PACKAGE.items():
        assert any(line.startswith(f"{name}==") and marker in line for line in lines)
