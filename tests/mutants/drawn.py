"""Draws random mutants, and counts for each file how many of them the tests notice.

    python -m tests.mutants.drawn [--each N] [--seed N] [PART OF A FILE'S NAME …]

The changes of the catalogue were chosen by an engineer. Here a random generator chooses up to N places in each file
of `TESTS_BY_SOURCE_FILE`, and for each place one of the fitting operators of cosmic-ray, or the removal of a call.

Some places are never drawn, because no result depends on them: annotations, imports for types only, `@dataclass(…)`,
`@overload`, `@cache`, `==` in place of `is` and the reverse (equal for members of an enum), the `*` before keyword
arguments, failpoints, and `@….run_again_if_stale()`, which has no effect on SQLite, where these tests run.
"""

import argparse
import ast
import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import parso.python.tree
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.operators.provider import OperatorProvider

from tests.mutants.__main__ import (
    FAILED_STATUS,
    PASSED_STATUS,
    PYTEST_OPTIONS,
    ROOT,
    copy_sources,
    find_first_failure,
)
from tests.mutants.targets import FLOOR_PERCENT, TESTS_BY_SOURCE_FILE

MUTANTS_PER_FILE = 8
TESTS_TIME_LIMIT_SECONDS = 600
"""Time limit (seconds) of the tests of one mutant. A mutant that makes a test wait without end is noticed by this
limit.
"""
SQLITE_ONLY_OPTIONS = ("-p", "no:xdist", "-k", "not mariadb and not galera and not mysql and not on_servers")
_OPERATORS_WITH_ARGUMENTS = {"VariableReplacer", "VariableInserter"}
_EQUIVALENT_OPERATORS = {
    "ReplaceComparisonOperator_Eq_Is",
    "ReplaceComparisonOperator_Is_Eq",
    "ReplaceComparisonOperator_NotEq_IsNot",
    "ReplaceComparisonOperator_IsNot_NotEq",
}
# Slow imports of tests, made once for all mutants.
_PRELOADED_MODULES = (
    "pytest",
    "sqlalchemy",
    "alembic.command",
    "requests",
    "cryptography.fernet",
    "PySide6.QtWidgets",
)
SourceSpan = tuple[tuple[int, int], tuple[int, int]]
"""Position of a piece of source code: (line, column) of its beginning and of its end."""


class DropCall(Operator):  # type: ignore[misc]  # cosmic-ray ships no types
    """Operator for mutants: it writes `pass` in place of a statement that is only a call."""

    def mutation_positions(self, node: Any) -> Iterator[SourceSpan]:
        if node.type == "simple_stmt" and _is_call(node.children[0]) and not _is_failpoint(node.children[0]):
            yield node.children[0].start_pos, node.children[0].end_pos

    def mutate(self, node: Any, index: int) -> Any:
        call = node.children[0]
        node.children[0] = parso.python.tree.Keyword("pass", call.start_pos, call.get_first_leaf().prefix)
        return node

    @classmethod
    def examples(cls) -> tuple[()]:
        return ()


def _is_call(node: Any) -> bool:
    return bool(node.type == "atom_expr" and node.children[-1].get_code().strip().endswith(")"))


def _is_failpoint(node: Any) -> bool:
    return ".failpoints.reach(" in node.get_code()


OPERATOR_CLASS_BY_NAME: dict[str, type[Operator]] = {
    **{
        name: OperatorProvider()[name]
        for name in OperatorProvider()
        if name not in _OPERATORS_WITH_ARGUMENTS | _EQUIVALENT_OPERATORS
    },
    "DropCall": DropCall,
}


@dataclass(frozen=True, slots=True)
class DrawnMutant:
    """One random mutant: the name of its operator, and which occurrence of the operator in the file is changed (from
    0). `line` is the line of the change, `source` the changed source code.
    """

    file: str
    operator: str
    occurrence: int
    line: int
    source: str


