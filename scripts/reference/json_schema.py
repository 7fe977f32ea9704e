"""Makes the JSON Schema of the answers that the commands print with `--json`, from the code that makes them.

The objects of successful commands are read from the functions that make them (`code_reader`), the facts of refusals
from the TypedDicts that the overloads of `ConsoleError` assign to each code.
"""

import argparse
import typing
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import FunctionType
from typing import Any

from console.cli import main as program
from console.cli.adoption import build_adoption_plan_json
from console.cli.command_table import MODULE_BY_COMMAND_WORDS
from console.cli.process import parser as command_parser
from console.cli.process.command import ServiceCommand
from console.cli.process.output import AnswerWriter
from console.cli.servers.commands import DemoCommand
from console.domain.errors import EXIT_STATUS, ConsoleError, ErrorCode, details
from console.services.guarded.operation import OWN_FAILURE_ERROR_CODES
from console.services.refunds.rules import _ERROR_CODE_OF_RULE_TYPE
from scripts.reference.code_reader import ShapeReader
from scripts.reference.declared_types import read_code, read_hints, read_names_of_module
from scripts.reference.known_functions import KNOWN_FUNCTIONS, read_record_shape
from scripts.reference.shapes import (
    ConstantShape,
    JsonSchema,
    ObjectShape,
    SchemaWriter,
    Shape,
    TypedShape,
    list_alternatives,
    make_one_of,
    merge_objects,
)

HELP_OPTION = "--help"
VERSION_OPTION = "--version"
_SCHEMA_DESCRIPTION = (
    "What support-console prints with --json: one object for each command and ending. #/$defs has an entry for each "
    "command, by its words joined with '-', and `refusal` for each error code; its other names may change. Later "
    "versions may add fields, codes and members of enumerations; a field that stands here keeps its name and type. A "
    "program should pass over what it doesn't know. Generated: python -m scripts.reference."
)

_DESCRIPTION_BY_DEFINITION_AND_FIELD: Mapping[tuple[str, str], str] = {
    ("build_cause_group.CauseGroup", "sums_minor"): (
        "Sums in minor units by currency, of payments, orders and refunds together: money in and money out are both "
        "added. Kept for programs that read it; use sums_minor_by_kind for an amount that means something."
    ),
    ("build_cause_group.CauseGroup", "sums_minor_by_kind"): (
        "For each kind of record with an amount, the sums in minor units by currency. Refunds are positive."
    ),
}
"""Descriptions of fields whose names don't explain themselves, by (definition, field)."""


def make_json_schema() -> JsonSchema:
    """Return one JSON Schema that describes every answer of every command."""
    reader = ShapeReader(KNOWN_FUNCTIONS)
    writer = SchemaWriter(lambda kind: read_record_shape(reader, kind))
    answers = {name: writer.write_schema(shape) for name, shape in _read_answer_shapes(reader).items()}
    refusal = _make_refusal_schema(reader, writer)
    commands = {
        name: {"anyOf": [_make_success_schema(schema), {"$ref": "#/$defs/refusal"}]}
        for name, schema in sorted(answers.items())
    }
    for (definition, field), description in _DESCRIPTION_BY_DEFINITION_AND_FIELD.items():
        writer.definitions[definition]["properties"][field]["description"] = description
    definitions = dict(sorted(writer.definitions.items()))
    assert not definitions.keys() & commands.keys()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Answers of support-console --json",
        "description": _SCHEMA_DESCRIPTION,
        "anyOf": [{"$ref": f"#/$defs/{name}"} for name in commands],
        "$defs": {**commands, "refusal": refusal, **definitions},
    }


def make_definition_name(words: str) -> str:
    """Return the name under which `$defs` has a command: `alerts-list` for `alerts list`."""
    return words.strip("-").replace(" ", "-")


def _make_success_schema(data: JsonSchema) -> JsonSchema:
    return {
        "type": "object",
        "properties": {"ok": {"const": True}, "data": data},
        "required": ["ok", "data"],
        "additionalProperties": False,
    }


# -- successful commands


def _read_answer_shapes(reader: ShapeReader) -> Mapping[str, Shape]:
    """Return the shape of each command's answer on success, by the name of its definition."""
    modules = map(import_module, dict.fromkeys(MODULE_BY_COMMAND_WORDS.values()))
    shapes = {
        name: _read_answer_shape(reader, name, command)
        for module in modules
        for name, command in module.COMMANDS.items()
    }
    shapes["demo"] = _read_written_shape(DemoCommand(program.main))
    shapes[HELP_OPTION] = ObjectShape({"help": TypedShape(str)}, {"help"})
    shapes[VERSION_OPTION] = reader.read_call(ConstantShape(program._build_version_json), [], {})
    return {make_definition_name(name): shape for name, shape in shapes.items()}


def _read_answer_shape(reader: ShapeReader, name: str, command: Any) -> Shape:
    if not isinstance(command, ServiceCommand):
        return _read_written_shape(command)
    shape = reader.read_call(ConstantShape(command.build_json), [_get_value_shape(command)], {})
    return _add_answer_to_repeated_request(shape) if _takes_request_id(name) else shape


