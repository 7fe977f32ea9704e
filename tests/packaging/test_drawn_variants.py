"""Tests of the random choice of variants (parameter sets) of expensive tests in `make test`: at least one variant of
each test function runs, and as many as fit into the time.
"""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants.catalogue import MUTANTS
from tests.support.drawn_variants import (
    draw_variants,
    find_functions_without_turn,
    get_function_id,
    read_seconds_table,
)
from tests.support.file_seconds import DRAWN_SECONDS_TABLE_FILE, divide_files
from tests.support.file_seconds import read_seconds_table as read_file_seconds_table

ROOT = Path(__file__).resolve().parents[2]
CHEAP_SECONDS = 0.001
CHEAP_CASE_SECONDS = 0.009
COSTLY_SECONDS = 1.0
VERY_COSTLY_SECONDS = 60.0
VARIANT_IDS = [f"tests/a/test_b.py::test_c[{engine}-{role}]" for engine in ("mariadb", "sqlite") for role in "klm"]


def test_all_cheap_variants_run() -> None:
    """If all variants of a test function fit into the budget, all are drawn."""
    assert draw_variants(VARIANT_IDS, CHEAP_SECONDS, random.Random(1)) == VARIANT_IDS


@pytest.mark.parametrize("seed", range(20))
def test_drawn_variants_differ_in_every_value(seed: int) -> None:
    """Six variants combine databases and roles, and two of them fit into the time. For every seed, the two chosen
    variants differ both in the database and in the role.
    """
    first, second = draw_variants(VARIANT_IDS, COSTLY_SECONDS, random.Random(seed), budget=2 * COSTLY_SECONDS)
    values = [set(name.partition("[")[2].rstrip("]").split("-")) for name in (first, second)]
    assert not values[0] & values[1]


def test_at_least_one_variant_runs_and_other_seeds_draw_others() -> None:
    drawn = [draw_variants(VARIANT_IDS, VERY_COSTLY_SECONDS, random.Random(seed)) for seed in range(100)]
    assert {len(names) for names in drawn} == {1}
    assert {name for (name,) in drawn} == set(VARIANT_IDS)


def test_few_functions_with_one_drawn_variant_run_on_the_cluster() -> None:
    """The allowed time is enough for one variant of a costly test function, which has one variant for the cluster and
    one for the single server. About one seed of eight draws the variant for the cluster, the others draw that for
    the single server. If the time is enough for two variants, both run.
    """
    variants = [f"tests/a/test_b.py::test_c[{engine}]" for engine in ("galera", "mariadb")]
    drawn = [draw_variants(variants, COSTLY_SECONDS, random.Random(seed)) for seed in range(400)]
    assert 25 < drawn.count(variants[:1]) < 100
    assert drawn.count(variants[:1]) + drawn.count(variants[1:]) == 400
    assert sorted(draw_variants(variants, COSTLY_SECONDS, random.Random(1), budget=2 * COSTLY_SECONDS)) == variants


@pytest.mark.parametrize("seed", range(20))
def test_every_cheap_case_is_drawn_for_one_database(seed: int) -> None:
    """A test has thirty cases on two databases. Each cheap case is chosen once, on one of the databases. Of costlier
    cases fewer are chosen, unless the time budget for cases is larger.
    """
    variants = [f"tests/a/test_b.py::test_c[{engine}-{n}]" for engine in ("mariadb", "sqlite") for n in range(30)]
    drawn = draw_variants(variants, CHEAP_CASE_SECONDS, random.Random(seed))
    assert {name.rpartition("-")[2] for name in drawn} == {f"{n}]" for n in range(30)}
    assert len(drawn) == 30
    costlier = 3 * CHEAP_CASE_SECONDS
    assert len(draw_variants(variants, costlier, random.Random(seed))) < 10
    assert len(draw_variants(variants, costlier, random.Random(seed), budget_of_cases=1.0)) == 30
    assert len(draw_variants(variants, COSTLY_SECONDS, random.Random(seed))) == 1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_as_many_consecutive_seeds_as_turns_run_every_function(seed: int) -> None:
    """With eight turns, each seed runs all cheap test functions, and one eighth of the costly ones: those whose turn
    it is. A function that compares the parts of the repository never counts as costly. Eight consecutive seeds
    together run every function.
    """
    costly = {f"tests/desk/test_{n}.py::test_window": COSTLY_SECONDS + n for n in range(24)}
    others = {
        "tests/desk/test_a.py::test_cheap": CHEAP_SECONDS,
        "tests/wording/test_a.py::test_every_word": VERY_COSTLY_SECONDS,
    }
    run = [
        set(costly | others) - find_functions_without_turn(one, costly | others, turn_count=8)
        for one in range(seed, seed + 9)
    ]
    assert [len(one) for one in run] == [3 + len(others)] * 9
    assert set.intersection(*run[:8]) == set(others)
    assert set.union(*run[:8]) == set(costly | others)
    assert run[8] == run[0]


