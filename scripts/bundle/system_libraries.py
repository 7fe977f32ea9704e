"""Finds the Debian packages of the build machine's shared libraries, and the libraries that a binary loads."""

import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_PACKAGE_DOCUMENTS_FOLDER = Path("/usr/share/doc")
_OWNER_LINE_PATTERN = re.compile(r"(?!(?:local )?diversion )([a-z0-9][a-z0-9+.-]*)(?::[^:, ]+)?(?:, [^/]+)?: (/.*)")
"""Matches a line of `dpkg-query --search`: the first package that has the file, and the path of the file."""
_GLOB_CHARACTER_PATTERN = re.compile(r"[*?\[\\]")


@dataclass(frozen=True, slots=True)
class SystemPackage:
    """A Debian package of the build machine; `files` are the names of its libraries in the application."""

    name: str
    version: str
    files: tuple[str, ...]

    def copy_copyright_file(self, folder: Path) -> None:
        """Copy the package's copyright file into a folder with the package's name below `folder`."""
        place = folder / self.name
        place.mkdir(parents=True)
        source = _PACKAGE_DOCUMENTS_FOLDER / self.name / "copyright"
        if source.is_file():
            shutil.copy(source, place / "copyright")


def find_owning_packages(source_by_path: Mapping[str, str]) -> tuple[list[SystemPackage], list[str]]:
    """Return two values about the binaries that belong neither to Python nor to a Python package: their Debian
    packages, and the paths of the binaries that are in no Debian package. `source_by_path` has the source of each
    binary by its path in the application.
    """
    own = [Path(place).resolve() for place in (sys.base_prefix, sysconfig.get_path("platlib"), sys.prefix)]
    foreign_files = {path: Path(source).resolve() for path, source in sorted(source_by_path.items())}
    for path, file in list(foreign_files.items()):
        if any(file.is_relative_to(place) for place in own if place != Path("/usr")):
            del foreign_files[path]
    package_by_file = find_debian_packages(foreign_files.values())
    names_by_package: dict[str, list[str]] = {}
    unknown = []
    for path, file in foreign_files.items():
        if file in package_by_file:
            names_by_package.setdefault(package_by_file[file], []).append(Path(path).name)
        else:
            unknown.append(path)
    versions = read_package_versions(names_by_package)
    return [
        SystemPackage(package, versions[package], tuple(names)) for package, names in sorted(names_by_package.items())
    ], unknown


def find_debian_packages(files: Iterable[Path]) -> dict[Path, str]:
    """Return the name of the Debian package that has each of these files; a file in no package is left out. Return
    nothing without dpkg. All files are searched by one call: dpkg reads its whole database at each call.
    """
    # Libraries of /usr/lib may be registered in /lib, which is a link to it.
    paths_by_file = {file: (str(file), str(file).removeprefix("/usr")) for file in files}
    if not paths_by_file or shutil.which("dpkg-query") is None:
        return {}
    patterns = sorted(
        {_GLOB_CHARACTER_PATTERN.sub(r"\\\g<0>", path) for paths in paths_by_file.values() for path in paths}
    )
    command = ["dpkg-query", "--search", *patterns]
    # Its exit status is 1 if it doesn't find one of the files.
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    package_by_path = {
        match[2]: match[1] for match in map(_OWNER_LINE_PATTERN.fullmatch, done.stdout.splitlines()) if match
    }
    owners = {
        file: next((package_by_path[path] for path in paths if path in package_by_path), None)
        for file, paths in paths_by_file.items()
    }
    return {file: package for file, package in owners.items() if package is not None}


def read_package_versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the installed version of each of these Debian packages, by its name."""
    names = sorted(packages)
    if not names:
        return {}
    command = ["dpkg-query", "--show", "--showformat=${Package} ${Version}\\n", *names]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [line.split(" ", 1) for line in done.stdout.splitlines()]
    return {row[0]: row[1] for row in reversed(rows)}  # of several architectures, the first


def read_needed_libraries(file: Path) -> tuple[set[str], set[tuple[int, ...]]]:
    """Return the names of the libraries that an ELF file loads, and the versions of glibc's symbols that it uses."""
    done = subprocess.run(["objdump", "-p", str(file)], capture_output=True, text=True, check=False)
    names = set(re.findall(r"NEEDED\s+(\S+)", done.stdout))
    versions = re.findall(r"\bGLIBC_(\d+(?:\.\d+)+)", done.stdout)
    return names, {tuple(map(int, version.split("."))) for version in versions}


def list_library_files() -> dict[str, Path]:
    """Return the file of each shared library that the system's loader knows, by its name."""
    done = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True)
    file_by_name: dict[str, Path] = {}
    for name, path in re.findall(r"^\s+(\S+) \(.*\) => (\S+)$", done.stdout, flags=re.MULTILINE):
        file_by_name.setdefault(name, Path(path))
    return file_by_name
