"""Draws the tests that `make test` runs; `make nightly` runs all of them.

The seed (`--draw-variants`) is the number from which a run draws its tests; `make test` passes 1, unless SEED is set.
Costly functions take turns: with N turns (`--turns`), a run executes an N-th of them, and the runs of any N
consecutive seeds execute all of them. The functions of a file have one turn together if they share a costly fixture,
such as the built application. All other functions are executed in each run, except those marked with `nightly`, and
so are the functions that notice the mutants of `tests/mutants`, and those of `_PATHS_WITHOUT_TURNS`.

Of a function that runs, costly variants are drawn. A function has a budget of processor seconds:
`_SECONDS_PER_CONSTRAINT_FUNCTION`, `_SECONDS_PER_MONEY_FUNCTION` or, for all other folders, `_SECONDS_PER_FUNCTION`.
If its variants need more, as many of them are drawn as fit into the budget, at least one. Each next drawn variant has
as many parameter values as possible that no earlier one has (a database, language or role); three of four functions
prefer another database to the cluster. The values other than the database are the case of a variant. If all cases
together need at most `_SECONDS_FOR_ALL_CASES` (`_SECONDS_FOR_ALL_MONEY_CASES`), every case runs on at least one
database. For a test marked with `parts_by_day`, the mark states the number of variants that run; each variant checks
a part of the whole.

`variant_seconds.txt` has the processor seconds of one variant, by test function, and those of the costly fixtures
that the tests of a file share, by file. Approximate values are enough, so the file may be old. `make nightly
ARGS=--keep-seconds` measures them and writes the file; `make test ARGS=--keep-seconds` adds rows for functions that
have none (see docs/decisions/0077).
"""

import os
import random
import re
from collections import defaultdict
from collections.abc import Collection, Generator, Iterable, Mapping
from pathlib import Path
from statistics import fmean

import pytest

SECONDS_TABLE_FILE = Path(__file__).with_name("variant_seconds.txt")
_SECONDS_PER_FUNCTION, _SECONDS_PER_MONEY_FUNCTION, _SECONDS_PER_CONSTRAINT_FUNCTION = 0.1, 0.25, 1.5
_SECONDS_FOR_ALL_CASES, _SECONDS_FOR_ALL_MONEY_CASES = 0.3, 1.0
_ENGINES = frozenset({"sqlite", "mariadb", "galera", "mysql"})
_CONSTRAINT_FOLDERS = ("tests/harms/", "tests/store/constraints/")
"""Folders of the tests of the rules that protect money. These rules exist for SQLite and for servers, so most of
their variants must run on each database.
"""
_MONEY_FOLDERS = (
    *_CONSTRAINT_FOLDERS,
    *("tests/services/credit_checks/", "tests/services/guarded/", "tests/services/refunds/"),
    *("tests/services/payments/", "tests/services/payment_intake/", "tests/services/recovery/"),
    *("tests/store/operations/", "tests/store/payments/", "tests/store/refunds/"),
    *("tests/providers/", "tests/worker/", "tests/crash/", "tests/races/"),
)
"""Folders of tests whose cases are answers, faults or moments that must not cost money. They have larger budgets.
Claims, leases, request ids and refunds by two people are tested in them.
"""
DEFAULT_TURN_COUNT = 64
_MAX_SECONDS_WITHOUT_TURNS = 0.05
"""Largest number of processor seconds of one variant with which a function is executed in each run. A function whose
variant takes longer has a turn: it is executed with one of as many consecutive seeds as there are turns.
"""
_MAX_SECONDS_WITHOUT_ROW = 0.04
"""A function whose variant takes at most this many processor seconds gets no new row in `variant_seconds.txt`. All
variants of a function without a row are executed in each run. So a function with very many cheap variants, such as
the check of each mutant's source text, is never drawn in parts.
"""
_MIN_SHARED_SECONDS = 5.0
"""If the fixtures that the tests of a file share take at least as many processor seconds, the functions of the file
have one turn together.
"""
_PATHS_WITHOUT_TURNS = (
    "tests/wording/",
    *("tests/cli/test_interface_list.py", "tests/cli/test_reference.py", "tests/cli/test_capabilities.py"),
    *("tests/packaging/test_dependencies.py", "tests/packaging/test_docs.py"),
    "tests/packaging/test_drawn_variants.py::test_the_table_has_existing_tests_the_costliest_first",
)
"""Folders, files and a function of tests that compare the parts of the repository with one another. They report files
that a change should also have changed, so each run executes them, whatever its seed.
"""
_SERVER_SECONDS_BY_ENGINE = {"mariadb": 0.6, "galera": 2.7}
"""Average processor seconds, by engine, of the database servers for one processor second of a test. A server
serves several tests at once, so its seconds can't be measured for one test.
"""
_SHARE_DRAWN_ON_CLUSTER_FIRST = 0.25
"""The share of the functions with few drawn variants that may be drawn on the cluster first. Single server and
cluster have the same tables, triggers and rights, and the three nodes need 2.3 times as many processor seconds.
"""
_PROPERTY_NAME = "processor seconds"
_SHARED_PROPERTY_NAME = "processor seconds of shared fixtures"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--draw-variants", type=int, metavar="SEED", help="of costly tests, only the variants drawn so")
    parser.addoption(
        "--turns",
        type=int,
        metavar="N",
        default=DEFAULT_TURN_COUNT,
        help="with --draw-variants: a seed runs an N-th of the costly functions",
    )