def test_functions_that_share_a_costly_fixture_run_in_the_same_turn() -> None:
    """With four turns, all functions of a file that shares a costly fixture, the cheap ones too, run with the same
    one of four consecutive seeds.
    """
    sharing = {"tests/cli/test_a.py::test_window": COSTLY_SECONDS, "tests/cli/test_a.py::test_word": CHEAP_SECONDS}
    others = {f"tests/desk/test_{n}.py::test_window": COSTLY_SECONDS for n in range(12)}
    run = [
        set(sharing | others)
        - find_functions_without_turn(
            seed, sharing | others, turn_count=4, files_with_one_turn={"tests/cli/test_a.py"}
        )
        for seed in range(4)
    ]
    assert sorted(len(one & set(sharing)) for one in run) == [0, 0, 0, 2]
    assert [len(one & set(others)) for one in run] == [3] * 4


def test_the_turns_do_not_depend_on_the_collected_files() -> None:
    """Two worker processes that collect different files leave out the same functions of the table, whatever cheap
    functions and tests of mutants are in their files.
    """
    costly = {f"tests/desk/test_{n}.py::test_window": COSTLY_SECONDS for n in range(24)}
    one, other = (
        find_functions_without_turn(
            3,
            costly | {f"tests/desk/test_{name}.py::test_cheap": CHEAP_SECONDS},
            {f"tests/desk/test_{name}.py", "tests/desk/test_3.py::test_window"},
            turn_count=8,
            files_with_one_turn={"tests/cli/test_a.py"},
        )
        for name in ("k", "m")
    )
    assert one == other
    assert len(one) == 20


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_the_tests_of_mutants_run_with_every_seed(seed: int) -> None:
    """Every seed runs the functions that notice a mutant. If only their file is known, its cheapest function runs."""
    named, in_file = "tests/harms/test_a.py::test_route", "tests/races/test_b.py"
    costly = {f"tests/desk/test_{n}.py::test_window": COSTLY_SECONDS for n in range(12)}
    seconds = {
        **costly,
        named: VERY_COSTLY_SECONDS,
        f"{in_file}::test_race": VERY_COSTLY_SECONDS,
        f"{in_file}::test_call": COSTLY_SECONDS,
    }
    seeds = range(seed, seed + 8)
    run = [set(seconds) - find_functions_without_turn(one, seconds, {named, in_file}, turn_count=8) for one in seeds]
    assert set.intersection(*run) == {named, f"{in_file}::test_call"}
    assert set.union(*run) == set(seconds)


def test_a_run_leaves_the_functions_of_the_other_seeds_out(tmp_path: Path) -> None:
    """A run with eight turns runs a function whose turn it is, and none of seven others. Without a draw
    all run.
    """
    table = read_seconds_table()
    seconds = {name: one for name, one in table.items() if "::" in name}
    of_mutants = {get_function_id(test) for mutant in MUTANTS for test in mutant.tests}
    desk_tests = [name for name in seconds if name.startswith("tests/desk/") and name not in of_mutants]
    waiting = find_functions_without_turn(1, seconds, turn_count=8, files_with_one_turn=table.keys() - seconds.keys())
    chosen = [*[name for name in desk_tests if name in waiting][:7], *[n for n in desk_tests if n not in waiting][:1]]
    (tmp_path / "pytest.ini").touch()
    (tmp_path / "tests" / "desk").mkdir(parents=True)
    for function in chosen:
        file, _, name = function.partition("::")
        with (tmp_path / file).open("a", encoding="utf-8") as written:
            written.write(f"def {name}(): pass\n\n")
    assert "1 passed, 7 deselected" in run_tests(tmp_path, "tests", "--draw-variants=1", "--turns=8")
    assert "8 passed" in run_tests(tmp_path, "tests")


def test_the_chosen_variants_do_not_depend_on_the_order_of_collecting() -> None:
    """The chosen variants don't depend on the order in which pytest has collected them, because each worker process
    collects in its own order.
    """
    backwards = draw_variants(VARIANT_IDS[::-1], COSTLY_SECONDS, random.Random(3), budget=2 * COSTLY_SECONDS)
    assert backwards == draw_variants(VARIANT_IDS, COSTLY_SECONDS, random.Random(3), budget=2 * COSTLY_SECONDS)


