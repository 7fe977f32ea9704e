"""Compare the program's files with the hashes that they had when they were installed. For a built application, these
are the hashes that the build wrote into its folder. For an installed wheel, these are the hashes that pip, pipx or uv
stored (RECORD, https://peps.python.org/pep-0376/).
"""

import base64
import csv
import hashlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import console

MANIFEST_NAME = "MANIFEST.sha256"
"""File in the folder of the built application. One line per file: SHA-256 in hexadecimal digits, two spaces, path
from the folder; `sha256sum --check` reads it too.
"""
DISTRIBUTION_NAME = "support-console"
"""Name of the wheel in the metadata of installed packages."""
_HASH_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class InstallationComparison:
    """Result of the comparison of the installed files with the hashes of the build. `file_count` is the number of
    compared files; `altered_paths` and `missing_paths` are paths relative to the program's folder. A damaged library
    of an installed wheel is listed once, by its name, even if several of its files are damaged.
    """

    file_count: int
    altered_paths: tuple[str, ...]
    missing_paths: tuple[str, ...]

    @property
    def damaged_paths(self) -> tuple[str, ...]:
        """The paths of the altered and the missing files."""
        return (*self.altered_paths, *self.missing_paths)


def find_installed_folder() -> Path | None:
    """Return the folder of the running built application, or the folder of packages in which the running wheel is
    installed. Return None if the program runs from a clone of the source repository, and in the application on macOS
    (the signature covers its files).
    """
    if getattr(sys, "frozen", False):
        return None if sys.platform == "darwin" else Path(sys.executable).resolve().parent
    program = _find_installed_wheel()
    return Path(str(program.locate_file(""))).resolve() if program is not None else None


def check_installation() -> InstallationComparison | None:
    """Compare the program's files with the hashes that they had when they were installed. Return None if no such
    hashes exist: if the program runs from a clone of the source repository, or is the application on macOS. Never
    raises an exception, because people run this check to find the cause of other failures.
    """
    folder = find_installed_folder()
    program = None if getattr(sys, "frozen", False) else _find_installed_wheel()
    if folder is None:
        return None
    return _check_installed_wheel(program) if program is not None else check_installed_files(folder)


def check_installed_files(folder: Path) -> InstallationComparison:
    """Compare each file that the manifest in `folder` lists with the hash in the manifest, and return the result. If
    the manifest is missing or can't be read, the result lists the manifest itself. Never raises an exception, because
    people run this check to find the cause of other failures.
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


def _find_installed_wheel() -> metadata.Distribution | None:
    """Return the installed wheel that the running program comes from. Return None in a clone of the source
    repository: its modules are not in the folder to which `pip install --editable` writes the metadata.
    """
    try:
        program = metadata.distribution(DISTRIBUTION_NAME)
        installed_file = Path(str(program.locate_file("console/__init__.py")))
        return program if installed_file.samefile(console.__file__) else None
    except (metadata.PackageNotFoundError, OSError):
        return None


def _check_installed_wheel(program: metadata.Distribution) -> InstallationComparison:
    """Compare the files of the wheel `program` with their hashes, and also the files of the libraries that the wheel
    requires on every system. Return the result.
    """
    compared, altered_names, missing_names = 0, list[str](), list[str]()
    for name in _list_required_names(program):
        try:
            library = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            missing_names.append(name)
            continue
        result = _compare_with_wheel_record(library)
        compared += result.file_count
        if result.damaged_paths:
            altered_names.append(name)
    program_result = _compare_with_wheel_record(program)
    return InstallationComparison(
        compared + program_result.file_count,
        (*program_result.altered_paths, *sorted(altered_names)),
        (*program_result.missing_paths, *sorted(missing_names)),
    )


def _list_required_names(program: metadata.Distribution) -> Iterator[str]:
    """Yield the name of each distribution that `program` requires, directly or through another distribution; each
    name once. Requirements with a condition (an extra, an operating system) are left out.
    """
    names_seen, waiting = set[str](), [program]
    while waiting:
        for requirement in waiting.pop().requires or ():
            match = re.match(r"[\w.-]+", requirement)
            if ";" in requirement or match is None or match[0].lower() in names_seen:
                continue
            names_seen.add(match[0].lower())
            yield match[0]
            waiting += metadata.distributions(name=match[0])


def _compare_with_wheel_record(distribution: metadata.Distribution) -> InstallationComparison:
    """Compare the files of one distribution with the hashes in its RECORD (the list of files that an installer
    stores), and return the result. A distribution without a RECORD, such as a package of the operating system, has no
    compared files."""
    compared, altered_paths, missing_paths = 0, list[str](), list[str]()
    # Python 3.12 and the package importlib_metadata leave missing files out of `distribution.files`.
    for row in csv.reader((distribution.read_text("RECORD") or "").splitlines()):
        path, recorded_hash = (*row, "", "")[:2]
        kind, _, expected = recorded_hash.partition("=")
        # Python writes the compiled modules that some wheels bring anew.
        if kind != "sha256" or path.endswith(".pyc"):
            continue
        compared += 1
        try:
            digest = bytes.fromhex(hash_file(Path(str(distribution.locate_file(path)))))
            if base64.urlsafe_b64encode(digest).decode().rstrip("=") != expected:
                altered_paths.append(path)
        except FileNotFoundError:
            missing_paths.append(path)
        except OSError:
            altered_paths.append(path)
    return InstallationComparison(compared, tuple(altered_paths), tuple(missing_paths))


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
