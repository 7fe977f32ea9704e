"""Tests of the search for the Debian packages of the application's libraries."""

import sys
from pathlib import Path

import pytest

from scripts.bundle import system_libraries
from scripts.bundle.system_libraries import find_debian_packages, find_owning_packages

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Debian's packages exist only on Linux")

DPKG_QUERY = """printf '%s\\n' "$*" >> "{log}"
if [ "$1" = --show ]; then
    printf 'libone 1.2-3\\nlibone 1.2-3\\nlibtwo 2:4.5\\n'
    exit 0
fi
cat << 'END'
diversion by other from: /usr/lib/x/libone.so.1
libone:amd64, libone-dev:amd64: /usr/lib/x/libone.so.1
libtwo: /lib/x/libtwo[1]+.so
END
echo 'dpkg-query: no path found matching pattern /usr/lib/x/libzero.so' >&2
exit 1
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Replace dpkg-query by a script, and return the file into which it writes its arguments, one line a call."""
    log, tool = tmp_path / "calls", tmp_path / "dpkg-query"
    tool.write_text("#!/bin/sh\n" + DPKG_QUERY.format(log=log))
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return log


def test_the_packages_of_all_libraries_are_found_by_two_calls(calls: Path) -> None:
    """One call of dpkg-query finds the packages of all libraries, and another reads their versions: each call reads
    the whole database of packages. A diverted file belongs to the package that has it, the first one of several; a
    library of /usr/lib may be registered in /lib."""
    sources = {
        "_internal/libone.so.1": "/usr/lib/x/libone.so.1",
        "_internal/libtwo.so": "/usr/lib/x/libtwo[1]+.so",
        "_internal/libzero.so": "/usr/lib/x/libzero.so",
        "_internal/base.so": str(Path(sys.prefix) / "base.so"),
    }
    packages, unknown = find_owning_packages(sources)
    assert [(package.name, package.version, package.files) for package in packages] == [
        ("libone", "1.2-3", ("libone.so.1",)),
        ("libtwo", "2:4.5", ("libtwo.so",)),
    ]
    assert unknown == ["_internal/libzero.so"]
    search, show = calls.read_text().splitlines()
    assert search.startswith("--search ")
    assert r"/usr/lib/x/libtwo\[1]+.so" in search.split()
    assert show.split()[-2:] == ["libone", "libtwo"]


def test_without_foreign_libraries_no_program_is_run(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without foreign libraries, and on a machine without dpkg, no package is found and no program is run."""
    assert find_owning_packages({"_internal/base.so": str(Path(sys.prefix) / "base.so")}) == ([], [])
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert find_debian_packages([Path("/usr/lib/x/libone.so.1")]) == {}
    assert not calls.exists()


@pytest.mark.skipif(not Path("/usr/bin/dpkg-query").exists(), reason="no Debian")
def test_the_package_of_this_machines_c_library_is_found() -> None:
    """On Debian, the real dpkg-query finds the package of the C library, in /usr/lib or in /lib."""
    library = next(path for name, path in system_libraries.list_library_files().items() if name == "libc.so.6")
    assert find_debian_packages([library.resolve()]) == {library.resolve(): "libc6"}
