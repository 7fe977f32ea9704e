"""The package for Debian and Ubuntu, made of the built application by dpkg-deb alone.

python -m scripts.bundle.debian [APPLICATION] [TARGET]   # default: dist/support-console, dist
"""

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import console
from scripts.bundle import linux_tree
from scripts.bundle.failures import run_or_report_failure
from scripts.bundle.system_libraries import find_debian_packages, list_library_files, read_needed_libraries

ROOT = Path(__file__).resolve().parents[2]
_CONTROL_FILE_TEMPLATE = """\
Package: {name}
Version: {version}
Architecture: {architecture}
Maintainer: The maintainers of the support console <support-console@localhost>
Section: misc
Priority: optional
Installed-Size: {kilobytes}
Depends: {depends}
Recommends: xdg-utils, gnome-keyring | kwalletmanager | keepassxc
Description: desk for credit checks, payments and refunds
 Looks companies up, buys credit checks under guard, refunds payments when
 two people agree, and repairs what a broken connection left half done.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Make the Debian package and print its path. Return the exit status, always 0."""
    words = list(sys.argv[1:] if argv is None else argv)
    application = Path(words[0]) if words else ROOT / "dist" / linux_tree.PACKAGE_NAME
    target = Path(words[1]) if len(words) > 1 else ROOT / "dist"
    print(f"Built {make_package(application, target)}")
    return 0


def make_package(application: Path, target: Path, version: str = console.__version__) -> Path:
    """Make the package of a built application in the folder `target` and return the package's path."""
    package = target / f"{linux_tree.PACKAGE_NAME}_{version}_{find_architecture()}.deb"
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "root"
        root.mkdir(mode=0o755)
        linux_tree.write_installation_tree(root, application)
        _write_documents(root / "usr" / "share" / "doc" / linux_tree.PACKAGE_NAME, application)
        _write_control_files(root, version, format_depends_field(application))
        options = ["--build", "--root-owner-group", "-Zxz", "-z3"]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": _read_commit_time()}
        subprocess.run(["dpkg-deb", *options, str(root), str(package)], check=True, stdout=2, env=environment)
    return package


def find_architecture() -> str:
    """Return Debian's name of this machine's architecture."""
    done = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def format_depends_field(application: Path) -> str:
    """Return the value of the field Depends. It names the packages whose libraries the application's binaries load
    from the system, and the newest version of the C library whose symbols they use.
    """
    files = [one for one in application.rglob("*") if one.is_file()]
    bundled_names, system_file_by_name = {one.name for one in files}, list_library_files()
    needed_names: set[str] = set()
    glibc_versions: set[tuple[int, ...]] = {(2, 17)}
    for file in filter(_is_elf, files):
        names, versions = read_needed_libraries(file)
        needed_names |= names - bundled_names
        glibc_versions |= versions
    files_of_system = [system_file_by_name[name].resolve() for name in needed_names if name in system_file_by_name]
    packages = set(find_debian_packages(files_of_system).values()) - {"libc6"}
    return ", ".join([f"libc6 (>= {'.'.join(map(str, max(glibc_versions)))})", *sorted(packages)])


def _is_elf(file: Path) -> bool:
    with file.open("rb") as content:
        return content.read(4) == b"\x7fELF"


def _write_documents(folder: Path, application: Path) -> None:
    """Write Debian's copyright file (made from our licence and the application's file NOTICE.txt) and the list of
    changes."""
    folder.mkdir(parents=True)
    own_text, notice = (ROOT / "LICENSE").read_text(encoding="utf-8"), application / "NOTICE.txt"
    notice_text = notice.read_text(encoding="utf-8") if notice.is_file() else ""
    place = f"The texts are in /{linux_tree.PROGRAM_FOLDER}/THIRD_PARTY.\n"
    (folder / "copyright").write_text(f"{own_text}\n{notice_text}\n{place}", encoding="utf-8")
    changes = (ROOT / "CHANGELOG.md").read_bytes()
    (folder / "changelog.gz").write_bytes(gzip.compress(changes, mtime=0))
    for file in folder.iterdir():
        file.chmod(0o644)
    folder.chmod(0o755)


def _write_control_files(root: Path, version: str, depends_field: str) -> None:
    """Write the package's control fields, and the hashes by which `dpkg --verify` finds altered files. The package
    has no installation scripts, because dpkg's triggers update the desktop's menu and icons.
    """
    files = sorted(one for one in root.rglob("*") if one.is_file() and not one.is_symlink())
    kilobytes = sum(file.stat().st_size for file in files) // 1024
    hashes = "".join(
        f"{hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()}  {file.relative_to(root)}\n"
        for file in files
    )
    folder = root / "DEBIAN"
    folder.mkdir(mode=0o755)
    fields = {"name": linux_tree.PACKAGE_NAME, "version": version, "architecture": find_architecture()}
    (folder / "control").write_text(
        _CONTROL_FILE_TEMPLATE.format(**fields, kilobytes=kilobytes, depends=depends_field), encoding="utf-8"
    )
    (folder / "md5sums").write_text(hashes, encoding="utf-8")


def _read_commit_time() -> str:
    """Return the time of the last commit (Unix seconds, as text), so that the same commit gives the same package; "0"
    without git.
    """
    if shutil.which("git") is None:
        return "0"
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "0"


if __name__ == "__main__":
    sys.exit(run_or_report_failure(main))
