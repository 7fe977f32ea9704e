"""Tests that a verification of the audit trail finds each change by a person who writes to the database without the
program, and names the first wrong row.

Each helper function makes one kind of change, and returns the id of the row that the verification must name.
"""

import random
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime

import pytest

from console.store.audit.hash_chain import HASHED_COLUMNS, compute_row_hash, format_hashed_instant
from tests.store.audit_desk import DatabaseWithThreeChains, fill_chains
from tests.support.places import MakePlace

# A function that changes the rows of the trail by a random generator. It returns the id of the row that the
# verification must name.
Tampering = Callable[[DatabaseWithThreeChains, random.Random], int]


# Values of the wrong type or encoding. Only SQLite stores them; a server refuses them.
_MALFORMED_VALUES = (("at", "'soon'"), ("what", "x'00ff'"), ("detail", "CAST(x'fffe' AS TEXT)"))


def _edit_row(trail_database: DatabaseWithThreeChains, chance: random.Random) -> int:
    """Change one column of a random row of the trail, and return the id of the row."""
    victim = chance.choice(trail_database.list_rows())[0]
    column, value = chance.choice(
        [
            ("who", "'op-z'"),
            ("at", "'2020-01-01 00:00:00.000000'"),
            ("detail", "'{}'"),
            ("result", "'refused'"),
            ("subject_id", "18"),
            ("reason", "'because'"),
            ("desk", "'desk-9'"),
            *(() if trail_database.place.is_server else _MALFORMED_VALUES),
            ("hash", "'" + "0" * 64 + "'"),
            ("prev_hash", "'" + "1" * 64 + "'"),
        ]
    )
    trail_database.execute_without_triggers(f"UPDATE audit_log SET {column} = {value} WHERE id = {victim}")
    return victim


def _edit_and_hash_again(trail_database: DatabaseWithThreeChains, chance: random.Random) -> int:
    """Change a row and compute the row's hash again, as a person who has found out the hash function would do.
    Afterwards the hash doesn't match the next row or the anchor. Return the id of the changed row."""
    ours = [row for row in trail_database.list_rows() if row[1] != "chain-c"]
    victim = chance.choice(ours)[0]
    trail_database.execute_without_triggers(f"UPDATE audit_log SET who = 'op-z' WHERE id = {victim}")
    rows = trail_database.place.sql(
        f"SELECT {', '.join(HASHED_COLUMNS)}, prev_hash FROM audit_log WHERE id = {victim}"
    )
    *content, before = (format_hashed_instant(value) if isinstance(value, datetime) else value for value in rows[0])
    trail_database.execute_without_triggers(
        f"UPDATE audit_log SET hash = '{compute_row_hash(before, content)}' WHERE id = {victim}"
    )
    return victim


def _delete_row(trail_database: DatabaseWithThreeChains, chance: random.Random) -> int:
    """Delete a row of one of this desk's chains, but not the chain's last row. Return the id of the deleted row,
    which the verification must name."""
    rows = trail_database.list_rows()
    last = {session: row_id for row_id, session, _ in rows}
    victim = chance.choice([row for row in rows if row[1] != "chain-c" and row[0] != last[row[1]]])[0]
    trail_database.execute_without_triggers(f"DELETE FROM audit_log WHERE id = {victim}")
    return victim


def _delete_row_of_other_desk(trail_database: DatabaseWithThreeChains, chance: random.Random) -> int:
    """Delete a row of the other desk's chain, of which this desk has no anchors, but not the chain's last row. Return
    the id of the row after the gap, which the verification must name."""
    ids = [row[0] for row in trail_database.list_rows() if row[1] == "chain-c"]
    index = chance.randrange(len(ids) - 1)
    trail_database.execute_without_triggers(f"DELETE FROM audit_log WHERE id = {ids[index]}")
    return ids[index + 1]


def _append_copied_row(trail_database: DatabaseWithThreeChains, chance: random.Random) -> int:
    """Add a copy of a row, with the next position, at the end of the chain. Return the id of the copy."""
    source, session, _ = chance.choice(trail_database.list_rows())
    trail_database.execute_without_triggers(
        "INSERT INTO audit_log(session, seq, at, who, desk, what, result, detail, prev_hash, hash)"
        f" SELECT session, (SELECT MAX(seq) + 1 FROM audit_log WHERE session = '{session}'), at, who, desk,"
        f" what, result, detail, prev_hash, hash FROM audit_log WHERE id = {source}"
    )
    return trail_database.list_rows()[-1][0]


def _insert_row_between(trail_database: DatabaseWithThreeChains, chance: random.Random) -> int:
    """Insert a row in the middle of a chain, and move the later rows of the chain by one position. Return the id of
    the first moved row, which the verification must name."""
    ours = [row for row in trail_database.list_rows() if row[1] == "chain-a"]
    _, session, seq = chance.choice(ours[1:-1])
    later = f"session = '{session}' AND seq >= {seq}"
    trail_database.execute_without_triggers(
        f"UPDATE audit_log SET seq = -seq WHERE {later}",
        f"UPDATE audit_log SET seq = 1 - seq WHERE session = '{session}' AND seq < 0",
        "INSERT INTO audit_log(session, seq, at, who, desk, what, result, detail, prev_hash, hash)"
        f" SELECT session, {seq}, at, who, desk, what, result, detail, prev_hash, hash"
        f" FROM audit_log WHERE session = '{session}' AND seq = {seq - 1}",
    )
    return min(row_id for row_id, chain, place in ours if place >= seq)


