"""Tests of the check that forbids import cycles between packages: it also finds a cycle in which no two modules
import each other.
"""

import grimp
import pytest

from scripts.rooms import AcyclicPackages, count_longest_chain, find_import_cycles, find_package_imports

GRAPH_MODULE_NAMES = (
    "app",
    "views.page",
    "domain.clock",
    "domain.errors",
    "domain.payments.records",
    "domain.payments.rules",
)
"""Names of the invented modules in the import graphs of these tests, without the root package `console`."""
DOWNWARD_IMPORTS = (
    "app > views.page",
    "views.page > domain.payments.rules",
    "domain.payments.rules > domain.payments.records",
)


def make_graph(*imports: str) -> grimp.ImportGraph:
    """Return an import graph with the test's modules and the given imports. Each import is written as `importer >
    imported`, without the root package.
    """
    graph = grimp.ImportGraph()
    for module in GRAPH_MODULE_NAMES:
        parts = ["console", *module.split(".")]
        for end in range(1, len(parts) + 1):
            graph.add_module(".".join(parts[:end]))
    graph.add_module("requests", is_squashed=True)
    graph.add_import(importer="console.app", imported="requests")
    for one in imports:
        importer, imported = one.split(" > ")
        graph.add_import(importer=f"console.{importer}", imported=f"console.{imported}")
    return graph


@pytest.mark.parametrize(
    ("imports", "cycles"),
    [
        (("domain.payments.records > domain.clock",), []),
        # No two modules import each other, but the two folders do.
        (
            ("domain.payments.records > domain.clock", "domain.errors > domain.payments.records"),
            [{"console.domain", "console.domain.payments"}],
        ),
        # By way of a third package.
        (
            ("domain.payments.rules > domain.clock", "domain.clock > app"),
            [{"console.app", "console.domain", "console.domain.payments", "console.views"}],
        ),
    ],
)
def test_an_import_cycle_of_packages_breaks_the_contract(imports: tuple[str, ...], cycles: list[set[str]]) -> None:
    graph = make_graph(*DOWNWARD_IMPORTS, *imports)
    assert [set(cycle) for cycle in find_import_cycles(find_package_imports(graph))] == cycles
    check = AcyclicPackages("rooms", {}, {}).check(graph, verbose=False)
    assert check.kept is not bool(cycles)
    assert bool(check.metadata["lines"]) is bool(cycles)


def test_packages_imports_and_longest_chain_are_counted() -> None:
    """Four packages, each of which imports the next one, are counted as a chain of four packages with three imports.
    An import cycle of packages counts as one package of the chain.
    """
    downward = (*DOWNWARD_IMPORTS, "domain.payments.records > domain.clock")
    arrows = find_package_imports(make_graph(*downward))
    packages = {"console", "console.app", "console.views", "console.domain.payments", "console.domain"}
    assert (set(arrows), sum(map(len, arrows.values())), count_longest_chain(arrows)) == (packages, 3, 4)
    assert (
        count_longest_chain(find_package_imports(make_graph(*downward, "domain.errors > domain.payments.rules"))) == 3
    )
