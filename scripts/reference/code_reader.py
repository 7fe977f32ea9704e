"""Reads the source of a function that returns a JSON object, and derives the names and types of the object's fields
from this source and from declared types. No function is called.

Such a function consists of dict displays, comprehensions, conditions and calls of other such functions. If a
construct or a type can't be read, the exception `UnreadableConstruct` names the line: annotate the variable there, or
extend this module.
"""

import ast
import functools
import importlib
import inspect
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import is_dataclass
from enum import Enum
from types import FunctionType, ModuleType
from typing import Any, TypeAlias

from scripts.reference.declared_types import (
    FunctionSource,
    UnreadableConstruct,
    get_mapping_types,
    is_allowed_shape,
    read_code,
    read_hints,
    read_imported_names,
    read_names_of_module,
)
from scripts.reference.shapes import (
    NULL_SHAPE,
    TUPLE_SHAPE_NAME,
    ArrayShape,
    ConstantShape,
    ObjectShape,
    Shape,
    TypedShape,
    UnionShape,
    get_class,
    get_item_shape,
    list_alternatives,
    make_one_of,
    merge_objects,
)

ShapeByName = dict[str, Shape]
JSON_RETURN_TYPES = (dict[str, Any], list[dict[str, Any]], dict[str, Any] | None, Any, object)
KnownFunctionReader: TypeAlias = "Callable[[ShapeReader, list[Shape], dict[str, Shape]], Shape]"
"""A function that returns the shape of a call's result. It gets the reader, the shapes of the positional arguments,
and the shapes of the keyword arguments by name.
"""


class ShapeReader:
    """Reads functions that make JSON. `answers` collects the shapes of the values that a command passes to
    `writer.write_answer`.
    """

    def __init__(self, known_functions: "Mapping[Any, KnownFunctionReader] | None" = None) -> None:
        self._known_functions = known_functions or {}
        self.answers: list[Shape] = []
        self._known: dict[Any, Shape] = {}

    # -- functions

    def read_returned_shape(self, function: Any, *args: Shape) -> Shape:
        """Return the shape of the values that `function` returns for arguments of these shapes."""
        return self.read_call(ConstantShape(function), list(args), {})

    def read_call(self, callee: Shape, args: list[Shape], keywords: dict[str, Shape]) -> Shape:
        """Return the shape of the result of a call; `callee` is the shape of the called value, `args` and `keywords`
        are those of the arguments.
        """
        if not isinstance(callee, ConstantShape):
            return self._read_call_of_typed_value(callee)
        function = callee.value
        special = self._known_functions.get(function) if isinstance(function, typing.Hashable) else None
        if special is not None:
            return special(self, args, keywords)
        if isinstance(function, FunctionSource):
            return self.read_body(function, args, keywords, {})
        if isinstance(function, type):
            return TypedShape(function)
        if isinstance(function, FunctionType):
            hints = read_hints(function)
            returned = hints.get("return", Any)
            if function.__module__.startswith("console.") and returned in JSON_RETURN_TYPES:
                return self.read_body(read_code(function), args, keywords, hints)
            if isinstance(returned, typing.TypeVar):
                return self._read_passed_through_result(hints, args, returned)
            return TypedShape(returned)
        raise UnreadableConstruct(f"call of {function!r}")

    def _read_passed_through_result(
        self, hints: Mapping[str, Any], args: list[Shape], type_variable: typing.TypeVar
    ) -> Shape:
        """Return the shape of a generic function's result: that of the argument with the type `type_variable`, or
        that of the result of a function that is passed as an argument.
        """
        for hint, shape in zip(hints.values(), args, strict=False):
            if hint is type_variable:
                return shape
            if type_variable in typing.get_args(hint):
                return self.read_call(shape, [], {})
        return TypedShape(Any)

    def _read_call_of_typed_value(self, callee: Shape) -> Shape:
        if isinstance(callee, TypedShape):
            hint = callee.hint
            if typing.get_args(hint) and get_class(hint) is not type:
                return TypedShape(typing.get_args(hint)[-1])
            call = vars(hint).get("__call__") if isinstance(hint, type) else None
            if isinstance(call, FunctionType):
                return TypedShape(read_hints(call).get("return", Any))
        return TypedShape(Any)

    def read_body(
        self, code: FunctionSource, args: list[Shape], keywords: dict[str, Shape], hints: Mapping[str, Any]
    ) -> Shape:
        """Read the body of the function, once for each kind of value that its arguments can have, and return the
        shape of the function's result. `args` and `keywords` are the shapes of the given arguments, `hints` the
        declared types by name.
        """
        spec = code.node.args
        names = [arg.arg for arg in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)]
        shape_by_argument = dict(zip(names, args, strict=False)) | keywords
        defaults = dict(zip(reversed([a.arg for a in spec.args]), reversed(spec.defaults), strict=False))
        bound = {name: self._read_argument(name, shape_by_argument, hints, defaults) for name in names}
        if spec.vararg is not None:
            bound[spec.vararg.arg] = _make_tuple_shape(args[len(spec.args) :])
        for name, shape in bound.items():
            parts = list_alternatives(shape)
            if len(parts) > 1 and all(isinstance(part, TypedShape | ConstantShape) for part in parts):
                return make_one_of([self.read_body(code, [], bound | {name: part}, {}) for part in parts])
        key = (code.node, repr(sorted(bound.items())))
        if key not in self._known:
            env: ShapeByName = {**(code.enclosing_names or {}), **bound}
            returned = self._run_body(code, env)
            kinds = [s.hint for s in bound.values() if isinstance(s, TypedShape)]
            self._known[key] = _name_object(returned, code, kinds)
        return self._known[key]

    def _read_argument(
        self, name: str, given_shapes: Mapping[str, Shape], hints: Mapping[str, Any], defaults: Mapping[str, Any]
    ) -> Shape:
        """Return the shape of the argument `name`: the given shape, without the alternatives that the declared type
        in `hints` doesn't allow. Without a given shape, return that of the constant default value, otherwise the
        declared type.
        """
        declared = TypedShape(hints[name]) if name in hints else None
        if name not in given_shapes:
            default = defaults.get(name)
            return ConstantShape(default.value) if isinstance(default, ast.Constant) else declared or TypedShape(Any)
        if declared is None:
            return given_shapes[name]
        allowed = list_alternatives(declared)
        allowed_parts = [
            part
            for part in list_alternatives(given_shapes[name])
            if any(is_allowed_shape(part, other) for other in allowed)
        ]
        return make_one_of(allowed_parts) if allowed_parts else declared

    def _run_body(self, code: FunctionSource, env: ShapeByName) -> Shape:
        body = [ast.Return(code.node.body)] if isinstance(code.node, ast.Lambda) else code.node.body
        returned, _ = FunctionBodyReader(self, code.module, env).run_statements(body)
        return make_one_of(returned) if returned else NULL_SHAPE


