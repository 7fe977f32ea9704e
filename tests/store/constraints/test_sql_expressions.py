"""Tests that the program divides the condition of a trigger rule correctly into its alternatives, the operands of
OR.
"""

import itertools
import re
import sqlite3

import pytest

from console.store.constraints import server_triggers
from console.store.constraints.sql_expressions import TriggerRule, split_alternatives


@pytest.mark.parametrize(
    ("condition", "alternatives"),
    [
        ("a = 1", ("a = 1",)),
        ("a = 1 OR b = 2 AND c", ("a = 1", "b = 2 AND c")),
        ("(a OR b)", ("a", "b")),
        ("((a) OR (b))", ("(a)", "(b)")),
        ("(a OR b) AND (c OR d)", ("(a OR b) AND (c OR d)",)),
        ("a AND (b OR c)", ("a AND (b OR c)",)),
        ("a = 'it''s ( OR )' OR b", ("a = 'it''s ( OR )'", "b")),
        ("CASE WHEN a OR b THEN c END OR d", ("CASE WHEN a OR b THEN c END", "d")),
        ("NOT a OR EXISTS (SELECT 1 FROM t WHERE x OR y)", ("NOT a", "EXISTS (SELECT 1 FROM t WHERE x OR y)")),
        ("orders_open OR ORDINARY", ("orders_open", "ORDINARY")),
    ],
)
def test_alternatives_are_the_operands_of_the_outermost_or(condition: str, alternatives: tuple[str, ...]) -> None:
    assert split_alternatives(condition) == alternatives


@pytest.mark.parametrize(
    "condition",
    ["{0} OR {1} OR {2}", "({0} OR (SELECT {1})) OR {2}", "(SELECT {0}) OR {1} AND {2}", "{0} AND ({1} OR {2})",
     "NOT {0} OR ((SELECT {1}) AND {2})"],
)  # fmt: skip
def test_a_change_is_refused_exactly_if_the_condition_is_not_true(condition: str) -> None:
    """The trigger that is made from a condition refuses a change exactly if the condition isn't true, although each
    alternative has an IF of its own. This is tested with every combination of true, false and NULL for the parts of
    the condition.
    """
    with_values = sqlite3.connect(":memory:")
    for values in itertools.product(("1", "0", "NULL"), repeat=3):
        rule = TriggerRule(condition.format(*values), "no")
        sql = server_triggers._make_refusal_sql(rule)
        tests = re.findall(r"IF (\(.*?\)) IS NOT TRUE THEN", sql)
        assert sql.count("END IF;") == len(tests)
        (all_hold,) = with_values.execute(
            f"SELECT {' AND '.join(f'({test}) IS NOT TRUE' for test in tests)}"
        ).fetchone()
        (is_refused,) = with_values.execute(f"SELECT ({rule.condition}) IS NOT TRUE").fetchone()
        assert all_hold == is_refused, sql
    with_values.close()


def test_no_condition_has_an_operator_that_is_not_handled() -> None:
    """No trigger rule contains XOR, `||` or `:=`, which `split_alternatives` doesn't handle."""
    for trigger in server_triggers.make_all_triggers():
        texts_left_out = re.sub(r"'(?:[^']|'')*'", "''", trigger.body)
        assert not re.search(r"\bXOR\b|\|\||:=", texts_left_out), trigger.name
