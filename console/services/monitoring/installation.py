"""Compares the files of the built application with the hashes that its build wrote beside the program."""

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

MANIFEST_NAME = "MANIFEST.sha256"
"""File in the folder of the built application. One line per file: SHA-256 in hexadecimal digits, two spaces, path
from the folder; `sha256sum --check` reads it too.
"""
_HASH_LENGTH = 64


@dataclass(frozen=True, slots=True)
class InstallationState:
    """Paths, from the folder of the application, of files that are not as they were built; `files` is the number of
    files that were compared.
    """

    files: int
    altered: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def damaged(self) -> tuple[str, ...]:
        """The altered and the missing files."""
        return (*self.altered, *self.missing)


def installed_folder() -> Path | None:
    """Return the folder of the built application that runs. It is None in a clone and in an installed wheel, where
    pip knows the hashes, and on macOS, where the signature of the application covers its files.
    """
    if not getattr(sys, "frozen", False) or sys.platform == "darwin":
        return None
    return Path(sys.executable).resolve().parent


def check_files(folder: Path) -> InstallationState:
    """Read every file that the manifest in `folder` lists and compare it with its hash. A manifest that can't be read
    is itself reported. Nothing is raised, because the result explains other failures.
    """
    try:
        hash_by_path = _read_manifest(folder / MANIFEST_NAME)
    except FileNotFoundError:
        return InstallationState(0, (), (MANIFEST_NAME,))
    except (OSError, ValueError):
        return InstallationState(0, (MANIFEST_NAME,), ())
    altered, missing = [], []
    for path, expected in hash_by_path.items():
        try:
            if hash_file(folder / path) != expected:
                altered.append(path)
        except FileNotFoundError:
            missing.append(path)
        except OSError:
            altered.append(path)
    return InstallationState(len(hash_by_path), tuple(altered), tuple(missing))


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_manifest(path: Path) -> dict[str, str]:
    """Return the hash of each listed file. Raises OSError, and ValueError for a line that is not of the form, or for
    an empty manifest.
    """
    hash_by_path: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        digits, _, name = line.partition("  ")
        if len(digits) != _HASH_LENGTH or not name:
            raise ValueError(line)
        hash_by_path[name] = digits
    if not hash_by_path:
        raise ValueError(path.name)
    return hash_by_path
