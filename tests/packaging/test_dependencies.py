"""Tests that the program declares each package that it imports."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
TRANSITIVE_PACKAGES = {"gcsfs": {"fsspec", "google-auth"}, "pyside6-essentials": {"shiboken6"}}
"""Packages that needn't be declared themselves, by the name of a declared package of the same publisher that always
installs them.
"""


def list_imported_modules() -> set[str]:
    """Return the names of all top-level modules that `console` imports, when it starts or later."""
    names = {"console", *sys.stdlib_module_names}
    for file in (ROOT / "console").rglob("*.py"):
        text = file.read_text("utf-8")
        if names.issuperset(re.findall(r"^\s*(?:from|import) (\w+)", text, re.MULTILINE)):
            continue  # parsing every file would take seconds
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                names.add(node.module.partition(".")[0])
    return names - {"console"} - sys.stdlib_module_names


def list_declared_distributions() -> set[str]:
    """Return the distributions that pyproject.toml requires, also optional ones, without those for development."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *extras["gs"], *extras["kafka"]]
    names = {canonicalize_name(Requirement(line).name) for line in lines}
    return names | {companion for name in names for companion in TRANSITIVE_PACKAGES.get(name, ())}


def test_every_imported_package_is_declared() -> None:
    """Every package that `console` imports is declared in pyproject.toml. A package that isn't declared would be
    installed only as long as another package requires it.
    """
    owners, declared, imported = packages_distributions(), list_declared_distributions(), list_imported_modules()
    assert len(imported) > 20
    undeclared = {
        name for name in imported if declared.isdisjoint(canonicalize_name(owner) for owner in owners.get(name, ()))
    }
    assert undeclared == set()
