"""Shapes: descriptions of the JSON values that the analysed source code can return, and the JSON Schema (draft
2020-12) of a shape."""

import enum
import types
import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date, datetime
from typing import Any, Literal

from console.cli.json_output.records import RECORD_KIND_BY_TYPE

JsonSchema = dict[str, Any]


@dataclass(frozen=True)
class TypedShape:
    """A value of which only the Python type is known."""

    hint: Any


@dataclass(frozen=True)
class ConstantShape:
    """A value that is known: a constant, a module, a class or a function of the program."""

    value: Any


@dataclass
class ObjectShape:
    """A JSON object with its fields. `required_names` are the names of the fields that are always present;
    `further_shape` is the shape of all other fields, None if there are no other fields; `name` is the name under
    which the schema describes the object once.
    """

    fields: dict[str, "Shape"] = field(default_factory=dict)
    required_names: set[str] = field(default_factory=set)
    further_shape: "Shape | None" = None
    name: str = ""


@dataclass(frozen=True)
class ArrayShape:
    """A JSON array; `item` is None for one that is always empty."""

    item: "Shape | None"


@dataclass(frozen=True)
class UnionShape:
    """One of several shapes."""

    shapes: "tuple[Shape, ...]"


Shape = TypedShape | ConstantShape | ObjectShape | ArrayShape | UnionShape
NULL_SHAPE = ConstantShape(None)
TUPLE_SHAPE_NAME = "tuple"
"""Name of an `ObjectShape` that represents a tuple; its fields are named by the positions."""


def list_alternatives(shape: Shape) -> list[Shape]:
    """Return the possible shapes of a value: the parts of a `UnionShape` or of a union type, otherwise only `shape`
    itself.
    """
    if isinstance(shape, UnionShape):
        return [part for inner in shape.shapes for part in list_alternatives(inner)]
    if isinstance(shape, TypedShape):
        hint = _strip_hint(shape.hint)
        if typing.get_origin(hint) in (typing.Union, types.UnionType):
            return [part for inner in typing.get_args(hint) for part in list_alternatives(TypedShape(inner))]
        return [NULL_SHAPE if hint in (None, type(None)) else TypedShape(hint)]
    return [shape]


def make_one_of(shapes: Collection[Shape]) -> Shape:
    """Return the shape of a value that has one of these shapes."""
    opened: list[Shape] = []
    for shape in (part for given in shapes for part in list_alternatives(given)):
        if shape not in opened:
            opened.append(shape)
    if any(isinstance(shape, ArrayShape) and shape.item for shape in opened):
        opened = [shape for shape in opened if shape != ArrayShape(None)]
    return opened[0] if len(opened) == 1 else UnionShape(tuple(opened))


def merge_objects(parts: Collection[Shape]) -> ObjectShape:
    """Return the object that `{**a, **b}` makes. A field that only some alternatives of a part have is optional."""
    merged = ObjectShape()
    for part in parts:
        objects = [
            opened
            for shape in list_alternatives(part)
            for opened in [_convert_to_object_shape(shape)]
            if opened is not None
        ]
        for name in dict.fromkeys(name for shape in objects for name in shape.fields):
            field_shapes = [shape.fields[name] for shape in objects if name in shape.fields]
            is_always = all(name in shape.required_names for shape in objects)
            if not is_always and name in merged.fields:
                field_shapes.append(merged.fields[name])
            merged.fields[name] = make_one_of(field_shapes)
            if is_always:
                merged.required_names.add(name)
        further_shapes = [shape.further_shape for shape in objects if shape.further_shape is not None]
        merged.further_shape = make_one_of(further_shapes) if further_shapes else merged.further_shape
    return merged


def _convert_to_object_shape(shape: Shape) -> ObjectShape | None:
    """Return the shape as an `ObjectShape`, to which a TypedDict and the type of a mapping are converted; None for
    null."""
    match shape:
        case ObjectShape():
            return shape
        case ConstantShape(value=Mapping() as known):
            return ObjectShape({str(key): ConstantShape(value) for key, value in known.items()}, set(known))
        case ConstantShape(value=None):
            return None
        case TypedShape(hint=hint) if typing.is_typeddict(hint):
            hints = typing.get_type_hints(hint)
            return ObjectShape({name: TypedShape(kind) for name, kind in hints.items()}, set(hint.__required_keys__))
        case TypedShape(hint=hint) if _is_subclass_hint(hint, Mapping):
            return ObjectShape(further_shape=TypedShape((*typing.get_args(hint), Any, Any)[1]))
    raise TypeError(f"{shape} can't be spread into an object")


