"""Tests that every kind of record that an alert, an audit entry or a note can name has a word in both languages, and
that the message about a missing record of a kind says what to check: a number or a name."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import console
from console.domain.errors import ConsoleError, ErrorCode
from console.wording.sentences.catalogue import format_error_message, read_sentences

ROOT = Path(console.__file__).parent
# Kinds of automatic steps, which stand in the column `sagas.kind` and name no record.
KINDS_OF_SAGAS = {"payment_timeout"}
JAPANESE_BY_ENGLISH_IDENTIFIER = {"number": "番号", "name": "名前", "ID": "ID"}
NUMBER, NAME, ID = {"number"}, {"name"}, {"ID"}
# The facts that identify a record, for each kind for which the code raises `not_found`.
IDENTIFIERS_BY_KIND = {
    "alert": NUMBER, "bulk-run": NUMBER, "credit-check": NUMBER, "incident": NUMBER, "limit": NAME, "mention": NUMBER,
    "operation": ID, "operator": NAME, "order": NUMBER, "payment": NUMBER, "provider": NAME, "reconciliation": NUMBER,
    "refund": NUMBER, "set-aside": NUMBER, "training": NAME, "view": NAME | NUMBER,
}  # fmt: skip


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


def iterate_missing_kinds() -> Iterator[tuple[str, str]]:
    """Yield each kind, and its place, for which the code raises `not_found` with the kind and the id as facts. The
    kind is a text or a constant such as REFUND_KIND. A variable is left out: it has the kind of a numbered record."""
    for path in sorted(ROOT.glob("**/*.py")):
        text = path.read_text("utf-8")
        for node in ast.walk(ast.parse(text)) if "ErrorCode.NOT_FOUND, {" in text else ():
            match node:
                case ast.Call(args=[ast.Attribute(attr="NOT_FOUND"), ast.Dict(keys=keys, values=[kind, *_])]) if [
                    ast.literal_eval(key) for key in keys if key is not None
                ] == ["kind", "id"]:
                    if isinstance(kind, ast.Constant):
                        yield str(kind.value), f"{path.name}:{node.lineno}"
                    elif (name := ast.unparse(kind).rpartition(".")[2]).endswith("_KIND"):
                        yield name.removesuffix("_KIND").lower().replace("_", "-"), f"{path.name}:{node.lineno}"


def test_the_message_about_a_missing_record_says_what_to_check() -> None:
    """The person who has typed the name of a person, a provider or a limit is told to check the name, and the number
    only for a record that has one."""
    place_by_kind = dict(iterate_missing_kinds())
    assert {kind: place for kind, place in place_by_kind.items() if kind not in IDENTIFIERS_BY_KIND} == {}
    assert len(place_by_kind) > 12
    for kind, identifiers in IDENTIFIERS_BY_KIND.items():
        error = ConsoleError(ErrorCode.NOT_FOUND, {"kind": kind, "id": "x"})
        english, japanese = (format_error_message(error, language) for language in ("en", "ja"))
        assert {word for word in JAPANESE_BY_ENGLISH_IDENTIFIER if word in english} == identifiers, english
        found = {english for english, word in JAPANESE_BY_ENGLISH_IDENTIFIER.items() if word in japanese}
        assert found == identifiers, japanese
