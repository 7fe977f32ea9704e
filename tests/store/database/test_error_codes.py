"""What a database's errors mean for whoever may run a transaction again."""

import pymysql
import pytest
from sqlalchemy.exc import DatabaseError

from console.store.database import error_codes as troubles

BROKEN_OFF = "Trigger 'console_refunds_update' has an error in its body: 'You have an error in your SQL syntax'"


@pytest.mark.parametrize(
    ("number", "words", "fate"),
    [
        (1213, "Deadlock found", "undone"),
        (1064, BROKEN_OFF, "undone"),
        (1064, "You have an error in your SQL syntax", "other"),
        (1062, "Duplicate entry for key 'uq_audit_chain'", "undone"),
        (1062, "Duplicate entry for key 'uq_refunds_open'", "other"),
        (1047, "WSREP has not yet prepared node", "gone"),
    ],
)
def test_what_became_of_a_transaction(number: int, words: str, fate: str) -> None:
    """Who lost a race runs again, also where a node gave way while reading a trigger; a fault of ours does not."""
    trouble = DatabaseError("UPDATE refunds", {}, pymysql.err.ProgrammingError(number, words))
    assert troubles.consequence_of_error(trouble) == fate


def test_a_trigger_that_was_half_read_is_no_bug_of_ours() -> None:
    """It is told as a busy database; other faults in SQL stay bugs."""
    half = DatabaseError("UPDATE refunds", {}, pymysql.err.ProgrammingError(1064, BROKEN_OFF))
    wrong = DatabaseError("UPDATE refunds", {}, pymysql.err.ProgrammingError(1064, "near 'X'"))
    assert (troubles.error_code_of(half), troubles.error_code_of(wrong)) == ("database_locked", None)
