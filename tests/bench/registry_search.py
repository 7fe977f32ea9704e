"""How long a search of the corporation registry takes: texts drawn from its own names, readings and addresses, whole
and in parts, frequent and rare, hits and misses."""

import random
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

from console.sandbox.registry.files import write_whole
from console.store.registry.import_files import import_registry_files
from console.store.registry.reader import RegistryReader, open_registry
from console.store.registry.registry_file import find_registry_file, open_for_reading
from tests.bench.figures import Row, centile, median, side_by_side, span

NUMBER, GOAL_SECONDS, GOAL_BYTES = 22, 0.010, 160
QUERIES = 10_000
_DAY = date(2026, 10, 30)
_FOREIGN = "鬱饕餮麒麟鸞纛躊躇"
_TEXTS = """
    SELECT c.name, c.furigana, p.prefecture, p.city, c.street, c.post_code
    FROM corporations c JOIN places p ON p.id = c.place_id WHERE c.id = ?
"""


def rows(wanted: frozenset[int], corporations: int) -> Iterator[Row]:
    """Measure in an invented registry of so many corporations."""
    if NUMBER not in wanted:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = write_whole(Path(folder), _DAY, corporations, seed=7)
        import_registry_files(Path(folder) / "registry", [path])
        yield from measure(Path(folder) / "registry")


def measure(folder: Path) -> Iterator[Row]:
    """Measure in the registry of this folder."""
    reader, file = open_registry(folder), find_registry_file(folder)
    assert reader is not None
    assert file is not None
    with closing(open_for_reading(file)) as connection:
        texts = draw_texts(connection, QUERIES)
        floor = median(side_by_side({"bare": lambda: connection.execute(_TEXTS, (1,)).fetchone()}, 1_000)["bare"])
        beside = _bytes_beside_texts(connection)
        count = connection.execute("SELECT count(*) FROM corporations").fetchone()[0]
    took = _time_searches(reader, texts)
    reader.close()
    yield Row(
        str(NUMBER),
        f"registry search, {count:,} corporations, {len(texts):,} texts, first 50",
        f"{span(median(took))}, p99 {span(centile(took, 0.99))}, longest {span(took[-1])}",
        f"a bare row by its key {span(floor)}",
        "–",
        "–",
        "p99 ≤ 10 ms",
        centile(took, 0.99) <= GOAL_SECONDS,
    )
    yield Row(
        str(NUMBER),
        "registry file, bytes a corporation beside its texts",
        f"{beside:.0f} B",
        "–",
        "–",
        "–",
        "≤ 160 B",
        beside <= GOAL_BYTES,
    )


def _time_searches(reader: RegistryReader, texts: list[str]) -> list[float]:
    works = {str(position): lambda text=text: reader.search(text) for position, text in enumerate(texts)}
    return sorted(seconds[0] for seconds in side_by_side(works, rounds=1, warm=0).values())


def draw_texts(connection: sqlite3.Connection, count: int) -> list[str]:
    """Return texts that people could type: 1 of 5 hits nothing, or nothing as a whole."""
    chance = random.Random(22)
    last = connection.execute("SELECT max(id) FROM corporations").fetchone()[0]
    drawn = (connection.execute(_TEXTS, (chance.randint(1, last),)).fetchone() for _ in range(count * 2))
    found = [_draw_text(chance, row) for row in drawn if row is not None]
    return [text for text in found if len(text) > 1][:count]


def _draw_text(chance: random.Random, row: tuple[str, str, str, str, str, int | None]) -> str:
    name, furigana, prefecture, city, street, post_code = row
    match chance.randrange(12):
        case 0 | 1:
            return name
        case 2 | 3 | 4:
            return _part(chance, name)
        case 5 | 6:
            return _part(chance, furigana or name)
        case 7:
            return f"{_part(chance, name)} {city or prefecture}"
        case 8:
            return _part(chance, f"{prefecture}{city}{street}")
        case 9:
            return str(post_code or "1000001")
        case 10:
            return _part(chance, furigana or name) + _part(chance, furigana or name)
        case _:
            return _part(chance, name) + chance.choice(_FOREIGN)


def _part(chance: random.Random, text: str) -> str:
    length = chance.randint(2, 6)
    start = chance.randint(0, max(0, len(text) - length))
    return text[start : start + length]


def _bytes_beside_texts(connection: sqlite3.Connection) -> float:
    size: int = connection.execute(
        "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    ).fetchone()[0]
    texts, count = connection.execute(
        "SELECT sum(length(CAST(name || furigana || english_name || street || address_outside AS BLOB))), count(*)"
        " FROM corporations"
    ).fetchone()
    return float(size - texts) / float(count)