def _get_value_shape(command: "ServiceCommand[Any]") -> Shape:
    """Return the type of the value that the service call returns; if it isn't declared, the type of the argument of
    `build_json`.
    """
    call, make = command.call_service, command.build_json
    returned = (
        read_hints(call).get("return") if isinstance(call, FunctionType) and call.__name__ != "<lambda>" else None
    )
    if returned not in (None, Any):
        return TypedShape(returned)
    return TypedShape(next(iter(read_hints(make).values())))


def _add_answer_to_repeated_request(shape: Shape) -> Shape:
    """Return the shape of the answer to a repeated request: the given shape with the further field `duplicate`, which
    is true.
    """
    return make_one_of(
        [merge_objects([part, ObjectShape({"duplicate": ConstantShape(True)})]) for part in list_alternatives(shape)]
    )


def _read_written_shape(command: Any) -> Shape:
    """Return the shape of the answer that the method `run` of a command passes to its writer."""
    reader = ShapeReader(KNOWN_FUNCTIONS)  # another one: what is known already isn't read again
    run: FunctionType = type(command).run
    shapes: dict[str, Shape] = {
        "self": TypedShape(type(command)),
        "args": TypedShape(Any),
        "writer": TypedShape(AnswerWriter),
    }
    reader.read_body(read_code(run), [], shapes, {})
    assert reader.answers, f"{type(command).__name__} writes no answer"
    return make_one_of(list(reader.answers))


@cache
def _read_options() -> Mapping[str, frozenset[str]]:
    """Return the options of each command, from the parser."""
    options_by_command: dict[str, frozenset[str]] = {}

    def collect(parser: argparse.ArgumentParser, words: str) -> None:
        options_by_command[words] = frozenset(
            option for action in parser._actions for option in action.option_strings
        )
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for name, inner in action.choices.items():
                    collect(inner, f"{words} {name}".strip())

    for names, _ in command_parser._PARSER_BUILDERS_BY_COMMAND_NAMES:
        for name in names:
            collect(command_parser._build_parser(command_parser._omit_help_text, [name]), "")
    return options_by_command


def _takes_request_id(name: str) -> bool:
    return "--request-id" in _read_options()[name]


# -- refusals


def _make_refusal_schema(reader: ShapeReader, writer: SchemaWriter) -> JsonSchema:
    """Return the schema of `{"ok": false, …}`: for each code the facts that its errors may have."""
    facts = _read_facts_by_code(reader)
    rules = [
        {
            "if": {"properties": {"code": {"const": code.value}}},
            "then": {"properties": {"detail": writer.write_schema(facts[code])}},
            "$comment": f"{code.value}: exit status {EXIT_STATUS.get(code, '3 or 5')}",
        }
        for code in ErrorCode
    ]
    error = {
        "type": "object",
        "properties": {
            "code": {"enum": [code.value for code in ErrorCode]},
            "message": {"type": "string", "minLength": 1},
            "detail": {"type": "object"},
        },
        "required": ["code", "message", "detail"],
        "additionalProperties": False,
        "allOf": rules,
    }
    return {
        "type": "object",
        "properties": {"ok": {"const": False}, "error": error},
        "required": ["ok", "error"],
        "additionalProperties": False,
    }


_ERROR_CODES_OF_OUTCOMES = (
    ErrorCode.PROVIDER_REFUSED, ErrorCode.PROVIDER_AUTH, ErrorCode.RATE_LIMITED, ErrorCode.PROVIDER_ANSWER_UNUSABLE,
    ErrorCode.PROVIDER_UNREACHABLE, ErrorCode.OUTCOME_UNKNOWN, ErrorCode.VIEWING_PERIOD_OVER,
)  # fmt: skip


def _read_facts_by_code(reader: ShapeReader) -> dict[ErrorCode, Shape]:
    """Return the facts of each code: those of its TypedDicts, and those that every error may get."""
    kinds: dict[ErrorCode, list[Any]] = {code: [details._SharedFacts] for code in ErrorCode}
    for overload in typing.get_overloads(ConsoleError.__init__):
        hints = typing.get_type_hints(overload, {**read_names_of_module("console.domain.errors")})
        if "detail" in hints:
            for code in typing.get_args(hints["code"]):
                kinds[code].append(hints["detail"])
    for code in _ERROR_CODES_OF_OUTCOMES:  # `make_outcome_error`
        kinds[code].append(details.ProviderAnswerFacts)
    for code in OWN_FAILURE_ERROR_CODES:
        kinds[code].append(details.RefetchFacts)
    for code in _ERROR_CODE_OF_RULE_TYPE.values():
        kinds[code].append(details.RefundRuleFacts)
    shapes: dict[ErrorCode, list[Shape]] = {
        code: [TypedShape(kind) for kind in given] for code, given in kinds.items()
    }
    shapes[ErrorCode.SCHEMA_MISMATCH].append(
        reader.read_call(ConstantShape(build_adoption_plan_json), [], {})
    )  # of `db adopt`
    return {code: _make_optional_object(given) for code, given in shapes.items()}


def _make_optional_object(shapes: list[Shape]) -> ObjectShape:
    """Return the object that has the fields of all these shapes, each of them optional."""
    merged = ObjectShape()
    for shape in shapes:
        for name, value in merge_objects([shape]).fields.items():
            known = merged.fields.get(name)
            merged.fields[name] = value if known is None else make_one_of([known, value])
    return merged
