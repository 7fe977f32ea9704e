"""The lock file is in step with pyproject.toml, and the check notices when it isn't."""

import pytest

from scripts import lock


@pytest.fixture(scope="module")
def lock_text() -> str:
    return lock.LOCK.read_text(encoding="utf-8")


def test_the_lock_is_in_step(lock_text: str) -> None:
    """Every requirement is met by a pin with hashes, and the lock was made from today's requirements."""
    assert list(lock.find_faults(lock_text, lock.read_requirements())) == []


def test_the_lock_of_the_site_is_in_step(lock_text: str) -> None:
    """A package in both lock files has the same version in both, because both are installed into one environment."""
    docs = lock.DOCS_LOCK.read_text(encoding="utf-8")
    assert list(lock.find_faults(docs, lock.read_docs_requirements())) == []
    pinned = dict(lock.iterate_pins(lock_text))
    assert {name: version for name, version in lock.iterate_pins(docs) if pinned.get(name, version) != version} == {}


def test_a_changed_requirement_is_noticed(lock_text: str) -> None:
    """If a requirement is added, removed or made stricter, the lock counts as outdated."""
    fewer = lock.read_requirements()[1:]
    assert any("changed after" in fault for fault in lock.find_faults(lock_text, fewer))


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("sqlalchemy==2", "sqlalchemy==1", "is pinned to 1"),
        ("\nrequests==", "\nrequest==", "requests is not pinned"),
        ("\nalembic==", "\n--index" + "-url x\nalembic==", "must not be in it"),
        ("\nmako==1", "\nextra==1\nmako==1", "has no hash"),
    ],
)
def test_an_edited_lock_is_noticed(lock_text: str, old: str, new: str, word: str) -> None:
    """A changed or missing pin, a pin without hashes, and a named index are each reported."""
    assert old in lock_text
    assert any(word in fault for fault in lock.find_faults(lock_text.replace(old, new), lock.read_requirements()))


def test_a_missing_lock_file_reports_every_requirement() -> None:
    """Without a lock every requirement is missing."""
    assert len(list(lock.find_faults("", lock.read_requirements()))) > len(lock.read_requirements())


def test_every_pin_has_a_hash_and_other_systems_their_marker(lock_text: str) -> None:
    """Each pinned line is followed by hashes; what only Windows or macOS needs isn't installed here."""
    lines = lock_text.splitlines()
    pinned = [i for i, line in enumerate(lines) if lock.PINNED_PACKAGE_PATTERN.match(line)]
    assert len(pinned) > 50
    assert all(lines[i + 1].strip().startswith("--hash=sha256:") for i in pinned)
    for name, marker in lock.MARKER_BY_FOREIGN_PACKAGE.items():
        assert any(line.startswith(f"{name}==") and marker in line for line in lines)