def pytest_report_header(config: pytest.Config) -> str | None:
    seed, turn_count = config.getoption("--draw-variants"), config.getoption("--turns")
    if seed is None:
        return None
    return f"costly tests: one turn of {turn_count}, drawn with seed {seed}, as are variants; make nightly runs all"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Draw the variants from the tests that `-m` and `-k` have selected, so that no variant is left out in favour of
    one that isn't selected.
    """
    seed = config.getoption("--draw-variants")
    if seed is None:
        return
    by_function: defaultdict[str, list[str]] = defaultdict(list)
    table = read_seconds_table()
    seconds: dict[str, float] = {}
    part_counts: dict[str, int] = {}
    for item in items:
        if item.get_closest_marker("nightly"):
            continue
        function = get_function_id(item.nodeid)
        by_function[function].append(item.nodeid)
        seconds.setdefault(function, table.get(function, 0.0))
        if parts := item.get_closest_marker("parts_by_day"):
            seconds[function], part_counts[function] = 1.0, int(parts.args[0])
    from tests.mutants.catalogue import MUTANTS  # a run without a draw doesn't need them

    waiting = find_functions_without_turn(
        seed,
        dict.fromkeys(by_function, 0.0) | {name: one for name, one in table.items() if "::" in name},
        {get_function_id(test) for mutant in MUTANTS for test in mutant.tests},
        turn_count=config.getoption("--turns"),
        files_with_one_turn={name for name in table if "::" not in name},
    )
    drawn = {
        name
        for function, variants in by_function.items()
        if function not in waiting
        for name in draw_variants(
            variants,
            seconds[function],
            random.Random(f"{seed} {function}"),
            budget=part_counts.get(function, _find_budget_seconds(function)),
            budget_of_cases=_SECONDS_FOR_ALL_MONEY_CASES
            if function.startswith(_MONEY_FOLDERS)
            else _SECONDS_FOR_ALL_CASES,
        )
    }
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in drawn])
    items[:] = [item for item in items if item.nodeid in drawn]


def find_functions_without_turn(
    seed: int,
    seconds: Mapping[str, float],
    tests_of_mutants: Collection[str] = (),
    *,
    turn_count: int = DEFAULT_TURN_COUNT,
    files_with_one_turn: Collection[str] = (),
) -> set[str]:
    """Return the functions that don't run with this seed: all costly ones except those of one turn. They are ordered
    by their seconds and distributed in turn, so that each turn takes about as long. Any `turn_count` consecutive
    seeds run all functions. `seconds` has the processor seconds of one variant, by function. All functions of a file
    in `files_with_one_turn` have the same turn, the cheap ones too. The turns don't depend on the cheap functions in
    `seconds`, so worker processes that collect different files compute the same turns.

    `tests_of_mutants` has functions, and files of which some function notices a mutant. Such a function runs with
    each seed, and so does the cheapest function of such a file.
    """
    files = {test for test in tests_of_mutants if "::" not in test}
    cheapest_by_file: dict[str, str] = {}
    for function in sorted(seconds, key=lambda one: (seconds[one], one)):
        cheapest_by_file.setdefault(_get_file(function), function)
    always = {*tests_of_mutants, *(cheapest_by_file[file] for file in files & cheapest_by_file.keys())}
    costly = {
        function
        for function, of_variant in seconds.items()
        if not function.startswith(_PATHS_WITHOUT_TURNS)
        and (of_variant > _MAX_SECONDS_WITHOUT_TURNS or _get_file(function) in files_with_one_turn)
    }
    alone = {function for function in costly if _get_file(function) not in files_with_one_turn}
    ordered = [*sorted(alone, key=lambda one: (seconds[one], one)), *sorted(files_with_one_turn)]
    having_their_turn = set(ordered[seed % turn_count :: turn_count])
    return {one for one in costly - always if having_their_turn.isdisjoint((one, _get_file(one)))}


def _get_file(function: str) -> str:
    return function.partition("::")[0]


def _find_budget_seconds(function: str) -> float:
    """Return the budget (processor seconds) for all drawn variants of this test function together."""
    if function.startswith(_CONSTRAINT_FOLDERS):
        return _SECONDS_PER_CONSTRAINT_FUNCTION
    return _SECONDS_PER_MONEY_FUNCTION if function.startswith(_MONEY_FOLDERS) else _SECONDS_PER_FUNCTION


def get_function_id(nodeid: str) -> str:
    """Return the id of a test without the part that names its variant, such as "tests/a/test_b.py::test_c"."""
    return nodeid.partition("[")[0]


def draw_variants(
    variants: Iterable[str],
    seconds: float,
    draw: random.Random,
    *,
    budget: float = _SECONDS_PER_FUNCTION,
    budget_of_cases: float = _SECONDS_FOR_ALL_CASES,
) -> list[str]:
    """Return as many variants of one test function as fit into `budget` (processor seconds); each variant takes
    `seconds`. The next drawn variant is always the one with the most parameter values that no drawn variant has. If
    one variant of every case fits into `budget_of_cases` (processor seconds), every case is drawn.
    """
    # Sorted: each worker of a run draws the same, in whatever order it collected.
    undrawn = sorted(variants)
    if seconds * len(undrawn) <= budget:
        return undrawn
    draw.shuffle(undrawn)
    if draw.random() > _SHARE_DRAWN_ON_CLUSTER_FIRST:
        # of equally useful variants the first is drawn
        undrawn.sort(key=lambda name: "galera" in _split_variant(name))
    # Read once: each worker of a run draws before its first test.
    new_values = {name: _split_variant(name) for name in undrawn}
    cases = {name: frozenset(values - _ENGINES) for name, values in new_values.items()}
    left_cases = set(cases.values())
    if seconds * len(left_cases) <= budget_of_cases:
        budget = max(budget, seconds * (len(left_cases) + 0.5))
    drawn: list[str] = []
    for _ in range(max(1, int(budget / seconds))):
        chosen = max(new_values, key=lambda name: (cases[name] in left_cases, len(new_values[name])))
        known = new_values.pop(chosen)
        left_cases.discard(cases[chosen])
        drawn.append(chosen)
        for values in new_values.values():
            values -= known
    return drawn


def _split_variant(name: str) -> set[str]:
    """Return the parts of the name that pytest gives a variant: "test_c[mariadb-lead-b]" has mariadb, lead and b."""
    return set(re.split(r"[\[\]-]+", name.partition("[")[2]))


def read_seconds_table() -> dict[str, float]:
    """Return the processor seconds of one variant by test function, and those of shared fixtures by test file, from
    `variant_seconds.txt`. The table leaves out cheap functions, functions with a single variant that run with each
    seed, and files without costly shared fixtures.
    """
    lines = (line.split() for line in SECONDS_TABLE_FILE.read_text(encoding="utf-8").splitlines())
    return {name: float(seconds) for seconds, name in lines}


# ---- how the table is made


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--keep-seconds"):
        config.pluginmanager.register(_Stopwatch())
        if not hasattr(config, "workerinput"):
            is_whole_run = config.getoption("--draw-variants") is None
            config.pluginmanager.register(_SecondsTable({} if is_whole_run else read_seconds_table()))


class _Stopwatch:
    """Writes two numbers of processor seconds into each report of a test, measured in the process that ran it: those
    of the fixtures that the tests of its file share, and all others since the previous report.
    """

    def __init__(self) -> None:
        self._last = 0.0
        self._shared = 0.0
        self._is_in_shared_fixture = False

    def pytest_runtest_logstart(self) -> None:
        self._last = _measure_processor_seconds()

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
        """Measure the fixture if the tests of a file share it. The time of a fixture that it requests counts as a
        part of its time. Return what the next hook returns, the value of the fixture.
        """
        if fixturedef.scope != "module" or self._is_in_shared_fixture:
            return (yield)
        self._is_in_shared_fixture, before = True, _measure_processor_seconds()
        try:
            return (yield)
        finally:
            self._shared += _measure_processor_seconds() - before
            self._is_in_shared_fixture = False

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        before, self._last = self._last, _measure_processor_seconds()
        report.user_properties.append((_PROPERTY_NAME, self._last - before - self._shared))
        report.user_properties.append((_SHARED_PROPERTY_NAME, self._shared))
        self._shared = 0.0
        return report


class _SecondsTable:
    """Adds up the processor seconds in the reports of all worker processes, and writes the table. `kept_rows` are the
    rows that stay as they are: those of a run that does not measure each variant of each function.
    """

    def __init__(self, kept_rows: Mapping[str, float]) -> None:
        self._kept_rows = kept_rows
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._shared_seconds: defaultdict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name == _PROPERTY_NAME and isinstance(value, float):
                self._seconds[report.nodeid] += value
            elif name == _SHARED_PROPERTY_NAME and isinstance(value, float):
                self._shared_seconds[_get_file(report.nodeid)] += value

    def pytest_sessionfinish(self) -> None:
        by_function: defaultdict[str, list[float]] = defaultdict(list)
        for variant, seconds in self._seconds.items():
            of_servers = seconds * sum(_SERVER_SECONDS_BY_ENGINE.get(value, 0.0) for value in _split_variant(variant))
            by_function[get_function_id(variant)].append(seconds + of_servers)
        functions = {
            function: fmean(seconds)
            for function, seconds in by_function.items()
            if fmean(seconds) > _MAX_SECONDS_WITHOUT_TURNS
            or (fmean(seconds) > _MAX_SECONDS_WITHOUT_ROW and sum(seconds) > _SECONDS_PER_FUNCTION)
        }
        files = {file: seconds for file, seconds in self._shared_seconds.items() if seconds >= _MIN_SHARED_SECONDS}
        rows = {**functions, **files, **self._kept_rows}
        lines = [
            f"{seconds:7.3f} {name}\n" for name, seconds in sorted(rows.items(), key=lambda row: (-row[1], row[0]))
        ]
        SECONDS_TABLE_FILE.write_text("".join(lines), encoding="utf-8")


def _measure_processor_seconds() -> float:
    """Return the processor seconds of this process and of the child processes for which it has waited. On Windows the
    child processes are not included.
    """
    return sum(os.times()[:4])
