"""Measures how the rooms of the program import each other, and checks that they don't import each other in a circle.

    python -m scripts.rooms

A room is a folder of `console/` with the modules directly in it; a module at the top of `console/` is a room of its
own. Late imports and imports for types count. `make check` reads the contract `acyclic_rooms` from pyproject.toml.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import grimp
from importlinter import Contract, ContractCheck, output

ROOT_PACKAGE = "console"
Arrows = Mapping[str, Mapping[str, list[str]]]
"""By room, the rooms that its modules import, each with these imports as texts."""


class AcyclicRooms(Contract):
    """Contract of the import linter: if a room imports another room, directly or through further rooms, the other
    room doesn't import it.
    """

    type_name = "acyclic_rooms"

    def check(self, graph: grimp.ImportGraph, verbose: bool) -> ContractCheck:
        arrows = find_arrows(graph)
        circles = find_circles(arrows)
        return ContractCheck(kept=not circles, metadata={"lines": list(_describe(circles, arrows))})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for line in check.metadata["lines"]:
            output.print_error(line)


def find_arrows(graph: grimp.ImportGraph) -> Arrows:
    """Return the imports between modules of different rooms. Every room is a key."""
    ours = {ROOT_PACKAGE, *graph.find_descendants(ROOT_PACKAGE)}
    packages = {module for module in ours if graph.find_children(module)}
    rooms = {module: _find_room(module, packages) for module in ours}
    arrows: dict[str, dict[str, list[str]]] = {room: defaultdict(list) for room in rooms.values()}
    for module, room in rooms.items():
        for imported in sorted(graph.find_modules_directly_imported_by(module) & rooms.keys()):
            if rooms[imported] != room:
                arrows[room][rooms[imported]].append(f"{module} -> {imported}")
    return arrows


def _find_room(module: str, packages: set[str]) -> str:
    parent = module.rpartition(".")[0]
    return module if module in packages or parent == ROOT_PACKAGE else parent


def find_circles(arrows: Arrows) -> list[frozenset[str]]:
    """Return the groups of two or more rooms in which each room imports all others, directly or through further
    rooms.
    """
    reached = {room: _find_reached(room, arrows) for room in arrows}
    circles = {frozenset(other for other in reached[room] if room in reached[other]) for room in arrows}
    return sorted((circle for circle in circles if len(circle) > 1), key=sorted)


def _find_reached(room: str, arrows: Arrows) -> set[str]:
    reached, left = {room}, [room]
    while left:
        left += (new := arrows[left.pop()].keys() - reached)
        reached |= new
    return reached


def count_longest_chain(arrows: Arrows) -> int:
    """Return the length of the longest chain of rooms that import each other. A circle counts as one room."""
    whole = {room: circle for circle in find_circles(arrows) for room in circle}

    @cache
    def compute_chain_length(group: frozenset[str]) -> int:
        below = {whole.get(other, frozenset({other})) for room in group for other in arrows[room]}
        return 1 + max((compute_chain_length(other) for other in below - {group}), default=0)

    return max(compute_chain_length(whole.get(room, frozenset({room}))) for room in arrows)


def _describe(circles: list[frozenset[str]], arrows: Arrows) -> Iterator[str]:
    """Yield text lines: the rooms of each circle and, for each pair of its rooms, one import and the number of
    further imports.
    """
    for circle in circles:
        yield f"These rooms import each other in a circle: {', '.join(sorted(circle))}."
        for room in sorted(circle):
            for other in sorted(circle & arrows[room].keys()):
                first, *more = arrows[room][other]
                yield f"  {room} -> {other}: {first}, and {len(more)} more"


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
    """Print the numbers of rooms, of imports between rooms and of lines of code, the longest chain of rooms, and each
    circle of rooms. Decision 0027 in the documentation uses these figures.
    """
    graph = grimp.build_graph(ROOT_PACKAGE)
    arrows = find_arrows(graph)
    circles = find_circles(arrows)
    print(f"rooms {len(arrows)}, floors {count_longest_chain(arrows)}, arrows {sum(map(len, arrows.values())):,}")
    print(f"circles of rooms {len(circles)}, rooms in them {sum(map(len, circles))}")
    print(*_describe(circles, arrows), *_count_lines(Path(ROOT_PACKAGE)), sep="\n")


if __name__ == "__main__":
    main()
