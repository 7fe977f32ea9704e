"""Tests that every kind of record that an alert, an audit entry or a note can name has a word in both languages."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import console
from console.wording.sentences.catalogue import read_sentences

ROOT = Path(console.__file__).parent
# Kinds of automatic steps, which stand in the column `sagas.kind` and name no record.
KINDS_OF_SAGAS = {"payment_timeout"}


def iterate_kinds_in_code() -> Iterator[tuple[str, str]]:
    """Yield each kind of record that the code of the services names: in constants named …KIND, and in arguments
    `kind=`.
    """
    for path in sorted((*ROOT.glob("domain/**/*.py"), *ROOT.glob("services/**/*.py"), *ROOT.glob("store/**/*.py"))):
        text = path.read_text("utf-8")
        if "_KIND" not in text and "kind=" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name | ast.Tuple):
                for name, value in iterate_assigned_kinds(node):
                    if name.endswith("_KIND"):
                        yield value, f"{path.name}:{node.lineno}"
            elif isinstance(node, ast.keyword) and node.arg == "kind" and isinstance(node.value, ast.Constant):
                yield str(node.value.value), f"{path.name}:{node.value.lineno}"


def iterate_assigned_kinds(node: ast.Assign) -> Iterator[tuple[str, str]]:
    """Yield the name and the value of each variable to which the statement assigns a text."""
    target, value = node.targets[0], node.value
    pairs = [(target, value)]
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        pairs = list(zip(target.elts, value.elts, strict=False))  # `*others` may take several
    for name, constant in pairs:
        if isinstance(name, ast.Name) and isinstance(constant, ast.Constant) and isinstance(constant.value, str):
            yield name.id, constant.value


@pytest.mark.parametrize("language", ["ja", "en"])
def test_each_kind_of_record_has_a_word(language: str) -> None:
    words, place_by_kind = read_sentences(language), dict(iterate_kinds_in_code())
    assert len(place_by_kind) > 20
    wordless = {
        kind: place
        for kind, place in place_by_kind.items()
        if kind.replace("-", "").isalpha() and kind not in KINDS_OF_SAGAS and f"kind.{kind}" not in words
    }
    assert wordless == {}