class FunctionBodyReader:
    """Reads the statements and expressions of one function."""

    def __init__(self, reader: ShapeReader, module: str, env: ShapeByName) -> None:
        self.reader, self.module, self.env = reader, module, env

    # -- statements

    def run_statements(self, body: Iterable[ast.stmt]) -> tuple[list[Shape], bool]:
        """Return the shapes that the statements return, and True if their end can be reached."""
        returned: list[Shape] = []
        for statement in body:
            shapes, goes_on = self._run_statement(statement)
            returned += shapes
            if not goes_on:
                return returned, False
        return returned, True

    def _run_statement(self, node: ast.stmt) -> tuple[list[Shape], bool]:
        """Read one statement. Return the shapes that it returns, and True if the statement after it can be
        reached.
        """
        match node:
            case ast.Return(value=value):
                return [NULL_SHAPE if value is None else self.read(value)], False
            case ast.Raise():
                return [], False
            case ast.If(test=test, body=body, orelse=orelse):
                return self._run_branches(self.decide_condition(test), body, orelse)
            case ast.Match(subject=subject, cases=cases):
                return self._run_match(subject, cases)
            case ast.With(items=items, body=body):
                for item in items:
                    if item.optional_vars is not None:
                        self._bind_target(item.optional_vars, _get_entered_shape(self.read(item.context_expr)))
                return self.run_statements(body)
            case ast.Try(body=body):
                return self.run_statements(body)
            case ast.Expr(value=value):
                self._store_answer_shape(value)
        self._store_bound_names(node)
        return [], True

    def _store_bound_names(self, node: ast.stmt) -> None:
        """Store the shapes of the names that a statement binds."""
        match node:
            case ast.Assign(targets=[target], value=value):
                self._bind_target(target, self.read(value))
            case ast.AnnAssign(target=target, annotation=annotation, value=value) if value is not None:
                declared = eval(ast.unparse(annotation), read_names_of_module(self.module))
                if isinstance(declared, str):
                    declared = eval(declared, read_names_of_module(self.module))
                self._bind_target(target, self.read(value) if declared in JSON_RETURN_TYPES else TypedShape(declared))
            case ast.AugAssign(target=ast.Name(id=name), op=ast.BitOr(), value=value):
                self.env[name] = merge_objects([self.env[name], self.read(value)])
            case ast.Import() | ast.ImportFrom():
                self.env |= {name: ConstantShape(value) for name, value in read_imported_names(node).items()}
            case ast.FunctionDef():
                self.env[node.name] = ConstantShape(FunctionSource(node, self.module, self.env))

    def _run_branches(
        self, is_true: bool | None, body: list[ast.stmt], orelse: list[ast.stmt]
    ) -> tuple[list[Shape], bool]:
        """Read the two branches of a condition; only one of them if `is_true` states the value of the condition
        (None: not known). Return the shapes that the branches return, and True if the end of a branch can be reached.
        """
        if is_true is not None:
            return self.run_statements(body if is_true else orelse)
        first, second = (FunctionBodyReader(self.reader, self.module, dict(self.env)) for _ in range(2))
        returned, goes_on = first.run_statements(body)
        other, other_goes_on = second.run_statements(orelse)
        ends = [frame for frame, reached in ((first, goes_on), (second, other_goes_on)) if reached]
        names = {name for frame in ends for name in frame.env}
        for name in names:
            known = [frame.env[name] for frame in ends if name in frame.env]
            self.env[name] = known[0] if all(shape is known[0] for shape in known) else make_one_of(known)
        return returned + other, bool(ends)

    def _run_match(self, subject: ast.expr, cases: list[ast.match_case]) -> tuple[list[Shape], bool]:
        """Read one case of a match statement: the first one that the shape of `subject` (the form of its value)
        allows. Return the shapes that this case returns, and True if the end of the case can be reached.
        """
        subject_shape = self.read(subject)
        for case in cases:
            pattern = case.pattern
            if isinstance(pattern, ast.MatchClass) and not is_allowed_shape(
                subject_shape, TypedShape(self._read_constant_value(pattern.cls))
            ):
                continue
            return self.run_statements(case.body)
        return [], True

    def _bind_target(self, target: ast.expr, shape: Shape) -> None:
        if isinstance(target, ast.Name):
            self.env[target.id] = shape
        elif isinstance(target, ast.Tuple):
            for at, part in enumerate(target.elts):
                self._bind_target(part, _get_part_shape(shape, at))

    def _store_answer_shape(self, node: ast.expr) -> None:
        """Store the shape of the answer that a call of `write_answer` writes, in this function or in a function that
        gets the writer as an argument.
        """
        if not isinstance(node, ast.Call):
            return
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if name in ("write_answer", "write_ready_answer"):
            self.reader.answers.append(self.reader.read_call(self.read(node.args[0]), [], {}))
        elif name == "run" and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Call):
            json_of = self.read(node.func.value.args[1])
            self.reader.answers.append(self.reader.read_call(json_of, [], {}))
        elif name in ("run_worker",) or (isinstance(node.func, ast.Name) and "writer" in map(ast.unparse, node.args)):
            self._follow_call(node)

    def _follow_call(self, node: ast.Call) -> None:
        """Read the body of the called function, and the bodies of the functions that are its arguments, because each
        of them may write an answer.
        """
        callee, args = self.read(node.func), [self.read(arg) for arg in node.args]
        for given in args:
            if isinstance(given, ConstantShape) and isinstance(given.value, FunctionSource):
                self.reader.read_call(given, [TypedShape(_get_type_of_first_parameter(given.value))], {})
        if isinstance(callee, ConstantShape) and isinstance(callee.value, FunctionType):
            self.reader.read_body(read_code(callee.value), args, {}, read_hints(callee.value))

    # -- conditions

    def decide_condition(self, node: ast.expr) -> bool | None:
        """Return True or False if the source shows that the condition always has this value; None if the condition
        can be true or false.
        """
        match node:
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                inner = self.decide_condition(operand)
                return None if inner is None else not inner
            case ast.BoolOp(op=op, values=values):
                final, is_open = isinstance(op, ast.Or), False
                for value in values:
                    part = self.decide_condition(value)
                    if part is final:
                        return None if is_open else final
                    is_open = is_open or part is None
                return None if is_open else not final
            case ast.Compare(left=left, ops=[ast.Is() | ast.IsNot() as op], comparators=[ast.Constant(value=None)]):
                results = {shape == NULL_SHAPE for shape in list_alternatives(self.read(left))}
                if len(results) > 1 or self.read(left) == TypedShape(Any):
                    return None
                return results.pop() is isinstance(op, ast.Is)
            case ast.Call(func=ast.Name(id="isinstance"), args=[value, kind]):
                tested_type = TypedShape(self._read_constant_value(kind))
                results = {is_allowed_shape(shape, tested_type) for shape in list_alternatives(self.read(value))}
                return results.pop() if len(results) == 1 else None
        return False if self._read_or_none(node) == NULL_SHAPE else None  # null counts as false

    def _read_or_none(self, node: ast.expr) -> Shape | None:
        """Return the shape of an expression; None for a comparison, and for an expression that can't be read."""
        try:
            return None if isinstance(node, ast.Compare) else self.read(node)
        except UnreadableConstruct:  # both branches are read
            return None

    def _read_constant_value(self, node: ast.expr) -> Any:
        """Return the value of an expression whose value is known. Raises UnreadableConstruct for any other
        expression.
        """
        shape = self.read(node)
        if not isinstance(shape, ConstantShape):
            raise UnreadableConstruct(f"{self.module}:{node.lineno} {ast.unparse(node)}")
        return shape.value

    # -- expressions

    def read(self, node: ast.expr) -> Shape:
        """Return the shape of an expression's value."""
        handler = getattr(self, f"_read_{type(node).__name__.lower()}", None)
        if handler is None:
            raise UnreadableConstruct(f"{self.module}:{node.lineno} {ast.unparse(node)}")
        try:
            shape: Shape = handler(node)
        except (TypeError, AttributeError, KeyError) as error:
            raise UnreadableConstruct(f"{self.module}:{node.lineno} {ast.unparse(node)[:200]}: {error!r}") from error
        return shape

    def _read_constant(self, node: ast.Constant) -> Shape:
        return (
            ConstantShape(node.value)
            if node.value is None or isinstance(node.value, str)
            else _make_bool_or_type_shape(node.value)
        )

    def _read_name(self, node: ast.Name) -> Shape:
        if node.id in self.env:
            return self.env[node.id]
        names = read_names_of_module(self.module)
        builtins = vars(importlib.import_module("builtins"))
        if node.id not in names and node.id not in builtins:
            raise UnreadableConstruct(f"{self.module}:{node.lineno} {node.id} has no known type")
        return ConstantShape(names.get(node.id, builtins.get(node.id)))

    def _read_dict(self, node: ast.Dict) -> Shape:
        parts: list[Shape] = []
        for key, value in zip(node.keys, node.values, strict=True):
            parts.append(
                self.read(value) if key is None else self._make_pair_object(self.read(key), self.read(value))
            )
        return merge_objects(parts)

    def _make_pair_object(self, key: Shape, value: Shape) -> ObjectShape:
        """Return the shape of an object with one field. If the key can be one of several, the object has a field for
        each key, and each field is optional.
        """
        keys = list_alternatives(key)
        if not all(isinstance(part, ConstantShape) for part in keys):
            return ObjectShape(further_shape=value)
        names = [str(part.value) for part in keys if isinstance(part, ConstantShape)]
        return ObjectShape(dict.fromkeys(names, value), set(names) if len(names) == 1 else set())

    def _read_dictcomp(self, node: ast.DictComp) -> Shape:
        parts: list[Shape] = []
        for frame in self._iterate_readers_per_item(node.generators):
            pair = frame._make_pair_object(frame.read(node.key), frame.read(node.value))
            parts.append(UnionShape((pair, ObjectShape())) if node.generators[0].ifs else pair)
        return merge_objects(parts)

    def _read_listcomp(self, node: ast.ListComp | ast.GeneratorExp) -> Shape:
        items = [frame.read(node.elt) for frame in self._iterate_readers_per_item(node.generators)]
        return ArrayShape(make_one_of(items)) if items else ArrayShape(None)

    _read_generatorexp = _read_listcomp

    def _iterate_readers_per_item(self, generators: list[ast.comprehension]) -> "Iterable[FunctionBodyReader]":
        """Yield one reader, in which the comprehension's variables have the shape of the item, for each known item
        over which the comprehension iterates; yield a single reader if all items have the same shape.
        """
        generator = generators[0]
        source = self.read(generator.iter)
        items = (
            [ConstantShape(item) for item in source.value]
            if isinstance(source, ConstantShape)
            else [get_item_shape(source)]
        )
        if isinstance(source, UnionShape) and all(isinstance(part, ArrayShape) for part in source.shapes) is False:
            items = list_alternatives(get_item_shape(source))
        if (
            isinstance(source, ArrayShape)
            and isinstance(source.item, UnionShape)
            and _is_union_of_tuples(source.item)
        ):
            items = list(source.item.shapes)
        for item in items:
            frame = FunctionBodyReader(self.reader, self.module, dict(self.env))
            frame._bind_target(generator.target, item)
            yield frame

    def _read_list(self, node: ast.List | ast.Tuple) -> Shape:
        items: list[Shape] = []
        for part in node.elts:
            if isinstance(part, ast.Starred):
                inner = self.read(part.value)
                items += _list_unpacked_shapes(inner)
            else:
                items.append(self.read(part))
        if isinstance(node, ast.Tuple):
            return _make_tuple_shape(items)
        return ArrayShape(make_one_of(items)) if items else ArrayShape(None)

    _read_tuple = _read_list

    def _read_ifexp(self, node: ast.IfExp) -> Shape:
        is_true = self.decide_condition(node.test)
        if is_true is not None:
            return self.read(node.body if is_true else node.orelse)
        return make_one_of([self.read(node.body), self.read(node.orelse)])

    def _read_boolop(self, node: ast.BoolOp) -> Shape:
        return make_one_of([self.read(value) for value in node.values])

    def _read_compare(self, node: ast.Compare) -> Shape:
        return TypedShape(bool)

    def _read_unaryop(self, node: ast.UnaryOp) -> Shape:
        return TypedShape(bool) if isinstance(node.op, ast.Not) else self.read(node.operand)

    def _read_binop(self, node: ast.BinOp) -> Shape:
        left = self.read(node.left)
        if isinstance(node.op, ast.BitOr) and any(isinstance(part, ObjectShape) for part in list_alternatives(left)):
            return merge_objects([left, self.read(node.right)])
        return left

    def _read_joinedstr(self, node: ast.JoinedStr) -> Shape:
        parts = [self.read(part.value if isinstance(part, ast.FormattedValue) else part) for part in node.values]
        if all(isinstance(part, ConstantShape) and isinstance(part.value, str) for part in parts):
            return ConstantShape("".join(part.value for part in parts if isinstance(part, ConstantShape)))
        return TypedShape(str)

    def _read_lambda(self, node: ast.Lambda) -> Shape:
        return ConstantShape(FunctionSource(node, self.module, dict(self.env)))

    def _read_namedexpr(self, node: ast.NamedExpr) -> Shape:
        self.env[node.target.id] = shape = self.read(node.value)
        return shape

    def _read_subscript(self, node: ast.Subscript) -> Shape:
        source = self.read(node.value)
        index = self.read(node.slice) if not isinstance(node.slice, ast.Slice) else None
        if isinstance(source, ObjectShape) and isinstance(index, ConstantShape) and index.value in source.fields:
            return source.fields[index.value]
        if isinstance(source, ConstantShape) and isinstance(source.value, Mapping):
            known = isinstance(index, ConstantShape) and index.value in source.value
            return (
                ConstantShape(source.value[index.value])
                if known and isinstance(index, ConstantShape)
                else make_one_of([ConstantShape(value) for value in source.value.values()])
            )
        if (
            isinstance(source, TypedShape)
            and len(typing.get_args(source.hint)) == 2
            and get_class(source.hint) is dict
        ):
            return TypedShape(typing.get_args(source.hint)[1])
        return source if source == TypedShape(str) else get_item_shape(source)

    def _read_attribute(self, node: ast.Attribute) -> Shape:
        source = self.read(node.value)
        shapes = [find_attribute_shape(part, node.attr) for part in list_alternatives(source) if part != NULL_SHAPE]
        known = [shape for shape in shapes if shape is not None]
        if not known:
            raise UnreadableConstruct(f"{self.module}:{node.lineno} {ast.unparse(node)} of {source}")
        return make_one_of(known)

    def _read_call(self, node: ast.Call) -> Shape:
        if isinstance(node.func, ast.Attribute):
            method = self._read_method_result(node.func, node)
            if method is not None:
                return method
        args: list[Shape] = []
        for arg in node.args:
            if isinstance(arg, ast.Starred):
                inner = self.read(arg.value)
                args += _list_unpacked_shapes(inner)
            else:
                args.append(self.read(arg))
        keywords = {word.arg: self.read(word.value) for word in node.keywords if word.arg is not None}
        return self.reader.read_call(self.read(node.func), args, keywords)

    def _read_method_result(self, node: ast.Attribute, call: ast.Call) -> Shape | None:
        """Return the shape of the result of a built-in type's method; None for any other method."""
        source, name = self.read(node.value), node.attr
        if name == "items":
            if isinstance(source, ConstantShape) and isinstance(source.value, Mapping):
                return ConstantShape(tuple(source.value.items()))
            if isinstance(source, ObjectShape):
                pairs = [
                    ObjectShape({"0": ConstantShape(key), "1": value}, name=TUPLE_SHAPE_NAME)
                    for key, value in source.fields.items()
                ]
                return ArrayShape(UnionShape(tuple(pairs)))
            key, value = get_mapping_types(source)
            return ArrayShape(ObjectShape({"0": TypedShape(key), "1": TypedShape(value)}, name=TUPLE_SHAPE_NAME))
        if name == "isoformat":
            return make_one_of([part for part in list_alternatives(source) if part != NULL_SHAPE])
        if isinstance(source, ConstantShape) and isinstance(source.value, str) and name == "split":
            return ConstantShape(tuple(source.value.split()))
        if name in ("partition", "split", "rpartition") and source == TypedShape(str):
            return ArrayShape(TypedShape(str))
        if name in ("strip", "removeprefix", "removesuffix", "upper", "lower", "partition") and not call.keywords:
            return TypedShape(str)
        if name == "total_seconds":
            return TypedShape(float)
        if name == "fromkeys":
            names = self._read_constant_value(call.args[0])
            value = self.read(call.args[1]) if len(call.args) > 1 else NULL_SHAPE
            return ObjectShape(dict.fromkeys(names, value), set(names))
        return None


