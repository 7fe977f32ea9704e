"""Which sentences the program asks for: reads keys and codes out of its source, open ones included."""

import ast
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_KEY = re.compile(r"[a-z_]+(\.[A-Za-z0-9_-]+)+")
# Calls that write the audit trail, and which of their arguments says what happened. Such a code is no key itself.
_AUDIT = {"note": 1, "opened": 0, "audited": 1}


@dataclass(frozen=True, slots=True)
class Asked:
    """A key or code as it stands in the source, with `*` for what is only known at run time, and where."""

    text: str
    where: str

    def covers(self, key: str) -> bool:
        return bool(re.fullmatch(re.escape(self.text).replace(r"\*", ".+"), key))


def keys(root: Path, families: Collection[str]) -> list[Asked]:
    """Every literal and f-string under `root` that begins with one of the families and a dot."""
    return [
        Asked(text, where)
        for tree, file in _modules(root)
        for text, where in _texts(tree, file)
        if text.split(".")[0] in families and _KEY.fullmatch(text.replace("*", "x"))
    ]


def audit_codes(root: Path) -> list[Asked]:
    """Every code that is written to the audit trail, and thus shown in a timeline."""
    return [
        Asked(code, f"{file}:{call.lineno}")
        for tree, file in _modules(root)
        for call, place in _calls(tree, _AUDIT)
        if len(call.args) > place
        for code in _values(call.args[place], tree)
    ]


def arguments(root: Path, functions: dict[str, int]) -> list[Asked]:
    """The literal text at the given place of every call to one of the functions."""
    return [
        Asked(text, f"{file}:{call.lineno}")
        for tree, file in _modules(root)
        for call, place in _calls(tree, functions)
        for text in map(_string, call.args[place : place + 1])
        if text is not None
    ]


def details(root: Path, fact: str) -> list[tuple[str, Asked]]:
    """(code, literal value) of one fact in the detail of every ConsoleError that is made with both."""
    return [
        (code, Asked(text, f"{file}:{call.lineno}"))
        for tree, file in _modules(root)
        for call, _ in _calls(tree, {"ConsoleError": 0})
        if len(call.args) > 1 and (code := _string(call.args[0])) is not None
        for text in _facts(call.args[1], fact)
    ]


def _facts(detail: ast.expr, fact: str) -> Iterator[str]:
    pairs = zip(detail.keys, detail.values, strict=True) if isinstance(detail, ast.Dict) else ()
    for name, value in pairs:
        text = _string(value)
        if text is not None and _string(name) == fact:
            yield text


def _string(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


@cache
def _modules(root: Path) -> tuple[tuple[ast.Module, Path], ...]:
    """The program's modules, parsed once."""
    files = sorted(root.rglob("*.py"))
    return tuple((ast.parse(file.read_text(encoding="utf-8")), file.relative_to(root.parent)) for file in files)


def _calls(tree: ast.Module, functions: dict[str, int]) -> Iterator[tuple[ast.Call, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in functions:
                yield node, functions[name]


def _texts(tree: ast.Module, file: Path) -> Iterator[tuple[str, str]]:
    skipped = {id(node) for node in _not_asked(tree)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in node.values}
        for text in _literal(node):
            yield text, f"{file}:{getattr(node, 'lineno', 0)}"


def _not_asked(tree: ast.Module) -> Iterator[ast.AST]:
    """Docstrings, and what is written to the audit trail."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value
    for call, place in _calls(tree, _AUDIT):
        for argument in call.args[place : place + 1]:
            yield from ast.walk(argument)
            for value in _assigned(argument, tree):
                yield from ast.walk(value)


def _literal(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in node.values)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value + "*" * node.value.endswith(".")


def _values(node: ast.expr, tree: ast.Module) -> Iterator[str]:
    """The texts that an argument can be: itself, either side of a choice, or what its name is set to."""
    if isinstance(node, ast.IfExp):
        yield from _values(node.body, tree)
        yield from _values(node.orelse, tree)
    elif isinstance(node, ast.Name):
        for value in _assigned(node, tree):
            yield from _values(value, tree)
    else:
        yield from _literal(node)


def _assigned(node: ast.expr, tree: ast.Module) -> Iterator[ast.expr]:
    """What is assigned to a name anywhere in the module."""
    if not isinstance(node, ast.Name):
        return
    for other in ast.walk(tree):
        names = other.targets if isinstance(other, ast.Assign) else ()
        if isinstance(other, ast.Assign) and any(getattr(name, "id", None) == node.id for name in names):
            yield other.value