def test_a_run_prints_its_drawn_variants(tmp_path: Path) -> None:
    """With the option `--draw-variants`, every function of a costly file runs with at least one variant, except
    nightly functions, or with as many variants as its mark `parts_by_day` states. The run says that variants were
    drawn, and with which seed. Without the option all variants run.
    """
    costly = next(
        one for one, seconds in read_seconds_table().items() if seconds > 1 and one.startswith("tests/crash/")
    )
    file, _, function = costly.partition("::")
    (tmp_path / "pytest.ini").touch()
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(
        "import pytest\n\n"
        f'@pytest.mark.parametrize("engine", ["mariadb", "sqlite", "galera"])\ndef {function}(engine): pass\n\n'
        "def test_other(): pass\n\n"
        '@pytest.mark.nightly("why")\ndef test_at_night(): pass\n'
    )
    result = run_tests(tmp_path, file, "--draw-variants=32", "--turns=1")
    assert "costly tests: one turn of 1, drawn with seed 32, as are variants; make nightly runs all" in result
    assert "2 passed, 3 deselected" in result
    assert "5 passed" in run_tests(tmp_path, file)
    path.write_text(path.read_text().replace("@pytest.mark.p", '@pytest.mark.parts_by_day(2, "why")\n@pytest.mark.p'))
    assert "3 passed, 2 deselected" in run_tests(tmp_path, file, "--draw-variants=32", "--turns=1")


def test_the_seconds_of_a_shared_fixture_count_for_its_file(tmp_path: Path) -> None:
    """The processor seconds of a fixture that the tests of a file share are measured for the file, not for the test
    that happens to run first.
    """
    prepare_measured_tests(tmp_path)
    run_tests(tmp_path, "test_a.py", "--keep-seconds")
    rows = [line.split() for line in (tmp_path / "seconds.txt").read_text(encoding="utf-8").splitlines()]
    assert [name for _, name in rows] == ["test_a.py", "test_a.py::test_second"]
    assert float(rows[0][0]) > 0.4  # 0.5 by another clock of the process, which counts in larger steps


def test_a_run_of_drawn_variants_adds_missing_rows_only(tmp_path: Path) -> None:
    """A run that measures only the drawn variants adds rows for functions that have none, and leaves the others."""
    prepare_measured_tests(tmp_path)
    (tmp_path / "seconds.txt").write_text("  0.010 test_a.py::test_second\n  9.000 test_b.py::test_other\n")
    run_tests(tmp_path, "test_a.py", "--draw-variants=1", "--turns=1", "--keep-seconds")
    rows = [line.split() for line in (tmp_path / "seconds.txt").read_text(encoding="utf-8").splitlines()]
    assert [name for _, name in rows] == ["test_b.py::test_other", "test_a.py", "test_a.py::test_second"]
    assert (rows[0][0], rows[2][0]) == ("9.000", "0.010")


@pytest.mark.parametrize("part_count", [1, 2, 5])
def test_each_file_belongs_to_one_of_equally_long_parts(part_count: int) -> None:
    """Each file is in one part, and the sums of the seconds of the parts differ by less than one long file. The
    parts don't depend on the order in which a worker process finds the files.
    """
    seconds = {f"tests/test_{number}.py": number for number in range(2, 40)}
    files = [*seconds, *(f"tests/test_short_{number}.py" for number in range(50))]
    parts = divide_files(files, seconds, part_count)
    assert sorted(file for part in parts for file in part) == sorted(files)
    sums = [sum(seconds.get(file, 0) for file in part) for part in parts]
    assert max(sums) - min(sums) < max(seconds.values())
    assert divide_files(files[::-1], seconds, part_count) == parts


def test_worker_processes_run_each_file_once(tmp_path: Path) -> None:
    """Two worker processes run their parts of the files, each test once, and count the tests of both. A file that the
    command line names is run by one of them.
    """
    (tmp_path / "pytest.ini").write_text("[pytest]\ntestpaths = tests\n")
    (tmp_path / "tests").mkdir()
    for number in range(3):
        (tmp_path / "tests" / f"test_{number}.py").write_text("def test_a(): pass\n\ndef test_b(): pass\n")
    divided = ("-p", "xdist.plugin", "-n", "2", "--dist", "each", "--divide-files")
    result = run_tests(tmp_path, *divided)
    assert "6 passed" in result
    assert "[100%]" in result
    assert "2 passed" in run_tests(tmp_path, *divided, "tests/test_1.py")