def draw_mutants(file: str, max_count: int, seed: int) -> list[DrawnMutant]:
    """Return at most `max_count` random mutants of a file, in different parts of the source code. The same seed and
    source give the same mutants.
    """
    source = (ROOT / file).read_text("utf-8")
    operators_by_span: dict[SourceSpan, list[tuple[str, int]]] = {}
    skipped = list(_find_irrelevant_spans(source))
    nodes = list(ast_nodes(get_ast(source)))
    for name, operator in OPERATOR_CLASS_BY_NAME.items():
        number = count()
        for node in nodes:
            for span in operator().mutation_positions(node):
                occurrence = next(number)
                if not _is_bare_star(node) and not any(begin <= span[0] and span[1] <= end for begin, end in skipped):
                    operators_by_span.setdefault(span, []).append((name, occurrence))
    chance = random.Random(f"{seed} {file}")
    drawn_mutants: list[DrawnMutant] = []
    for span in chance.sample(sorted(operators_by_span), len(operators_by_span)):
        name, occurrence = chance.choice(operators_by_span[span])
        mutated = mutate_code(source, OPERATOR_CLASS_BY_NAME[name](), occurrence)
        if mutated != source and _is_valid_python(mutated):
            drawn_mutants.append(DrawnMutant(file, name, occurrence, span[0][0], mutated))
        if len(drawn_mutants) == max_count:
            break
    return drawn_mutants


def _is_bare_star(node: Any) -> bool:
    """True for the `*` before keyword arguments."""
    return bool(node.type == "operator" and node.value == "*" and node.parent.type in ("parameters", "param"))


def _is_irrelevant_decorator(decorator: ast.expr) -> bool:
    """True for a decorator whose removal changes no result, or none on SQLite."""
    name = ast.unparse(decorator).partition("(")[0].rpartition(".")[2]
    return name in ("dataclass", "overload", "cache", "run_again_if_stale")


def _is_valid_python(source: str) -> bool:
    """True if Python can parse the source. Otherwise nothing could import the mutant, and no test needs to detect
    it.
    """
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def _find_irrelevant_spans(source: str) -> Iterator[SourceSpan]:
    """Yield the spans of the source code `source` that a mutant needn't change, because no result depends on them:
    annotations, some decorators, and the condition TYPE_CHECKING."""
    for node in ast.walk(ast.parse(source)):
        parts: list[ast.expr | None] = []
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            parts = [node.test]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from (
                ((one.lineno, 0), ((one.end_lineno or 0) + 1, 0))
                for one in node.decorator_list
                if _is_irrelevant_decorator(one)
            )
        if isinstance(node, ast.AnnAssign | ast.arg):
            parts = [node.annotation]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            parts = [node.returns]
        for part in parts:
            if part is not None:
                yield (part.lineno, part.col_offset), (part.end_lineno or 0, part.end_col_offset or 0)


def run_in_copy(folder: Path, tests: Sequence[str]) -> tuple[int, str]:
    """Run these tests in a copy of the source code, in a forked child process, for which `_PRELOADED_MODULES` are
    already imported. Return pytest's exit status and output; FAILED_STATUS after TESTS_TIME_LIMIT_SECONDS.
    """
    with tempfile.NamedTemporaryFile("r", prefix="drawn-", suffix=".txt") as said:
        child = multiprocessing.get_context("fork").Process(
            target=_run_tests_in_child, args=(folder, list(tests), said.name)
        )
        child.start()
        child.join(TESTS_TIME_LIMIT_SECONDS)
        if child.is_alive():
            os.killpg(child.pid or 0, 9)
            child.join()
            return FAILED_STATUS, "FAILED took too long"
        return child.exitcode or 0, said.read()


def _run_tests_in_child(folder: Path, tests: list[str], output: str) -> None:
    """Target of the forked child: run the tests in the copy, and write the output into a file."""
    os.setsid()
    with Path(output).open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(folder)
    os.environ["PYTHONPATH"] = str(folder)
    sys.path.insert(0, str(folder))
    for name in [name for name in sys.modules if name.split(".")[0] in ("tests", "console")]:
        del sys.modules[name]
    import pytest

    os._exit(int(pytest.main([*tests, *PYTEST_OPTIONS, *SQLITE_ONLY_OPTIONS])))


def try_drawn_mutant(mutant: DrawnMutant, copies: "SimpleQueue[Path]") -> tuple[bool, str]:
    """Try one mutant in a free copy of the source code; `copies` has the folders of the free copies. Return a tuple:
    True unless the tests passed, and the id of the first failed test ("an error" if the output of the tests names
    none).
    """
    folder = copies.get()
    file, tests = folder / mutant.file, TESTS_BY_SOURCE_FILE[mutant.file]
    original = file.read_text("utf-8")
    try:
        file.write_text(mutant.source, "utf-8")
        for stale in file.parent.glob(f"__pycache__/{file.stem}.*"):
            stale.unlink()
        status, output = run_in_copy(folder, tests)
    finally:
        file.write_text(original, "utf-8")
        copies.put(folder)
    return status != PASSED_STATUS, find_first_failure(output)


