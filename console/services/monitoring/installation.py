"""Compare the files of the built application with the hashes that its build wrote into the same folder."""

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

MANIFEST_NAME = "MANIFEST.sha256"
"""File in the folder of the built application. One line per file: SHA-256 in hexadecimal digits, two spaces, path
from the folder; `sha256sum --check` reads it too.
"""
_HASH_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class InstallationComparison:
    """Result of the comparison of the installed files with the hashes of the build. `files` is the number of
    compared files; `altered` and `missing` are paths relative to the application's folder.
    """

    files: int
    altered: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def damaged(self) -> tuple[str, ...]:
        """The paths of the altered and the missing files."""
        return (*self.altered, *self.missing)


def find_installed_folder() -> Path | None:
    """Return the folder of the running built application. Return None in a clone, in an installed wheel (pip has the
    hashes of its files), and on macOS (the signature of the application covers its files)."""
    if not getattr(sys, "frozen", False) or sys.platform == "darwin":
        return None
    return Path(sys.executable).resolve().parent


def check_installed_files(folder: Path) -> InstallationComparison:
    """Compare each file that the manifest in `folder` lists with the hash in the manifest, and return the result.
    A manifest that is missing or can't be read is itself in the result. Raises nothing, because the result
    explains other failures.
    """
    try:
        hash_by_path = _read_manifest(folder / MANIFEST_NAME)
    except FileNotFoundError:
        return InstallationComparison(0, (), (MANIFEST_NAME,))
    except (OSError, ValueError):
        return InstallationComparison(0, (MANIFEST_NAME,), ())
    altered_paths, missing_paths = [], []
    for path, expected in hash_by_path.items():
        try:
            if hash_file(folder / path) != expected:
                altered_paths.append(path)
        except FileNotFoundError:
            missing_paths.append(path)
        except OSError:
            altered_paths.append(path)
    return InstallationComparison(len(hash_by_path), tuple(altered_paths), tuple(missing_paths))


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits. Raises OSError if the file can't be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_manifest(path: Path) -> dict[str, str]:
    """Return the hash of each listed file by path. Raises OSError if the manifest can't be read, and ValueError if
    it is empty or has a malformed line.
    """
    hash_by_path: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        digits, _, name = line.partition("  ")
        if len(digits) != _HASH_CHARACTERS or not name:
            raise ValueError(line)
        hash_by_path[name] = digits
    if not hash_by_path:
        raise ValueError(path.name)
    return hash_by_path
