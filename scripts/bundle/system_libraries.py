"""Finds the Debian packages of the build machine's shared libraries, and the libraries that a binary loads."""

import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_PACKAGE_DOCUMENTS_FOLDER = Path("/usr/share/doc")


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
    files: dict[str, list[str]] = {}
    unknown = []
    for path, source in sorted(source_by_path.items()):
        real = Path(source).resolve()
        if any(real.is_relative_to(place) for place in own if place != Path("/usr")):
            continue
        package = find_debian_package(real)
        if package is None:
            unknown.append(path)
        else:
            files.setdefault(package, []).append(Path(path).name)
    return [
        SystemPackage(name, read_package_version(name), tuple(names)) for name, names in sorted(files.items())
    ], unknown


def find_debian_package(file: Path) -> str | None:
    """Return the name of the Debian package that has this file, None if no package has it or without dpkg."""
    if shutil.which("dpkg-query") is None:
        return None
    # Libraries of /usr/lib may be registered in /lib, which is a link to it.
    for path in (str(file), str(file).removeprefix("/usr")):
        done = subprocess.run(["dpkg-query", "--search", path], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout.partition(":")[0]
    return None


def read_package_version(package: str) -> str:
    """Return the installed version of a Debian package."""
    command = ["dpkg-query", "--show", "--showformat=${Version}\n", package]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]


def read_needed_libraries(file: Path) -> tuple[set[str], set[tuple[int, ...]]]:
    """Return the names of the libraries that an ELF file loads, and the versions of glibc's symbols that it uses."""
    done = subprocess.run(["objdump", "-p", str(file)], capture_output=True, text=True, check=False)
    names = set(re.findall(r"NEEDED\s+(\S+)", done.stdout))
    versions = re.findall(r"\bGLIBC_(\d+(?:\.\d+)+)", done.stdout)
    return names, {tuple(map(int, version.split("."))) for version in versions}


def list_library_files() -> dict[str, Path]:
    """Return the file of each shared library that the system's loader knows, by its name."""
    done = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True)
    found: dict[str, Path] = {}
    for name, path in re.findall(r"^\s+(\S+) \(.*\) => (\S+)$", done.stdout, flags=re.MULTILINE):
        found.setdefault(name, Path(path))
    return found
