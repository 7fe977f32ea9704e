"""Looks up declarations in the source: the names of a module, and the types of functions and values."""

import ast
import functools
import importlib
import inspect
import re
import textwrap
import typing
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any

from scripts.reference.shapes import ConstantShape, Shape, TypedShape, get_class


class UnreadableConstruct(Exception):
    """Raised if the shape of the JSON that a construct makes can't be derived from the source code."""


@dataclass(frozen=True)
class FunctionSource:
    """The syntax tree of a function. Its names are looked up in `enclosing_names` (the shapes of the names of the
    enclosing function, by name; None: there is no such function), then in the module `module`.
    """

    node: Any
    module: str
    enclosing_names: Any = None  # names of the function in which it stands

    def __hash__(self) -> int:
        return id(self.node)


@functools.cache
def read_names_of_module(name: str) -> dict[str, Any]:
    """Return the names of a module with their values, including those that are imported only for the type checker."""
    module = importlib.import_module(name)
    values = dict(vars(module))
    if not name.startswith("console."):
        return values  # others may have deleted some of the names that their source sets
    tree = ast.parse(inspect.getsource(module))
    type_checking_blocks = [
        node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    body = [*tree.body, *(part for node in type_checking_blocks for part in node.body)]
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom) and "__future__" not in ast.unparse(node):
            values |= read_imported_names(node)
    for node in body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            name = ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target)
            if name not in values:
                values[name] = eval(ast.unparse(node.value), values)
            if isinstance(values[name], str) and re.fullmatch(r"_?[A-Z]\w*[a-z]\w*", name):
                values[name] = eval(values[name], values)  # an alias of a type in quotation marks
    return values


def read_imported_names(node: ast.Import | ast.ImportFrom) -> dict[str, Any]:
    """Return the names that an import statement binds, with their values; nothing for `import *`."""
    if isinstance(node, ast.Import):
        return {name.asname or name.name.partition(".")[0]: importlib.import_module(name.name) for name in node.names}
    if "*" in ast.unparse(node):
        return {}
    module = importlib.import_module(node.module or "")
    values: dict[str, Any] = {}
    for name in node.names:
        if isinstance(getattr(module, name.name, None), str) and name.name[:2].istitle():
            # The annotations of functions have the text of such an alias, so its own names are needed beside it.
            values = {**read_names_of_module(module.__name__), **values}
        values[name.asname or name.name] = _read_member(module, name.name)
    return values


def _read_member(module: ModuleType, name: str) -> Any:
    """Return a name of a module; if it is an alias of a type in quotation marks, return the type."""
    if not hasattr(module, name):
        return importlib.import_module(f"{module.__name__}.{name}")
    value = getattr(module, name)
    return read_names_of_module(module.__name__)[name] if isinstance(value, str) else value


@functools.cache
def read_hints(function_or_class: Any) -> dict[str, Any]:
    """Return the types that a function or class declares; names that are imported only for the type checker are
    resolved, too.
    """
    inner = inspect.unwrap(function_or_class)
    return typing.get_type_hints(inner, {**read_names_of_module(inner.__module__)})


@functools.cache
def read_code(function: FunctionType) -> FunctionSource:
    """Return the source of a function."""
    node = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    return FunctionSource(node, function.__module__)


def is_allowed_shape(given_shape: Shape, declared_shape: Shape) -> bool:
    """True if a value of the shape `given_shape` is allowed where the shape `declared_shape` is declared."""
    if isinstance(declared_shape, ConstantShape):
        return given_shape == declared_shape
    kind = get_class(declared_shape.hint) if isinstance(declared_shape, TypedShape) else object
    if kind in (Any, object):
        return True
    kinds = kind if isinstance(kind, tuple) else (kind,)
    own = (
        get_class(given_shape.hint)
        if isinstance(given_shape, TypedShape)
        else type(given_shape.value)
        if isinstance(given_shape, ConstantShape)
        else dict
    )
    return any(isinstance(own, type) and isinstance(one, type) and issubclass(own, one) for one in kinds)


def get_mapping_types(shape: Shape) -> tuple[Any, Any]:
    """Return the types of the keys and of the values of a mapping; str and Any if its type doesn't declare them."""
    parts = typing.get_args(shape.hint) if isinstance(shape, TypedShape) else ()
    return (parts[0], parts[1]) if len(parts) == 2 else (str, Any)
