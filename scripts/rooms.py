"""Measures the imports between the packages of the program, and checks that they have no import cycles.

    python -m scripts.rooms

A package (the documentation calls it a room) is a folder of `console/` with the modules directly in it; a module at
the top of `console/` is a package of its own. Late imports and imports for types count. `make check` reads the
contract `acyclic_rooms` from pyproject.toml.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import grimp
from importlinter import Contract, ContractCheck, output

ROOT_PACKAGE = "console"
ImportsByPackage = Mapping[str, Mapping[str, list[str]]]
"""By package, the packages that its modules import, each with these imports as texts."""


class AcyclicPackages(Contract):
    """Contract of the import linter: if a package imports another one, directly or through further packages, the
    other one doesn't import it.
    """

    type_name = "acyclic_rooms"

    def check(self, graph: grimp.ImportGraph, verbose: bool) -> ContractCheck:
        arrows = find_package_imports(graph)
        circles = find_import_cycles(arrows)
        return ContractCheck(kept=not circles, metadata={"lines": list(_describe_cycles(circles, arrows))})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for line in check.metadata["lines"]:
            output.print_error(line)


def find_package_imports(graph: grimp.ImportGraph) -> ImportsByPackage:
    """Return the imports between modules of different packages. Every package is a key."""
    own_names = {ROOT_PACKAGE, *graph.find_descendants(ROOT_PACKAGE)}
    packages = {module for module in own_names if graph.find_children(module)}
    rooms = {module: _find_package_of_module(module, packages) for module in own_names}
    arrows: dict[str, dict[str, list[str]]] = {room: defaultdict(list) for room in rooms.values()}
    for module, room in rooms.items():
        for imported in sorted(graph.find_modules_directly_imported_by(module) & rooms.keys()):
            if rooms[imported] != room:
                arrows[room][rooms[imported]].append(f"{module} -> {imported}")
    return arrows


def _find_package_of_module(module: str, packages: set[str]) -> str:
    parent = module.rpartition(".")[0]
    return module if module in packages or parent == ROOT_PACKAGE else parent


def find_import_cycles(package_imports: ImportsByPackage) -> list[frozenset[str]]:
    """Return the groups of two or more packages in which each one imports all others, directly or through further
    packages.
    """
    reached = {room: _find_reachable_packages(room, package_imports) for room in package_imports}
    circles = {frozenset(other for other in reached[room] if room in reached[other]) for room in package_imports}
    return sorted((circle for circle in circles if len(circle) > 1), key=sorted)


def _find_reachable_packages(package: str, package_imports: ImportsByPackage) -> set[str]:
    reached, unvisited = {package}, [package]
    while unvisited:
        unvisited += (new := package_imports[unvisited.pop()].keys() - reached)
        reached |= new
    return reached


def count_longest_chain(package_imports: ImportsByPackage) -> int:
    """Return the length of the longest chain of packages in which each package imports the next one. A cycle counts
    as one package.
    """
    circle_by_room = {room: circle for circle in find_import_cycles(package_imports) for room in circle}

    @cache
    def compute_chain_length(group: frozenset[str]) -> int:
        imported_groups = {
            circle_by_room.get(other, frozenset({other})) for room in group for other in package_imports[room]
        }
        return 1 + max((compute_chain_length(other) for other in imported_groups - {group}), default=0)

    return max(compute_chain_length(circle_by_room.get(room, frozenset({room}))) for room in package_imports)


def _describe_cycles(cycles: list[frozenset[str]], package_imports: ImportsByPackage) -> Iterator[str]:
    """Yield text lines: the packages of each cycle and, for each pair of its packages, one import and the number of
    further imports.
    """
    for circle in cycles:
        yield f"These rooms import each other in a circle: {', '.join(sorted(circle))}."
        for room in sorted(circle):
            for other in sorted(circle & package_imports[room].keys()):
                first, *further_imports = package_imports[room][other]
                yield f"  {room} -> {other}: {first}, and {len(further_imports)} more"


def _count_lines(root: Path) -> Iterator[str]:
    """Yield text lines with the numbers of lines and files of Python code: first those of all of `console/`, then
    those of each folder.
    """
    lines, files = Counter[str](), Counter[str]()
    for file in root.rglob("*.py"):
        parts = file.relative_to(root).parts
        count = len(file.read_text(encoding="utf-8").splitlines())
        for folder in ("all", parts[0] if parts[1:] else "top modules"):
            lines[folder] += count
            files[folder] += 1
    for folder in sorted(lines, key=lambda folder: -lines[folder]):
        yield f"{folder}: {lines[folder]:,} lines ({files[folder]} files)"


def main() -> None:
    """Print the numbers of packages, of imports between packages and of lines of code, the longest chain of packages,
    and each import cycle. Decision 0027 in the documentation uses these figures.
    """
    graph = grimp.build_graph(ROOT_PACKAGE)
    arrows = find_package_imports(graph)
    circles = find_import_cycles(arrows)
    print(f"rooms {len(arrows)}, floors {count_longest_chain(arrows)}, arrows {sum(map(len, arrows.values())):,}")
    print(f"circles of rooms {len(circles)}, rooms in them {sum(map(len, circles))}")
    print(*_describe_cycles(circles, arrows), *_count_lines(Path(ROOT_PACKAGE)), sep="\n")


if __name__ == "__main__":
    main()
