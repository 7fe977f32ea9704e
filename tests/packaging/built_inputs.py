"""Decides whether the tests of the built application must run again: it compares the inputs of the build with those
of the last build that passed.

A build takes a minute of both cores. `make test` leaves it out as long as nothing has changed that can break a build:
the build scripts, the pins, the modules that the code imports from other packages, and the names of data files. The
soak and `pytest tests/packaging/test_build.py` always build. After a build whose tests passed, store its inputs with
`python -m tests.packaging.built_inputs`.
"""

import hashlib
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DIGEST_FILE = Path(__file__).with_name("built_inputs.txt")
_BUILD_FILES = (
    "build_spec.py",
    "requirements.lock",
    "scripts/third_party_documents.py",
    "scripts/bundle/contents.py",
    "scripts/bundle/icons.py",
    "scripts/bundle/manifest.py",
    "scripts/bundle/sizes.py",
    "tests/packaging/test_build.py",
)
_IMPORT_PATTERN = re.compile(
    r"^\s*from +([\w.]+) +import |^\s*import +([\w.]+)|import_module\(([^)]*)\)|find_spec\(([^)]*)\)", re.MULTILINE
)


def compute_digest() -> str:
    """Return the SHA-256 of all inputs of the build and of Python's version."""
    made = hashlib.sha256()
    for line in (
        f"Python {sys.version_info.major}.{sys.version_info.minor}",
        *_list_build_files(),
        *_list_imports(),
        *_list_data_files(),
    ):
        made.update(line.encode() + b"\n")
    return made.hexdigest()


def have_inputs_passed_build_tests() -> bool:
    """Return True if a build with the present inputs has passed its tests."""
    return DIGEST_FILE.read_text(encoding="utf-8").strip() == compute_digest()


def _list_build_files() -> Iterator[str]:
    for name in _BUILD_FILES:
        yield f"{name} {hashlib.sha256((ROOT / name).read_bytes()).hexdigest()}"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    yield repr([project.get(part) for part in ("project", "build-system")] + [project["tool"]["setuptools"]])


def _list_imports() -> list[str]:
    """Return the names of the modules that the code imports from other packages, and the arguments of the functions
    that import or look for a module by name."""
    texts = (file.read_text(encoding="utf-8") for file in (ROOT / "console").rglob("*.py"))
    names = {name for text in texts for groups in _IMPORT_PATTERN.findall(text) for name in groups if name}
    return sorted(name for name in names if not name.startswith(("console.", ".")))


def _list_data_files() -> list[str]:
    """Return the paths of the files that the program opens and doesn't import, including the migrations."""
    resources = (file for file in (ROOT / "resources").rglob("*") if file.is_file())
    opened = (file for file in (ROOT / "console").rglob("*") if file.suffix in (".ini", ".mako"))
    licences = (ROOT / "licenses").iterdir()
    return sorted(str(file.relative_to(ROOT)) for files in (resources, opened, licences) for file in files)


if __name__ == "__main__":
    DIGEST_FILE.write_text(compute_digest() + "\n", encoding="utf-8")