def find_attribute_shape(source: Shape, name: str) -> Shape | None:
    """Return the shape of an attribute; None if values of this kind don't have it."""
    if isinstance(source, ConstantShape):
        if isinstance(source.value, ModuleType | type) or is_dataclass(source.value):
            value = getattr(source.value, name, None)
            return None if value is None else ConstantShape(value)
        return find_attribute_shape(TypedShape(type(source.value)), name)
    kind = get_class(source.hint) if isinstance(source, TypedShape) else None
    if kind in (Any, object):
        return TypedShape(Any)
    if not isinstance(source, TypedShape) or not isinstance(kind, type):
        return None
    if name == "value" and issubclass(kind, Enum):
        return source
    for base in kind.__mro__:
        shape = _find_declared_shape(base, source, name)
        if shape is not None:
            return shape
    return _find_shape_set_in_init(source, kind, name)


def _find_declared_shape(base: type, source: TypedShape, name: str) -> Shape | None:
    """Return the shape of the attribute `name` of a value (its shape is `source`) if the class `base` declares it as
    a field, a property or a method; otherwise None.
    """
    if name in inspect.get_annotations(base):
        return TypedShape(read_hints(base)[name])
    declared = vars(base).get(name)
    if isinstance(declared, property | functools.cached_property):
        getter = declared.fget if isinstance(declared, property) else declared.func
        return TypedShape(read_hints(getter).get("return", Any))
    if isinstance(declared, staticmethod | classmethod):
        declared = declared.__func__
    if not isinstance(declared, FunctionType):
        return None
    returned = read_hints(declared).get("return", Any)
    if returned in JSON_RETURN_TYPES and base.__module__.startswith("console.cli."):
        return ConstantShape(_bind_self(declared, source))
    return TypedShape(Callable[..., returned])