def main(arguments: Sequence[str]) -> int:
    """Draw and try the mutants, and print the report. Return the exit status: 0 if the tests pass in the unchanged
    copies and the share of caught mutants isn't below FLOOR_PERCENT, otherwise 1.
    """
    parser = argparse.ArgumentParser(prog="tests.mutants.drawn")
    parser.add_argument("--each", type=int, default=MUTANTS_PER_FILE, help="mutants of each file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("files", nargs="*")
    parsed = parser.parse_args(arguments)
    files = [file for file in TESTS_BY_SOURCE_FILE if not parsed.files or any(word in file for word in parsed.files)]
    for name in _PRELOADED_MODULES:
        __import__(name)
    sys.dont_write_bytecode = False
    with tempfile.TemporaryDirectory(prefix="drawn-") as folder, ThreadPoolExecutor(parsed.workers) as pool:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(parsed.workers):
            copies.put(copy_sources(Path(folder) / str(number)))
        if not all(pool.map(lambda file: _check_unchanged_copy(file, copies), files)):
            return 1
        sys.dont_write_bytecode = True
        drawn_mutants = [one for file in files for one in draw_mutants(file, parsed.each, parsed.seed)]
        verdicts = list(pool.map(lambda one: _try_and_print(one, copies), drawn_mutants))
    return print_report(list(zip(drawn_mutants, verdicts, strict=True)))


def _check_unchanged_copy(file: str, copies: "SimpleQueue[Path]") -> bool:
    """Run the tests of the file in an unchanged copy, where they must pass. This also writes the compiled files that
    the later runs share. Return True if the tests passed.
    """
    folder, begun = copies.get(), time.monotonic()
    status, output = run_in_copy(folder, TESTS_BY_SOURCE_FILE[file])
    copies.put(folder)
    if status != PASSED_STATUS:
        print(f"without any mutant the tests of {file} do not pass ({status}):\n{output[-3000:]}", flush=True)
    else:
        print(f"sound   {time.monotonic() - begun:4.0f} s  {file}", flush=True)
    return status == PASSED_STATUS


def _try_and_print(mutant: DrawnMutant, copies: "SimpleQueue[Path]") -> bool:
    """Try one mutant, and print the result; if the tests passed, also print the first changed line. Return True
    unless the tests passed.
    """
    begun = time.monotonic()
    caught, why = try_drawn_mutant(mutant, copies)
    word = "caught " if caught else "ESCAPED"
    was = (ROOT / mutant.file).read_text("utf-8").splitlines()[mutant.line - 1].strip()
    now = next(iter(_format_changed_lines(was, mutant)), "")
    print(f"{word} {time.monotonic() - begun:4.0f} s  {mutant.file}:{mutant.line} {mutant.operator}", flush=True)
    print(f"          {why}" if caught else f"          - {was}\n          + {now}", flush=True)
    return caught


def _format_changed_lines(original_text: str, mutant: DrawnMutant) -> Iterable[str]:
    """Yield the lines of the mutant that differ from the original file."""
    before = (ROOT / mutant.file).read_text("utf-8").splitlines()
    return (new.strip() for old, new in zip(before, mutant.source.splitlines(), strict=False) if old != new)


def print_report(tried_mutants: Sequence[tuple[DrawnMutant, bool]]) -> int:
    """Print the share of caught mutants for each file and for all files. Return the exit status: 1 if the share is
    below FLOOR_PERCENT.
    """
    for file in dict.fromkeys(drawn.file for drawn, _ in tried_mutants):
        verdicts = [caught for drawn, caught in tried_mutants if drawn.file == file]
        print(f"{sum(verdicts):4} of {len(verdicts):4}  {100 * sum(verdicts) / len(verdicts):5.1f} %  {file}")
    caught = sum(verdict for _, verdict in tried_mutants)
    percent = 100 * caught / max(1, len(tried_mutants))
    print(f"drawn mutants: {caught} of {len(tried_mutants)} caught, {percent:.1f} % (floor {FLOOR_PERCENT} %)")
    return 0 if percent >= FLOOR_PERCENT else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