def _swap_row_ids(trail_database: DatabaseWithThreeChains, chance: random.Random) -> int:
    """Exchange the ids of two rows of this desk's chains. Return the smaller id, which the verification must name."""
    one, two = sorted(
        row[0] for row in chance.sample([row for row in trail_database.list_rows() if row[1] != "chain-c"], 2)
    )
    trail_database.execute_without_triggers(
        f"UPDATE audit_log SET id = -1 WHERE id = {one}",
        f"UPDATE audit_log SET id = {one} WHERE id = {two}",
        f"UPDATE audit_log SET id = {two} WHERE id = -1",
    )
    return one


def _change_persons(trail_database: DatabaseWithThreeChains, chance: random.Random) -> int:
    """Write two invented persons into two rows. Return the smaller id of the two rows, which the verification must
    name."""
    one, two = sorted(chance.sample([row[0] for row in trail_database.list_rows()], 2))
    trail_database.execute_without_triggers(
        f"UPDATE audit_log SET who = 'op-x' WHERE id = {one}",
        f"UPDATE audit_log SET who = 'op-y' WHERE id = {two}",
    )
    return one


def _delete_newest_rows(trail_database: DatabaseWithThreeChains, chance: random.Random) -> int:
    """Delete up to 20 of the newest rows, and set the database's counter of ids back. If all of them are rows of the
    other desk, delete this desk's newest row too. Return the id of the first missing row of this desk, which the
    verification must name."""
    ids = [row[0] for row in trail_database.list_rows()]
    cut = ids[-chance.randint(1, 20)]
    gone = [row_id for row_id, session, _ in trail_database.list_rows() if row_id >= cut and session != "chain-c"]
    back = f"UPDATE sqlite_sequence SET seq = {cut - 1} WHERE name = 'audit_log'"
    if trail_database.place.is_server:
        back = f"ALTER TABLE audit_log AUTO_INCREMENT = {cut}"
    trail_database.execute_without_triggers(f"DELETE FROM audit_log WHERE id >= {cut}", back)
    if not gone:  # this desk has no anchors of the other desk's rows
        gone = [max(row_id for row_id, session, _ in trail_database.list_rows() if session != "chain-c")]
        trail_database.execute_without_triggers(f"DELETE FROM audit_log WHERE id = {gone[0]}")
    return gone[0]


def _replace_newest_rows(trail_database: DatabaseWithThreeChains, chance: random.Random) -> int:
    """Delete the newest rows, then write new rows, which get the ids of the deleted ones. Return the id of the first
    missing row, which the verification must still name."""
    named = _delete_newest_rows(trail_database, chance)
    trail_database.append_entries("chain-a", 5)
    return named


def _delete_whole_chain(trail_database: DatabaseWithThreeChains, chance: random.Random) -> int:
    """Delete all rows of one of two chains, and return the id of its first row."""
    chain = chance.choice(["chain-a", "chain-b"])
    first = next(row_id for row_id, session, _ in trail_database.list_rows() if session == chain)
    trail_database.execute_without_triggers(f"DELETE FROM audit_log WHERE session = '{chain}'")
    return first


def _delete_all_rows(trail_database: DatabaseWithThreeChains, chance: random.Random) -> int:
    """Delete all rows of the trail, and return the id of the first row whose loss the verification must find."""
    first = next(row_id for row_id, session, _ in trail_database.list_rows() if session != "chain-c")
    on_sqlite = ("DELETE FROM audit_log", "DELETE FROM sqlite_sequence")
    trail_database.execute_without_triggers(
        *(("TRUNCATE audit_log",) if trail_database.place.is_server else on_sqlite)
    )
    return first


TAMPERINGS: list[Tampering] = [
    *(
        _edit_row,
        _edit_and_hash_again,
        _delete_row,
        _delete_row_of_other_desk,
        _append_copied_row,
        _insert_row_between,
    ),
    *(
        _swap_row_ids,
        _change_persons,
        _delete_newest_rows,
        _replace_newest_rows,
        _delete_whole_chain,
        _delete_all_rows,
    ),
]


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda tampering: tampering.__name__.strip("_"))
@pytest.mark.parametrize(
    "seeds",
    [range(2), pytest.param(range(2, 100), marks=[pytest.mark.soak, pytest.mark.timeout(600)])],
    ids=["2", "all"],
)
def test_the_verification_names_the_first_changed_audit_row(
    fresh_place: MakePlace, tampering: Tampering, seeds: Sequence[int]
) -> None:
    """For each kind of change, the verification names the first wrong row. Each seed makes another random trail and
    another random change of the kind."""
    for seed in seeds:
        with fresh_place() as place:
            desk = DatabaseWithThreeChains(place)
            with closing(desk.database):
                chance = fill_chains(desk, seed, row_count=45)
                expected = tampering(desk, chance)
                verdict = desk.verify_trail()
        assert verdict.first_bad_row_id == expected, f"seed {seed}: {verdict}"
