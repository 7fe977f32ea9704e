"""Finds the wording keys and codes that the program's source uses, including keys of which only a part is written in
the source.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from console.cli.process.garbage_collection import pause_garbage_collection
from console.domain.audit.actions import AuditAction
from console.domain.errors import ErrorCode

_WORDING_KEY_PATTERN = re.compile(r"[a-z_]+(\.[A-Za-z0-9_-]+)+")
# Calls that write the audit trail, and the place of the action among their arguments.
ARGUMENT_INDEX_BY_AUDIT_FUNCTION = {"record_audit": 1, "record_opening": 0, "audit_refusals": 1}
# Closed vocabularies: `ErrorCode.IN_PROGRESS` in the source stands for its value.
_ENUM_BY_CLASS_NAME: dict[str, type[StrEnum]] = {"ErrorCode": ErrorCode, "AuditAction": AuditAction}
SyntaxNodes = tuple[ast.AST, ...]
_READ_NODE_TYPES = (ast.Attribute, ast.Call, ast.ClassDef, ast.Constant, ast.Expr, ast.JoinedStr)


@dataclass(frozen=True, slots=True)
class UsedKey:
    """A wording key or code in the source, with `*` for a part that is known only at run time, and its place
    (`file:line`).
    """

    text: str
    file_and_line: str

    def covers_key(self, key: str) -> bool:
        """True if `key` is this key; a `*` in this key stands for any text."""
        if "*" not in self.text:
            return self.text == key
        return bool(re.fullmatch(re.escape(self.text).replace(r"\*", ".+"), key))


@cache
def find_keys(root: Path, families: frozenset[str]) -> tuple[UsedKey, ...]:
    """Return every string literal and f-string under `root` that has the form of a wording key and begins with one of
    the families and a dot. A family is the first word of wording keys, such as `error`.
    """
    beginning = rf"""["'](?:{"|".join(sorted(families))})\."""
    return tuple(
        UsedKey(text, file_and_line)
        for nodes, file in _parse_modules(root, beginning)
        for text, file_and_line in _iterate_texts(nodes, file)
        if text.split(".")[0] in families and _WORDING_KEY_PATTERN.fullmatch(text.replace("*", "x"))
    )


@cache
def find_audit_actions(root: Path) -> tuple[UsedKey, ...]:
    """Return every action of the audit trail that the modules name: as a member of AuditAction, or by a text that is
    converted to a member.
    """
    return tuple(
        UsedKey(text, f"{file}:{node.lineno}")
        for nodes, file in _parse_modules(root, AuditAction.__name__)
        for node in nodes
        if isinstance(node, ast.Attribute | ast.Call)
        for text in _iterate_actions(node)
    )


def _iterate_actions(node: ast.Attribute | ast.Call) -> Iterator[str]:
    """Yield the audit actions that the syntax node names: a member of AuditAction, or the texts that a call converts
    to one.
    """
    if isinstance(node, ast.Call):
        if getattr(node.func, "id", None) == AuditAction.__name__:
            yield from _iterate_literal_texts(node.args[0])
    elif getattr(node.value, "id", None) == AuditAction.__name__:
        yield AuditAction[node.attr].value


def find_arguments(root: Path, argument_index_by_function: dict[str, int]) -> list[UsedKey]:
    """Return the text literal that each call of one of the functions has as its argument at the given position.
    Raises ValueError for a function that nothing under `root` calls: it was renamed, and its texts would be missing.
    """
    calls = [
        (call, index, file)
        for nodes, file in _parse_modules(root, _make_call_pattern(argument_index_by_function))
        for call, index in _iterate_calls(nodes, argument_index_by_function)
    ]
    if uncalled := argument_index_by_function.keys() - {_get_called_name(call) for call, _, _ in calls}:
        raise ValueError(f"no call under {root}: {sorted(uncalled)}")
    return [
        UsedKey(text, f"{file}:{call.lineno}")
        for call, index, file in calls
        for text in map(_get_string_value, call.args[index : index + 1])
        if text is not None
    ]


def find_literals(root: Path, argument_index_by_function: dict[str, int]) -> list[UsedKey]:
    """Return all text literals within the argument at the given position of each call of one of the functions."""
    return [
        UsedKey(node.value, f"{file}:{node.lineno}")
        for nodes, file in _parse_modules(root, _make_call_pattern(argument_index_by_function))
        for call, place in _iterate_calls(nodes, argument_index_by_function)
        for argument in call.args[place : place + 1]
        for node in ast.walk(argument)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def _make_call_pattern(functions: Iterable[str]) -> str:
    return rf"(?:{'|'.join(functions)})\("


def _get_called_name(call: ast.Call) -> str:
    name: str = getattr(call.func, "attr", getattr(call.func, "id", ""))
    return name


def _get_string_value(node: ast.expr | None) -> str | None:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in _ENUM_BY_CLASS_NAME:
        return _ENUM_BY_CLASS_NAME[node.value.id][node.attr].value
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _parse_modules(root: Path, pattern: str) -> Iterator[tuple[SyntaxNodes, Path]]:
    """Yield (syntax nodes, file) of each module under `root` whose text contains a match of the regular expression
    `pattern`. Parsing takes much longer than this search, and few modules contain what a function looks for.
    """
    search = re.compile(pattern).search
    for file, text in _read_modules(root):
        if search(text):
            yield _parse_module(file), file.relative_to(root.parent)


@cache
def _read_modules(root: Path) -> tuple[tuple[Path, str], ...]:
    """Return (path, source text) of all modules below the folder."""
    return tuple((file, file.read_text(encoding="utf-8")) for file in sorted(root.rglob("*.py")))


@cache
def _parse_module(file: Path) -> SyntaxNodes:
    """Return the syntax nodes of a module, only those of _READ_NODE_TYPES. It is parsed only once per process."""
    with pause_garbage_collection():  # nodes that stay: the collector took more time than the parser
        tree = ast.parse(file.read_text(encoding="utf-8"))
        return tuple(node for node in ast.walk(tree) if isinstance(node, _READ_NODE_TYPES))


def _iterate_calls(nodes: SyntaxNodes, argument_index_by_function: dict[str, int]) -> Iterator[tuple[ast.Call, int]]:
    """Yield each call of one of these functions, with the index of the argument that `argument_index_by_function`
    has.
    """
    for node in nodes:
        if isinstance(node, ast.Call):
            name = _get_called_name(node)
            if name in argument_index_by_function:
                yield node, argument_index_by_function[name]


def _iterate_texts(nodes: SyntaxNodes, file: Path) -> Iterator[tuple[str, str]]:
    """Yield each text that may be a wording key, with its place as "file:line"."""
    skipped = {id(node) for node in _list_nodes_without_wording_keys(nodes)}
    for node in nodes:
        if id(node) in skipped:
            continue
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in node.values}
        for text in _iterate_literal_texts(node):
            yield text, f"{file}:{getattr(node, 'lineno', 0)}"


def _list_nodes_without_wording_keys(nodes: SyntaxNodes) -> Iterator[ast.AST]:
    """Yield the nodes whose texts aren't wording keys: docstrings, the values of an enum, and texts that are
    converted to an AuditAction.
    """
    for node in nodes:
        if isinstance(node, ast.ClassDef) and node.name in _ENUM_BY_CLASS_NAME:
            yield from ast.walk(node)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value
    for call, place in _iterate_calls(nodes, {AuditAction.__name__: 0}):
        yield from ast.walk(call.args[place])


def _iterate_literal_texts(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in node.values)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value + "*" * node.value.endswith(".")