def get_item_shape(shape: Shape) -> Shape:
    """Return the shape of the items over which a loop iterates."""
    item_shapes: list[Shape] = []
    for part in list_alternatives(shape):
        match part:
            case ArrayShape(item=item):
                item_shapes += [item] if item is not None else []
            case ConstantShape(value=None):
                pass
            case ConstantShape(value=value):
                item_shapes += [ConstantShape(item) for item in value]
            case TypedShape(hint=hint):
                args = [arg for arg in typing.get_args(hint) if arg is not Ellipsis] or [Any]
                item_shapes += map(TypedShape, args if _is_subclass_hint(hint, tuple) else args[:1])
            case ObjectShape(fields=known):
                item_shapes += list(known.values()) if part.name == TUPLE_SHAPE_NAME else map(ConstantShape, known)
    return make_one_of(item_shapes) if item_shapes else TypedShape(Any)


def _strip_hint(hint: Any) -> Any:
    """Return the type that a NewType, Required, NotRequired or Annotated contains; Any for a type variable; any other
    type unchanged.
    """
    while isinstance(hint, typing.NewType):
        hint = hint.__supertype__
    if typing.get_origin(hint) in (typing.Required, typing.NotRequired, typing.Annotated):
        hint = typing.get_args(hint)[0]
    return Any if isinstance(hint, typing.TypeVar) else hint


def get_class(hint: Any) -> Any:
    """Return the class of a type, without its arguments."""
    return typing.get_origin(hint) or hint


def _is_subclass_hint(hint: Any, base: Any) -> bool:
    kind = get_class(hint)
    return isinstance(kind, type) and issubclass(kind, base)


class SchemaWriter:
    """Makes the JSON Schema of shapes. A shape with a name is described once, in `definitions`, and other places
    refer to it.

    `record_of` returns the shape of a record (a dataclass of `RECORD_KIND_BY_TYPE`), whose JSON isn't only its
    fields.
    """

    def __init__(self, record_of: Callable[[type], ObjectShape]) -> None:
        self.definitions: dict[str, JsonSchema] = {}
        self._record_of = record_of
        self._objects: dict[str, ObjectShape] = {}

    def write_schema(self, shape: Shape) -> JsonSchema:
        """Return the schema of a shape."""
        parts = [self._write_shape(part) for part in list_alternatives(shape)]
        unique = [part for at, part in enumerate(parts) if part not in parts[:at]]
        return {} if {} in unique else unique[0] if len(unique) == 1 else _join_schemas(unique)

    def _write_shape(self, shape: Shape) -> JsonSchema:
        match shape:
            case ConstantShape(value=value) if isinstance(value, str) and not isinstance(value, enum.Enum):
                return {"const": value}
            case ConstantShape(value=value):
                return {"type": "null"} if value is None else {"const": value}
            case ArrayShape(item=item):
                return {"type": "array"} | ({"maxItems": 0} if item is None else {"items": self.write_schema(item)})
            case ObjectShape(name="tuple"):
                return self.write_schema(ArrayShape(get_item_shape(shape)))
            case ObjectShape():
                return self._write_named(shape) if shape.name else self._write_object(shape)
            case TypedShape(hint=hint):
                return self._write_type(_strip_hint(hint))
        raise TypeError(f"no JSON: {shape}")

    def _write_object(self, shape: ObjectShape) -> JsonSchema:
        written: JsonSchema = {
            "type": "object",
            "properties": {k: self.write_schema(v) for k, v in shape.fields.items()},
        }
        if shape.required_names:
            written["required"] = [name for name in shape.fields if name in shape.required_names]
        return written | {
            "additionalProperties": False if shape.further_shape is None else self.write_schema(shape.further_shape)
        }

    def _write_named(self, shape: ObjectShape) -> JsonSchema:
        """Return a reference to the definition of a named object. If another object has the same name already, a
        number is added to the name.
        """
        at = 1
        while self._objects.setdefault(name := shape.name + (str(at) if at > 1 else ""), shape) != shape:
            at += 1
        return self._write_definition(name, lambda: self._write_object(shape))

    def _write_type(self, hint: Any) -> JsonSchema:
        """Return the schema of a type as `build_any_value_json` writes its values."""
        if hint in (Any, object):
            return {}
        if typing.get_origin(hint) is Literal:
            return {"enum": list(typing.get_args(hint))}
        kind = get_class(hint)
        if kind in RECORD_KIND_BY_TYPE:
            return self.write_schema(self._record_of(kind))
        if typing.is_typeddict(kind):
            return self._write_object(merge_objects([TypedShape(kind)]))
        if isinstance(kind, type) and is_dataclass(kind):
            hints = typing.get_type_hints(kind, localns=_read_names_of_defining_module(kind))
            shape: dict[str, Shape] = {item.name: TypedShape(hints[item.name]) for item in fields(kind)}
            return self._write_definition(kind.__name__, lambda: self._write_object(ObjectShape(shape, set(shape))))
        return _find_plain_schema(kind) or self._write_collection(hint, kind)

    def _write_collection(self, hint: Any, kind: Any) -> JsonSchema:
        args = [arg for arg in typing.get_args(hint) if arg is not Ellipsis]
        if _is_subclass_hint(kind, Mapping):
            values = self.write_schema(TypedShape(args[1])) if len(args) == 2 else {}
            return {"type": "object"} | ({"additionalProperties": values} if values else {})
        if not _is_subclass_hint(kind, str) and _is_subclass_hint(kind, Collection):
            return {"type": "array"} | (
                {"items": self.write_schema(make_one_of([TypedShape(arg) for arg in args]))} if args else {}
            )
        return {"type": "string"}  # as `build_any_value_json` writes a value of any other class

    def _write_definition(self, name: str, make_schema: Callable[[], JsonSchema]) -> JsonSchema:
        """Return a reference to the definition `name`; call `make_schema` to create the definition at the first use.
        A definition may refer to itself.
        """
        if name not in self.definitions:
            self.definitions[name] = {}
            self.definitions[name] = make_schema()
        return {"$ref": f"#/$defs/{name}"}


