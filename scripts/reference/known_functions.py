"""Shapes of the results of functions that `code_reader` doesn't read: functions of Python, and functions of
`console/cli/json_output` that read a table of names.
"""

import ast
import inspect
from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from console.cli.json_output import records
from console.domain.calendar_days import format_instant
from console.domain.records import Operation, Work
from scripts.reference.code_reader import KnownFunctionReader, ShapeReader, find_attribute_shape
from scripts.reference.declared_types import FunctionSource, UnreadableConstruct, read_code, read_hints
from scripts.reference.shapes import (
    NULL_SHAPE,
    TUPLE_SHAPE_NAME,
    ArrayShape,
    ConstantShape,
    ObjectShape,
    Shape,
    TypedShape,
    get_class,
    get_item_shape,
    list_alternatives,
    make_one_of,
    merge_objects,
)


def _read_attributes(reader: ShapeReader, args: list[Shape], computed: dict[str, Shape]) -> Shape:
    """Return the object with the attributes that the constant `args[1]` names, read from the value `args[0]`.
    `computed` has the shapes of those fields that are computed in another way.
    """
    source, names = args[0], args[1]
    assert isinstance(names, ConstantShape), names
    work = reader.read_returned_shape(records.build_work_json, TypedShape(Work))
    fields: dict[str, Shape] = {}
    for name in names.value:
        if name in computed:
            fields[name] = computed[name]
            continue
        shapes = [find_attribute_shape(part, name) for part in list_alternatives(source) if part != NULL_SHAPE]
        known = [shape for shape in shapes if shape is not None]
        if not known:
            raise UnreadableConstruct(f"{source} has no {name}")
        parts = [work if part == TypedShape(Work) else part for part in list_alternatives(make_one_of(known))]
        fields[name] = make_one_of(parts)
    return ObjectShape(fields, set(fields))


def _read_record_fields(reader: ShapeReader, args: list[Shape], _: dict[str, Shape]) -> Shape:
    """Return the shape of the object with the stored fields of a record, without its explanation."""
    return make_one_of(
        [_read_fields_of_kind(reader, part) for part in list_alternatives(args[0]) if isinstance(part, TypedShape)]
    )


def _read_record(reader: ShapeReader, args: list[Shape], _: dict[str, Shape]) -> Shape:
    """Return the shape of the object of a record, with its explanation."""
    return make_one_of(
        [
            read_record_shape(reader, get_class(p.hint))
            for p in list_alternatives(args[0])
            if isinstance(p, TypedShape)
        ]
    )


def read_record_shape(reader: ShapeReader, kind: type) -> ObjectShape:
    """Return the object of a record, with the fields of its explanation (null if its relations weren't read)."""
    shape = reader.read_body(
        read_code(records.build_record_json), [TypedShape(kind)], {}, read_hints(records.build_record_json)
    )
    fields = merge_objects([shape])
    return ObjectShape(fields.fields, fields.required_names, name=f"record.{kind.__name__}")


def _read_fields_of_kind(reader: ShapeReader, record: TypedShape) -> ObjectShape:
    """Return the fields of a record from the tables of `console/cli/json_output/records.py`."""
    kind = get_class(record.hint)
    computed: dict[str, Shape] = {
        name: reader.read_call(
            ConstantShape(
                FunctionSource(ast.parse(_find_lambda_source(name, kind), mode="eval").body, records.__name__)
            ),
            [record],
            {},
        )
        for record_type, name in records._FUNCTION_BY_COMPUTED_FIELD
        if record_type is kind
    }
    if kind is not Operation:
        computed["registry_name"] = reader.read_returned_shape(records._build_registry_name_json, record)
    names = ConstantShape(tuple(records._FIELD_NAMES_BY_RECORD_TYPE[kind].split()))
    return merge_objects(
        [
            ObjectShape({"kind": ConstantShape(records.RECORD_KIND_BY_TYPE[kind])}, {"kind"}),
            _read_attributes(reader, [record, names], computed),
        ]
    )


def _find_lambda_source(name: str, kind: type) -> str:
    """Return the source of the lambda that computes a field, from the table that contains the lambda."""
    tree = ast.parse(inspect.getsource(records))
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if key is not None and ast.unparse(key) == f"({kind.__name__}, {name!r})":
                    return ast.unparse(value)
    raise UnreadableConstruct(f"{kind.__name__}.{name}")


def _read_list_call(_: ShapeReader, args: list[Shape], __: dict[str, Shape]) -> Shape:
    if args and args[0] == ArrayShape(None):
        return args[0]
    return ArrayShape(get_item_shape(args[0])) if args else ArrayShape(None)


def _read_dict_call(_: ShapeReader, args: list[Shape], keywords: dict[str, Shape]) -> Shape:
    return (
        make_one_of([part for part in list_alternatives(args[0]) if part != ObjectShape()])
        if args
        else ObjectShape(keywords, set(keywords))
    )


def _read_asdict_call(_: ShapeReader, args: list[Shape], __: dict[str, Shape]) -> Shape:
    """Return the object of `asdict`: the fields of a dataclass."""
    source = args[0]
    assert isinstance(source, TypedShape), source
    hints = read_hints(source.hint)
    return ObjectShape({item.name: TypedShape(hints[item.name]) for item in fields(source.hint)}, set(hints))


def _read_zip_call(_: ShapeReader, args: list[Shape], __: dict[str, Shape]) -> Shape:
    pairs = [
        ObjectShape({"0": key, "1": get_item_shape(args[1])}, name=TUPLE_SHAPE_NAME)
        for key in list_alternatives(get_item_shape(args[0]))
    ]
    return merge_objects([ObjectShape({str(p.fields["0"].value): p.fields["1"]}, {str(p.fields["0"].value)})  # type: ignore[union-attr]
                          for p in pairs])  # fmt: skip


def _make_typed_reader(kind: Any) -> KnownFunctionReader:
    return lambda *_: TypedShape(kind)


def _read_first_argument(_: ShapeReader, args: list[Shape], __: dict[str, Shape]) -> Shape:
    """Return the shape of the first argument, for a function that converts its argument to JSON without a change of
    the shape.
    """
    return args[0]


def _read_getattr_call(_: ShapeReader, args: list[Shape], __: dict[str, Shape]) -> Shape:
    assert isinstance(args[1], ConstantShape)
    shapes = [find_attribute_shape(part, args[1].value) for part in list_alternatives(args[0]) if part != NULL_SHAPE]
    return make_one_of([shape for shape in shapes if shape is not None])


KNOWN_FUNCTIONS: Mapping[Any, KnownFunctionReader] = {
    records.build_attributes_json: _read_attributes,
    records.build_record_fields_json: _read_record_fields,
    records.build_record_json: _read_record,
    records.build_any_value_json: _read_first_argument,
    records.format_instant_for_json: _read_first_argument,
    format_instant: _make_typed_reader(datetime),
    getattr: _read_getattr_call,
    asdict: _read_asdict_call,
    dict: _read_dict_call,
    zip: _read_zip_call,
    list: _read_list_call,
    sorted: _read_list_call,
    tuple: _read_list_call,
    set: _read_list_call,
    str: _make_typed_reader(str),
    len: _make_typed_reader(int),
    int: _make_typed_reader(int),
    round: _make_typed_reader(int),
    sum: _make_typed_reader(int),
    bool: _make_typed_reader(bool),
}