def test_a_worker_process_that_dies_while_collecting_fails_the_run(tmp_path: Path) -> None:
    """If a worker process dies before its tests are known, no other one runs its part, so the run fails."""
    (tmp_path / "pytest.ini").write_text("[pytest]\ntestpaths = tests\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_0.py").write_text("import os\n\nos._exit(1)\n")
    (tmp_path / "tests" / "test_1.py").write_text("def test_a(): pass\n")
    divided = ("-p", "xdist.plugin", "-n", "2", "--dist", "each", "--divide-files", "--max-worker-restart=0")
    assert "worker restarting disabled" in run_tests(tmp_path, *divided, status=1)


def test_a_variant_that_does_not_run_is_not_drawn(tmp_path: Path) -> None:
    """A variant that only the soak runs isn't drawn, because then no variant of its function would run."""
    costly = next(
        one for one, seconds in read_seconds_table().items() if seconds > 1 and one.startswith("tests/crash/")
    )
    file, _, function = costly.partition("::")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = soak: full counts\n")
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(
        "import pytest\n\n"
        'SOAK = [pytest.param(f"whole-{number}", marks=pytest.mark.soak) for number in range(20)]\n\n'
        f'@pytest.mark.parametrize("routes", ["some", *SOAK])\ndef {function}(routes): pass\n'
    )
    assert "1 passed" in run_tests(tmp_path, file, "-m", "not soak", "--draw-variants=32", "--turns=1")


def prepare_measured_tests(tmp_path: Path) -> None:
    """Write a test file whose shared fixtures and second test use processor time, and empty tables into which the run
    of this file writes the measured seconds instead of into the repository's tables."""
    (tmp_path / "pytest.ini").touch()
    (tmp_path / "conftest.py").write_text(
        "from pathlib import Path\n"
        "from tests.support import drawn_variants, file_seconds\n"
        'drawn_variants.SECONDS_TABLE_FILE = Path(__file__).with_name("seconds.txt")\n'
        'file_seconds.SECONDS_TABLE_FILE = Path(__file__).with_name("files.txt")\n'
        'file_seconds.DRAWN_SECONDS_TABLE_FILE = Path(__file__).with_name("drawn_files.txt")\n'
        "drawn_variants._MIN_SHARED_SECONDS = 0.4\n"
    )
    (tmp_path / "files.txt").touch()
    (tmp_path / "drawn_files.txt").touch()
    (tmp_path / "test_a.py").write_text(
        "import time, pytest\n\n"
        "def use_processor(seconds):\n"
        "    end = time.process_time() + seconds\n"
        "    while time.process_time() < end: pass\n\n"
        '@pytest.fixture(scope="module")\ndef inner(): use_processor(0.3)\n\n'
        '@pytest.fixture(scope="module")\ndef shared(inner): use_processor(0.2)\n\n'
        "def test_first(shared): pass\n\n"
        "def test_second(shared): use_processor(0.3)\n"
    )
    (tmp_path / "seconds.txt").touch()


def run_tests(folder: Path, *words: str, status: int = 0) -> str:
    """Run pytest with only the two tested plugins, and return its output. The test fails if pytest's exit status
    isn't the expected one.
    """
    plugins = ("-p", "tests.support.file_seconds", "-p", "tests.support.drawn_variants")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_table_of_drawn_files_has_existing_files_the_slowest_first() -> None:
    """The parts of the worker processes are computed from this table, so it has most of the slow files. A quick
    machine lists fewer files than a slow one."""
    table = read_file_seconds_table(DRAWN_SECONDS_TABLE_FILE)
    assert len(table) > 50
    assert list(table.values()) == sorted(table.values(), reverse=True)
    assert [file for file in table if not (ROOT / file).exists()] == []


def test_the_table_has_existing_tests_the_costliest_first() -> None:
    """The table of durations has, in descending order of their seconds, test functions in the form that pytest gives
    them and test files. Each file exists and has the function, so whoever renames a test renames its row.
    """
    table = read_seconds_table()
    assert list(table.values()) == sorted(table.values(), reverse=True)
    assert all(get_function_id(name) == name for name in table)
    rows = [name.partition("::") for name in table]
    text_by_file = {file: (ROOT / file).read_text(encoding="utf-8") for file in {file for file, _, _ in rows}}
    assert not [
        f"{file}::{function}"
        for file, _, function in rows
        if function and f"def {function}(" not in text_by_file[file]
    ]