def _find_shape_set_in_init(source: TypedShape, kind: type, name: str) -> Shape | None:
    """Return the shape of the attribute that the constructor of this program's own class `kind` sets; None if the
    class is not the program's own, or if its constructor doesn't set the attribute.
    """
    if not isinstance(vars(kind).get("__init__"), FunctionType) or not kind.__module__.startswith("console."):
        return None
    code = read_code(kind.__init__)  # type: ignore[misc]
    hints = read_hints(kind.__init__)  # type: ignore[misc]
    for node in ast.walk(code.node):
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == f"self.{name}":
            return TypedShape(eval(ast.unparse(node.annotation), read_names_of_module(code.module)))
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[-1]) == f"self.{name}":
            env = {"self": source, **{key: TypedShape(hint) for key, hint in hints.items()}}
            try:
                return FunctionBodyReader(ShapeReader(), code.module, dict(env)).read(node.value)
            except UnreadableConstruct:  # made from local variables of the constructor
                return TypedShape(Any)
    return None


def _bind_self(function: FunctionType, self_shape: Shape) -> FunctionSource:
    """Return the source of the method `function` without its parameter `self`, which has the shape `self_shape`."""
    code = read_code(function)
    node = ast.FunctionDef(**{name: getattr(code.node, name) for name in code.node._fields})
    node.args = ast.arguments(
        posonlyargs=[], args=code.node.args.args[1:], kwonlyargs=code.node.args.kwonlyargs,
        kw_defaults=[], defaults=code.node.args.defaults,
    )  # fmt: skip
    return FunctionSource(node, code.module, {"self": self_shape})


