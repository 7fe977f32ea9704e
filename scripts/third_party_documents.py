"""Lists the distributions that a build contains, with their licences, in its files `NOTICE.txt`, `sbom.cdx.json` and
`THIRD_PARTY/`.

python -m scripts.third_party_documents FILE   # CycloneDX 1.5 of the distributions that the running program needs
"""

import json
import re
import shutil
import sys
import sysconfig
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import console
from scripts.bundle.system_libraries import SystemPackage, find_owning_packages

ROOT = Path(__file__).resolve().parent.parent
PROJECT_NAME = "support-console"
_LICENSE_FILE_NAME_PATTERN = re.compile(r"(?i)(licen[cs]e|copying|notice|authors)")
_SHARED_LICENSES_FOLDER = ROOT / "licenses"
"""Folder with the licence texts that packages name but don't contain."""
_NOTICE_HEAD = """\
Support console {version}

This folder has parts of other authors. Each is listed with its licence; the texts are in THIRD_PARTY/, and those that
several parts share in THIRD_PARTY/licenses/. sbom.cdx.json is the same list for programs (CycloneDX).

Qt, PySide6 and shiboken6 (LGPL-3.0) are the shared libraries in _internal/PySide6 and _internal/shiboken6: replace
them by builds of your own, and the program uses those. Their source, in the versions named below, is at
https://code.qt.io. The parts of other authors in Qt: https://doc.qt.io/qt-6/licenses-used-in-qt.html.

"""
_OTHER_BUNDLED_PARTS = (
    ("PyInstaller's boot loader", "GPL-2.0-or-later WITH Bootloader-exception", "the programs in this folder"),
    ("ICU", "Unicode-DFS-2016", "libicu* of Qt"),
    ("BIZ UDGothic", "OFL-1.1", "_internal/resources/fonts"),
    ("Noto Sans", "OFL-1.1", "_internal/resources/fonts"),
)
"""Bundled parts that aren't Python packages, each as (name, licence, location in the application)."""


def list_bundled_distributions(extras: Sequence[str] = ()) -> list[metadata.Distribution]:
    """Return the distributions that the project needs at run time with these extras, sorted by name."""
    distributions: dict[str, metadata.Distribution] = {}
    waiting: list[tuple[Iterable[str], frozenset[str]]] = [(_read_declared_requirements(extras), frozenset())]
    while waiting:
        requirements, extras_of_parent = waiting.pop()
        for requirement in map(Requirement, requirements):
            key = canonicalize_name(requirement.name)
            if key not in distributions and _is_requirement_active(requirement, extras_of_parent):
                distributions[key] = metadata.distribution(requirement.name)
                waiting.append((distributions[key].requires or (), frozenset(requirement.extras)))
    return [distributions[key] for key in sorted(distributions)]


def _read_declared_requirements(extras: Sequence[str]) -> list[str]:
    """Return the requirements in pyproject.toml; the metadata of an editable install may be older."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements_by_extra = project["optional-dependencies"]
    return [
        *project["dependencies"],
        *(requirement for extra in extras for requirement in requirements_by_extra[extra]),
    ]


def _is_requirement_active(requirement: Requirement, extras: frozenset[str]) -> bool:
    """True if the environment marker of the requirement is true on this machine, without an extra or with one of
    these extras.
    """
    return requirement.marker is None or any(requirement.marker.evaluate({"extra": one}) for one in ("", *extras))


def find_licence(distribution: metadata.Distribution) -> str:
    """Return the licence that the metadata of a distribution names."""
    named = _get_field(distribution, "License-Expression")
    kinds = [text for text in distribution.metadata.get_all("Classifier") or () if "License ::" in text]
    classified = [text.rpartition(" :: ")[2] for text in kinds]
    licence_lines = _get_field(distribution, "License").strip().splitlines()
    return named or ", ".join(classified) or (licence_lines[0][:80] if licence_lines else "see its files")


def _get_field(distribution: metadata.Distribution, name: str) -> str:
    """Return a metadata field of the distribution; "" if it is missing (a backport of `importlib.metadata` raises
    KeyError then).
    """
    return distribution.metadata[name] or "" if name in distribution.metadata else ""


def list_licence_files(distribution: metadata.Distribution) -> Iterator[Path]:
    """Yield the paths of the distribution's licence files."""
    for file in distribution.files or ():
        path = Path(str(file.locate()))
        if ".dist-info" in str(file) and _LICENSE_FILE_NAME_PATTERN.search(file.name) and path.is_file():
            yield path