def _find_plain_schema(kind: Any) -> JsonSchema | None:
    """Return the schema of a class whose values are written as one text or number, such as an enumeration; None for
    any other class.
    """
    if _is_subclass_hint(kind, enum.Enum):
        return {"enum": [member.value for member in kind]}
    for base, schema in _SCHEMA_BY_CLASS.items():
        if _is_subclass_hint(kind, base):
            return dict(schema)
    return None


_SCHEMA_BY_CLASS: Mapping[type, JsonSchema] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    datetime: {"type": "string", "format": "date-time"},
    date: {"type": "string", "format": "date"},
}


def _join_schemas(parts: list[JsonSchema]) -> JsonSchema:
    """Return the schema of a value that fits one of `parts`; plain types and constants are written as one list."""
    constants = [value for part in parts for value in part.get("enum", [part["const"]] if "const" in part else [])]
    type_names = [part["type"] for part in parts if set(part) == {"type"}]
    if "string" in type_names:
        constants = [value for value in constants if not isinstance(value, str)]
    other_schemas = [p for p in parts if "enum" not in p and "const" not in p and set(p) != {"type"}]
    if constants and type_names == ["null"]:
        constants, type_names = [*constants, None], []
    joined: list[JsonSchema] = (
        [{"enum": sorted(set(constants), key=lambda v: (v is None, str(v)))}] if constants else []
    )
    joined += [{"type": type_names[0] if len(type_names) == 1 else type_names}] if type_names else []
    if not joined and len(other_schemas) == 1:
        return other_schemas[0]
    if len(other_schemas) == 1 and len(joined) == 1 and type_names == ["null"] and "type" in other_schemas[0]:
        return {**other_schemas[0], "type": [other_schemas[0]["type"], "null"]}
    return joined[0] if len(joined) == 1 and not other_schemas else {"anyOf": [*other_schemas, *joined]}


def _read_names_of_defining_module(kind: Any) -> dict[str, Any]:
    """Return the names of the module that defines the class `kind`. The import is in the function, because the two
    modules import each other.
    """
    from scripts.reference.declared_types import read_names_of_module

    return read_names_of_module(kind.__module__)
