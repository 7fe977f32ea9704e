"""Measures the duration of searches in the corporation registry, with texts drawn from its names, readings and
addresses: complete and partial, frequent and rare, with and without matches.
"""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

from console.store.registry.reader import RegistryReader
from console.store.registry.registry_file import find_registry_file, open_for_reading
from tests.bench.figures import ReportRow, compute_median, compute_percentile, format_duration, measure_alternately

GOAL_SECONDS = 0.010
QUERY_COUNT = 10_000
_CHARACTERS_OF_NO_COMPANY = "鬱饕餮麒麟鸞纛躊躇"
_SELECT_TEXTS_SQL = """
    SELECT c.name, c.furigana, p.prefecture, p.city, c.street, c.post_code
    FROM corporations c JOIN places p ON p.id = c.place_id WHERE c.id = ?
"""


def measure_searches(folder: Path, reader: RegistryReader) -> ReportRow:
    """Measure the searches in the registry of this folder, and return the row."""
    file = find_registry_file(folder)
    assert file is not None
    with closing(open_for_reading(file)) as connection:
        texts = choose_random_texts(connection, QUERY_COUNT)
        floor = compute_median(
            measure_alternately({"bare": lambda: connection.execute(_SELECT_TEXTS_SQL, (1,)).fetchone()}, 1_000)[
                "bare"
            ]
        )
    took = _time_searches(reader, texts)
    p99 = compute_percentile(took, 0.99)
    name = f"registry: search, {len(texts):,} texts, first 50"
    figure = f"{format_duration(compute_median(took))}, p99 {format_duration(p99)}"
    return ReportRow(
        "27", name, figure, f"a bare row {format_duration(floor)}", "–", "–", "p99 ≤ 10 ms", p99 <= GOAL_SECONDS
    )


def choose_random_search_texts(folder: Path, count: int) -> list[str]:
    """Return `count` texts to search in the registry of this folder."""
    file = find_registry_file(folder)
    assert file is not None
    with closing(open_for_reading(file)) as connection:
        return choose_random_texts(connection, count)


def _time_searches(reader: RegistryReader, texts: list[str]) -> list[float]:
    """Return the sorted durations of the searches (seconds)."""
    works = {str(position): lambda text=text: reader.search(text) for position, text in enumerate(texts)}
    return sorted(seconds[0] for seconds in measure_alternately(works, round_count=1, warm_up_round_count=0).values())


def choose_random_texts(connection: sqlite3.Connection, count: int) -> list[str]:
    """Return at most `count` texts that people could type. About one of five matches nothing."""
    chance = random.Random(22)
    last = connection.execute("SELECT max(id) FROM corporations").fetchone()[0]
    drawn = (connection.execute(_SELECT_TEXTS_SQL, (chance.randint(1, last),)).fetchone() for _ in range(count * 2))
    texts = [_choose_random_text(chance, row) for row in drawn if row is not None]
    return [text for text in texts if len(text) > 1][:count]


def _choose_random_text(chance: random.Random, row: tuple[str, str, str, str, str, int | None]) -> str:
    name, furigana, prefecture, city, street, post_code = row
    match chance.randrange(12):
        case 0 | 1:
            return name
        case 2 | 3 | 4:
            return _choose_random_part(chance, name)
        case 5 | 6:
            return _choose_random_part(chance, furigana or name)
        case 7:
            return f"{_choose_random_part(chance, name)} {city or prefecture}"
        case 8:
            return _choose_random_part(chance, f"{prefecture}{city}{street}")
        case 9:
            return str(post_code or "1000001")
        case 10:
            return _choose_random_part(chance, furigana or name) + _choose_random_part(chance, furigana or name)
        case _:
            return _choose_random_part(chance, name) + chance.choice(_CHARACTERS_OF_NO_COMPANY)


def _choose_random_part(chance: random.Random, text: str) -> str:
    """Return a random part of the text, two to six characters long."""
    length = chance.randint(2, 6)
    start = chance.randint(0, max(0, len(text) - length))
    return text[start : start + length]