def write_documents(application: Path, extras: Sequence[str] = (), binaries: Mapping[str, str] | None = None) -> None:
    """Write notice, list of components and licence texts into the folder of a built application. `binaries` has the
    source of each binary, by its path in the folder: the list shows the libraries of the build machine that are in
    it.
    """
    folder = application / "THIRD_PARTY"
    _write_shared_texts(folder / "licenses")
    packages = list_bundled_distributions(extras)
    for one in packages:
        _write_package(folder / _format_title(one), one)
    system_packages, unknown_files = find_owning_packages(binaries or {})
    for library in system_packages:
        library.copy_copyright_file(folder / "system")
    lines = [f"{name}: {licence} ({place})" for name, licence, place in _OTHER_BUNDLED_PARTS]
    lines += [
        f"Python {_get_python_version()}: PSF-2.0",
        *(f"{_format_title(one)}: {find_licence(one)}" for one in packages),
    ]
    lines += [
        f"{one.name} {one.version}: see THIRD_PARTY/system/{one.name} ({', '.join(one.files)})"
        for one in system_packages
    ]
    lines += [f"{file}: of the machine that built this; its package is unknown" for file in unknown_files]
    notice = _NOTICE_HEAD.format(version=console.__version__) + "\n".join(lines) + "\n"
    (application / "NOTICE.txt").write_text(notice, encoding="utf-8")
    bill_of_materials = json.dumps(make_component_list(extras, system_packages), indent=1) + "\n"
    (application / "sbom.cdx.json").write_text(bill_of_materials, encoding="utf-8")


def _write_shared_texts(folder: Path) -> None:
    """Write the licence texts that parts name but don't contain, the licences of the fonts, and Python's licence."""
    shutil.copytree(_SHARED_LICENSES_FOLDER, folder)
    for name, font in (("OFL.txt", "BIZ-UDGothic"), ("OFL-NotoSans.txt", "NotoSans")):
        shutil.copy(ROOT / "resources" / "fonts" / name, folder / f"OFL-1.1-{font}.txt")
    python = Path(sysconfig.get_path("stdlib")) / "LICENSE.txt"
    if python.is_file():
        shutil.copy(python, folder / "Python.txt")
    for text in list_licence_files(metadata.distribution("pyinstaller")):
        shutil.copy(text, folder / f"PyInstaller-{text.name}")


def _write_package(folder: Path, distribution: metadata.Distribution) -> None:
    """Write the licence texts of one distribution and a summary of its licence."""
    folder.mkdir()
    for count, text in enumerate(list_licence_files(distribution)):
        shutil.copy(text, folder / (text.name if not (folder / text.name).exists() else f"{count}-{text.name}"))
    pages = distribution.metadata.get_all("Project-URL") or [""]
    home = _get_field(distribution, "Home-page") or pages[0].rpartition(" ")[2]
    (folder / "TERMS.txt").write_text(
        f"{_format_title(distribution)}\n{find_licence(distribution)}\n{home}\n", encoding="utf-8"
    )


def _format_title(distribution: metadata.Distribution) -> str:
    return f"{distribution.metadata['Name']}-{distribution.version}"


def _get_python_version() -> str:
    return sys.version.split()[0]


def make_component_list(
    extras: Sequence[str] = (), system_packages: Sequence[SystemPackage] = ()
) -> dict[str, object]:
    """Return a CycloneDX list of the components of the running program: Python packages, Python itself, and libraries
    of the build machine.
    """
    listed = [
        _make_component(
            one.metadata["Name"],
            one.version,
            f"pkg:pypi/{canonicalize_name(one.metadata['Name'])}@{one.version}",
            find_licence(one),
        )
        for one in list_bundled_distributions(extras)
    ]
    python = _get_python_version()
    listed.append(_make_component("python", python, f"pkg:generic/python@{python}", "PSF-2.0"))
    listed += [
        _make_component(one.name, one.version, f"pkg:deb/debian/{one.name}@{one.version}", None)
        for one in system_packages
    ]
    about = {"component": {"type": "application", "name": PROJECT_NAME, "version": console.__version__}}
    return {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "metadata": about, "components": listed}


def _make_component(name: str, version: str, package_url: str, licence: str | None) -> dict[str, object]:
    terms = {"licenses": [{"license": {"name": licence}}]} if licence is not None else {}
    return {"type": "library", "name": name, "version": version, "purl": package_url, **terms}


def main(argv: Sequence[str] | None = None) -> int:
    """Write the CycloneDX list of components, with all optional extras, to the file that the command line names.
    Return the exit status, always 0.
    """
    (file,) = sys.argv[1:] if argv is None else argv
    Path(file).write_text(json.dumps(make_component_list(("gs", "kafka")), indent=1) + "\n", encoding="utf-8")
    print(f"Wrote {file}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