def _get_entered_shape(shape: Shape) -> Shape:
    """Return the shape of the value that `with … as` binds: for a generator of one value the shape of that value,
    otherwise the shape of the object itself.
    """
    parts = typing.get_args(shape.hint) if isinstance(shape, TypedShape) else ()
    return TypedShape(parts[0]) if parts else shape


def _get_part_shape(shape: Shape, index: int) -> Shape:
    """Return the shape of the part of a tuple at the position `index`, from 0."""
    if isinstance(shape, ObjectShape) and shape.name == TUPLE_SHAPE_NAME:
        return shape.fields[str(index)]
    if isinstance(shape, ConstantShape):
        return ConstantShape(shape.value[index])
    parts = typing.get_args(shape.hint) if isinstance(shape, TypedShape) else ()
    return (
        TypedShape(parts[index])
        if len(parts) > index and parts[index] is not Ellipsis and Ellipsis not in parts
        else get_item_shape(shape)
    )


def _make_tuple_shape(items: list[Shape]) -> Shape:
    if items and all(isinstance(part, ConstantShape) for part in items):
        return ConstantShape(tuple(part.value for part in items if isinstance(part, ConstantShape)))
    return ObjectShape({str(at): item for at, item in enumerate(items)}, name=TUPLE_SHAPE_NAME)


