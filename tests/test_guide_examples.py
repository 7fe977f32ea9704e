"""Tests that the Python examples in the guides call functions that exist, with arguments that these functions
accept.
"""

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from console.sandbox.control.client import SandboxControl

DOCS_FOLDER = Path(__file__).resolve().parents[1] / "docs"
EXAMPLE_PATTERN = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
CLASS_BY_VARIABLE = {"control": SandboxControl}
"""Class of each variable that an example uses without defining it, because the sentences around the example describe
the variable."""


def find_examples() -> Iterator[tuple[str, str]]:
    """Yield each Python example of the guides, with the path of its guide."""
    for path in sorted(DOCS_FOLDER.rglob("*.md")):
        for match in EXAMPLE_PATTERN.finditer(path.read_text(encoding="utf-8")):
            yield path.relative_to(DOCS_FOLDER).as_posix(), match[1]


EXAMPLES = list(find_examples())


def find_calls(example: str) -> Iterator[tuple[Callable[..., Any], ast.Call]]:
    """Yield each call in the example with the called function. The calls are those of names imported from the
    console, and of methods of the classes in CLASS_BY_VARIABLE.
    """
    tree = ast.parse(example.replace("…", "..."))
    imported = {
        alias.asname or alias.name: getattr(import_module(node.module), alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.startswith("console")
        for alias in node.names
    }
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        match call.func:
            case ast.Name(name) if name in imported:
                yield imported[name], call
            case ast.Attribute(ast.Name(variable), name) if variable in CLASS_BY_VARIABLE:
                yield getattr(CLASS_BY_VARIABLE[variable], name).__get__(object()), call


@pytest.mark.parametrize(("guide", "example"), EXAMPLES, ids=[guide for guide, _ in EXAMPLES])
def test_calls_of_an_example_fit_their_signature(guide: str, example: str) -> None:
    for function, call in find_calls(example):
        keywords = {keyword.arg: None for keyword in call.keywords if keyword.arg is not None}
        try:
            inspect.signature(function).bind_partial(*(None for _ in call.args), **keywords)
        except TypeError as error:
            raise AssertionError(f"docs/{guide}: {ast.unparse(call)}: {error}") from error


def test_the_guides_have_examples_with_checked_calls() -> None:
    assert sum(1 for _, example in EXAMPLES for _ in find_calls(example)) >= 5
