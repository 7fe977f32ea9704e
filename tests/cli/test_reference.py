"""The generated files of docs/reference equal those made from the present code, and cover every command, code and
variable.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from console.domain.errors import ErrorCode
from scripts.reference.json_schema import make_definition_name
from scripts.reference.pages import REFERENCE_FOLDER, make_pages
from tests.cli import interface_list
from tests.support.json_answers import check_answer, read_schema

INTERFACES = json.loads((Path(__file__).resolve().parents[1] / "vectors" / "interfaces.json").read_text("utf-8"))


def test_the_generated_files_are_in_step() -> None:
    """Each generated file of docs/reference equals the text that `python -m scripts.reference` makes from the present
    code.
    """
    stale = [name for name, text in make_pages().items() if (REFERENCE_FOLDER / name).read_text("utf-8") != text]
    assert stale == []


def test_each_command_and_each_code_has_a_schema() -> None:
    Draft202012Validator.check_schema(read_schema())
    named = {part["$ref"].removeprefix("#/$defs/") for part in read_schema()["anyOf"]}
    assert {make_definition_name(name) for name in interface_list.list_commands()} | {"help", "version"} == named
    rules = read_schema()["$defs"]["refusal"]["properties"]["error"]["allOf"]
    assert [rule["if"]["properties"]["code"]["const"] for rule in rules] == list(ErrorCode)


def test_each_environment_variable_is_in_the_reference() -> None:
    page = (REFERENCE_FOLDER / "settings.md").read_text("utf-8")
    unknown = {"CONSOLE_SECRET_NAME_FILE"}  # stands for the name of any secret
    assert [name for name in INTERFACES["environment"] if f"`{name}`" not in page and name not in unknown] == []


def test_each_schema_object_declares_its_additional_fields() -> None:
    """In the JSON Schema, each object with named fields states whether it allows other fields, at every level."""

    def list_open_objects(part: Any, path: str) -> list[str]:
        if isinstance(part, list):
            return [
                undeclared_paths
                for at, inner in enumerate(part)
                for undeclared_paths in list_open_objects(inner, f"{path}/{at}")
            ]
        if not isinstance(part, dict):
            return []
        is_open = "properties" in part and "if" not in path.split("/") and "additionalProperties" not in part
        inner_paths = [
            undeclared_paths
            for key, inner in part.items()
            for undeclared_paths in list_open_objects(inner, f"{path}/{key}")
        ]
        return [path, *inner_paths] if is_open else inner_paths

    undeclared_paths = [path for path in list_open_objects(read_schema()["$defs"], "") if not path.endswith("/then")]
    assert undeclared_paths == []


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (("alerts", "list"), {"ok": True, "data": {"alerts": [], "more": 1}}),
        (("alerts", "list"), {"ok": True, "data": {"alerts": [{"id": 1}]}}),
        (("sandbox",), {"ok": True, "data": {"url": "http://127.0.0.1:1", "port": "1"}}),
        (("lookup", "1"), {"ok": False, "error": {"code": "usage", "message": "m", "detail": {"left": 1}}}),
        (("lookup", "1"), {"ok": False, "error": {"code": "other", "message": "m", "detail": {}}}),
        (("lookup", "1"), {"ok": False, "error": {"code": "usage", "message": "", "detail": {}}}),
    ],
)
def test_an_answer_outside_its_schema_fails_the_check(words: tuple[str, ...], answer: dict[str, Any]) -> None:
    """The check against the schema fails for an unknown field, a missing field, another type, an unknown code and an
    empty sentence.
    """
    with pytest.raises(AssertionError):
        check_answer(words, answer)