def _list_unpacked_shapes(shape: Shape) -> list[Shape]:
    """Return the shapes of the items of a value that is unpacked by `*`."""
    if isinstance(shape, ConstantShape):
        return [ConstantShape(value) for value in shape.value]
    return list(shape.fields.values()) if isinstance(shape, ObjectShape) else [get_item_shape(shape)]


def _is_union_of_tuples(shape: UnionShape) -> bool:
    return all(isinstance(part, ObjectShape) and part.name == TUPLE_SHAPE_NAME for part in shape.shapes)


def _get_type_of_first_parameter(code: FunctionSource) -> Any:
    annotation = code.node.args.args[0].annotation
    names = {
        **read_names_of_module(code.module),
        **{k: v.value for k, v in code.enclosing_names.items() if isinstance(v, ConstantShape)},
    }
    return eval(ast.unparse(annotation), names)


def _name_object(shape: Shape, code: FunctionSource, kinds: list[Any]) -> Shape:
    """Return the shape with a name: that of the function that makes the object and, if one of the types `kinds` is a
    dataclass, the name of this dataclass after a dot. In a union, each object gets the name. A shape that has a name
    or is no object is returned unchanged.
    """
    if isinstance(shape, UnionShape):
        return UnionShape(tuple(_name_object(part, code, kinds) for part in shape.shapes))
    if not isinstance(shape, ObjectShape) or not isinstance(code.node, ast.FunctionDef) or shape.name:
        return shape
    kind = next((kind.__name__ for kind in kinds if isinstance(kind, type) and is_dataclass(kind)), "")
    name = code.node.name.strip("_").removesuffix("_json")
    return ObjectShape(shape.fields, shape.required_names, shape.further_shape, f"{name}.{kind}" if kind else name)


def _make_bool_or_type_shape(value: Any) -> Shape:
    """Return the shape of a default value: the constant for True and False, otherwise any value of its type."""
    return ConstantShape(value) if isinstance(value, bool) else TypedShape(type(value))
