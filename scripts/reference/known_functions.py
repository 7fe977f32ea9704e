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
from scripts.reference.code_reader import Reader, Special, attribute_of
from scripts.reference.declared_types import Code, Unreadable, code_of, hints_of
from scripts.reference.shapes import (
    NULL_SHAPE,
    TUPLE,
    Arr,
    Const,
    Obj,
    Shape,
    Typed,
    alternatives,
    class_of,
    item_of,
    one_of,
)
from scripts.reference.shapes import merge as merge_objects


def _attributes(reader: Reader, args: list[Shape], computed: dict[str, Shape]) -> Shape:
    source, names = args[0], args[1]
    assert isinstance(names, Const), names
    work = reader.returned(records.build_work_json, Typed(Work))
    fields: dict[str, Shape] = {}
    for name in names.value:
        if name in computed:
            fields[name] = computed[name]
            continue
        found = [attribute_of(part, name) for part in alternatives(source) if part != NULL_SHAPE]
        known = [shape for shape in found if shape is not None]
        if not known:
            raise Unreadable(f"{source} has no {name}")
        parts = [work if part == Typed(Work) else part for part in alternatives(one_of(known))]
        fields[name] = one_of(parts)
    return Obj(fields, set(fields))


def _record_fields(reader: Reader, args: list[Shape], _: dict[str, Shape]) -> Shape:
    return one_of([_fields_of_kind(reader, part) for part in alternatives(args[0]) if isinstance(part, Typed)])


def _record(reader: Reader, args: list[Shape], _: dict[str, Shape]) -> Shape:
    return one_of([record_shape(reader, class_of(p.hint)) for p in alternatives(args[0]) if isinstance(p, Typed)])


def record_shape(reader: Reader, kind: type) -> Obj:
    """Return the object of a record, with the fields of its explanation (null if its relations weren't read)."""
    shape = reader.inline(code_of(records.build_record_json), [Typed(kind)], {}, hints_of(records.build_record_json))
    fields = merge_objects([shape])
    return Obj(fields.fields, fields.required, name=f"record.{kind.__name__}")


def _fields_of_kind(reader: Reader, record: Typed) -> Obj:
    """Return the fields of a record from the tables of `console/cli/json_output/records.py`."""
    kind = class_of(record.hint)
    computed: dict[str, Shape] = {
        name: reader.call(Const(Code(ast.parse(_lambda_source(name, kind), mode="eval").body, records.__name__)),
                          [record], {})
        for record_type, name in records._FUNCTION_BY_COMPUTED_FIELD
        if record_type is kind
    }  # fmt: skip
    if kind is not Operation:
        computed["registry_name"] = reader.returned(records._build_registry_name_json, record)
    names = Const(tuple(records._FIELD_NAMES_BY_RECORD_TYPE[kind].split()))
    return merge_objects(
        [
            Obj({"kind": Const(records.RECORD_KIND_BY_TYPE[kind])}, {"kind"}),
            _attributes(reader, [record, names], computed),
        ]
    )


def _lambda_source(name: str, kind: type) -> str:
    """Return the source of the function that computes a field, from the table in which it stands."""
    tree = ast.parse(inspect.getsource(records))
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if key is not None and ast.unparse(key) == f"({kind.__name__}, {name!r})":
                    return ast.unparse(value)
    raise Unreadable(f"{kind.__name__}.{name}")


def _listed(_: Reader, args: list[Shape], __: dict[str, Shape]) -> Shape:
    if args and args[0] == Arr(None):
        return args[0]
    return Arr(item_of(args[0])) if args else Arr(None)


def _as_dict(_: Reader, args: list[Shape], keywords: dict[str, Shape]) -> Shape:
    return one_of([part for part in alternatives(args[0]) if part != Obj()]) if args else Obj(keywords, set(keywords))


def _dumped(_: Reader, args: list[Shape], __: dict[str, Shape]) -> Shape:
    """Return the object of `asdict`: the fields of a dataclass."""
    source = args[0]
    assert isinstance(source, Typed), source
    hints = hints_of(source.hint)
    return Obj({item.name: Typed(hints[item.name]) for item in fields(source.hint)}, set(hints))


def _zipped(_: Reader, args: list[Shape], __: dict[str, Shape]) -> Shape:
    pairs = [Obj({"0": key, "1": item_of(args[1])}, name=TUPLE) for key in alternatives(item_of(args[0]))]
    return merge_objects([Obj({str(p.fields["0"].value): p.fields["1"]}, {str(p.fields["0"].value)})  # type: ignore[union-attr]
                          for p in pairs])  # fmt: skip


def _of_type(kind: Any) -> Special:
    return lambda *_: Typed(kind)


def _same(_: Reader, args: list[Shape], __: dict[str, Shape]) -> Shape:
    return args[0]


def _got(_: Reader, args: list[Shape], __: dict[str, Shape]) -> Shape:
    assert isinstance(args[1], Const)
    found = [attribute_of(part, args[1].value) for part in alternatives(args[0]) if part != NULL_SHAPE]
    return one_of([shape for shape in found if shape is not None])


KNOWN_FUNCTIONS: Mapping[Any, Special] = {
    records.build_attributes_json: _attributes,
    records.build_record_fields_json: _record_fields,
    records.build_record_json: _record,
    records.build_any_value_json: _same,
    records.format_instant_for_json: _same,
    format_instant: _of_type(datetime),
    getattr: _got,
    asdict: _dumped,
    dict: _as_dict,
    zip: _zipped,
    list: _listed,
    sorted: _listed,
    tuple: _listed,
    set: _listed,
    str: _of_type(str),
    len: _of_type(int),
    int: _of_type(int),
    round: _of_type(int),
    sum: _of_type(int),
    bool: _of_type(bool),
}
