"""What is bundled with the application and under which terms: `THIRD_PARTY/` of a build, and a list of components.

python -m scripts.third_party FILE   # CycloneDX 1.5 of what runs, from the installed pins
"""

import json
import re
import shutil
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = "support-console"
_TEXT = re.compile(r"(?i)(licen[cs]e|copying|notice|authors)")
_SHARED = ROOT / "licenses"
"""Texts that packages name and don't bring along."""
_HEAD = """\
Packages in this folder, with their licences. Texts of the LGPL, GPL and Apache licence are in `licenses/`.

Qt and PySide6 (LGPL-3.0) are the shared libraries in _internal/PySide6 and _internal/shiboken6: replace them by
builds of your own, and the program uses those. Their source: https://code.qt.io, in the versions named below.

"""


def bundled(extras: Sequence[str] = ()) -> list[metadata.Distribution]:
    """The distributions that the project needs at run time with these extras, by name."""
    found: dict[str, metadata.Distribution] = {}
    waiting = [(PROJECT, frozenset(extras))]
    while waiting:
        name, wanted = waiting.pop()
        here = metadata.distribution(name)
        for text in here.requires or ():
            need = Requirement(text)
            key = canonicalize_name(need.name)
            if key not in found and _holds(need, wanted):
                found[key] = metadata.distribution(need.name)
                waiting.append((need.name, frozenset(need.extras)))
    return [found[key] for key in sorted(found)]


def _holds(need: Requirement, extras: frozenset[str]) -> bool:
    """True if a requirement holds here, for one of these extras or for none."""
    return need.marker is None or any(need.marker.evaluate({"extra": one}) for one in ("", *extras))


def licence_of(one: metadata.Distribution) -> str:
    """What a distribution says of its licence."""
    named = _field(one, "License-Expression")
    kinds = [text for text in one.metadata.get_all("Classifier") or () if "License ::" in text]
    classified = [text.rpartition(" :: ")[2] for text in kinds]
    said = _field(one, "License").strip().splitlines()
    return named or ", ".join(classified) or (said[0][:80] if said else "see its files")


def _field(one: metadata.Distribution, name: str) -> str:
    """One field; empty where there is none. A backport of `importlib.metadata` raises KeyError there."""
    return one.metadata[name] or "" if name in one.metadata else ""


def texts_of(one: metadata.Distribution) -> Iterator[Path]:
    """The files in which it gives its terms."""
    for file in one.files or ():
        path = Path(str(file.locate()))
        if ".dist-info" in str(file) and _TEXT.search(file.name) and path.is_file():
            yield path


def write(folder: Path, extras: Sequence[str] = ()) -> None:
    """Write the notices of a build: an index, each package's own texts, and those that are shared."""
    shutil.copytree(_SHARED, folder / "licenses")
    for name, font in (("OFL.txt", "BIZ-UDGothic"), ("OFL-NotoSans.txt", "NotoSans")):
        shutil.copy(ROOT / "resources" / "fonts" / name, folder / "licenses" / f"OFL-1.1-{font}.txt")
    loader = "PyInstaller's boot loader: GPL-2.0, with its exception\n"
    lines = [_HEAD, f"Python {sys.version.split()[0]}: PSF-2.0\n", loader]
    python = Path(sysconfig.get_path("stdlib")) / "LICENSE.txt"
    if python.is_file():
        shutil.copy(python, folder / "licenses" / "Python.txt")
    for one in bundled(extras):
        name = f"{one.metadata['Name']}-{one.version}"
        place = folder / name
        place.mkdir()
        for count, text in enumerate(texts_of(one)):
            shutil.copy(text, place / (text.name if not (place / text.name).exists() else f"{count}-{text.name}"))
        pages = one.metadata.get_all("Project-URL") or [""]
        home = _field(one, "Home-page") or pages[0].rpartition(" ")[2]
        terms = f"{name}\n{licence_of(one)}\n{home}\n"
        (place / "TERMS.txt").write_text(terms, encoding="utf-8")
        lines.append(f"{name}: {licence_of(one)}\n")
    (folder / "INDEX.txt").write_text("".join(lines), encoding="utf-8")


def components(extras: Sequence[str] = ()) -> dict[str, object]:
    """A CycloneDX bill of what runs."""
    listed = [
        {
            "type": "library",
            "name": one.metadata["Name"],
            "version": one.version,
            "purl": f"pkg:pypi/{canonicalize_name(one.metadata['Name'])}@{one.version}",
            "licenses": [{"license": {"name": licence_of(one)}}],
        }
        for one in bundled(extras)
    ]
    about = {"component": {"type": "application", "name": PROJECT, "version": metadata.version(PROJECT)}}
    return {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "metadata": about, "components": listed}


def main(argv: Sequence[str] | None = None) -> int:
    """Write the bill of components, with every extra that people may install."""
    (file,) = sys.argv[1:] if argv is None else argv
    Path(file).write_text(json.dumps(components(("gs", "kafka")), indent=1) + "\n", encoding="utf-8")
    print(f"Wrote {file}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
