"""Bugs that only a server, or several nodes of one, can show."""

from tests.mutants.mutant import (
    BEFORE_COMMIT,
    CALL_TESTS,
    ENGINE,
    NOT_UNIQUE,
    PROOF,
    RACES,
    UNFENCED,
    Change,
    Mutant,
)

_VERDICT = (
    "            if not self._was_committed(tx, session, asked, trouble):\n"
    "                raise NotThere(tx) from trouble\n"
)
_WORDS, _TRIED = "console/store/guard_words.py", ("tests/store/test_guards.py",)
_REFUNDS, _MONEY_TABLES = "console/store/guard_refunds.py", "console/store/migrations/versions/0004_payments.py"
ON_SERVERS: tuple[Mutant, ...] = (
    Mutant(
        "whoever proposes may be the second person too",
        (Change(_WORDS, "CAST(a.person AS BINARY) <> me AND ", ""),),
        _TRIED,
    ),
    Mutant(
        "triggers believe NOW()",
        (Change(_WORDS, '"CONVERT_TZ(SYSDATE(6), @@session', '"CONVERT_TZ(NOW(6), @@session'),),
        _TRIED,
    ),
    Mutant(
        "triggers take their owner for the one who writes",
        (
            Change(
                "console/store/guards_sql.py",
                "DEFAULT {_ME.format('USER()')};",
                "DEFAULT {_ME.format('CURRENT_USER()')};",
            ),
        ),
        _TRIED,
    ),
    Mutant(
        "whoever is an operator may delete",
        (Change("console/store/grants.py", '"UPDATE", column)', '"DELETE", "")'),),
        _TRIED,
    ),
    Mutant(
        "no trigger looks whose request is approved",
        (Change(_REFUNDS, """{other_than('me', 'r.maker')} AND {UTC_NOW}""", "{UTC_NOW}"),),
        _TRIED,
    ),
    Mutant(
        "four eyes hold as long as CHECKs do",
        (
            Change(
                "console/store/guards_sql.py",
                'return f"IF ({rule.must})',
                'return f"IF @@check_constraint_checks AND ({rule.must})',
            ),
        ),
        _TRIED,
    ),
    Mutant(
        "one approver counts as two",
        (Change(_MONEY_TABLES, '["vote_of", "person"], unique=True', '["vote_of", "person"], unique=False'),),
        _TRIED,
    ),
    Mutant(
        "a refund is asked for without its reservation",
        (Change(_REFUNDS, " AND p.reserved_minor = NEW.refund_amount + {_HELD}", ""),),
        _TRIED,
    ),
    Mutant(
        "an unknown refund is done because somebody says so",
        (Change(_REFUNDS, "{_told(OutcomeClass.SUCCEEDED)} OR {_two_people(_R.COMPLETED)}", "TRUE"),),
        _TRIED,
    ),
    Mutant("the unique index is no longer unique on a server", NOT_UNIQUE, (PROOF,), "mariadb"),
    Mutant("a server's provider is asked before COMMIT has returned", BEFORE_COMMIT, (CALL_TESTS,), "mariadb"),
    Mutant("tx2 is not fenced on a server", UNFENCED, ("tests/crash/test_stops.py",), "mariadb"),
    Mutant(
        "what a lock wait leaves of a transaction is committed",
        (
            Change(
                ENGINE,
                "                yield tx\n                self._commit(tx)\n",
                "                try:\n                    yield tx\n                finally:\n"
                "                    self._commit(tx)\n",
            ),
        ),
        ("tests/faults/test_losers.py",),
    ),
    Mutant(
        "a COMMIT without an answer counts as failed",
        (Change(ENGINE, _VERDICT, "            raise\n"),),
        ("tests/faults/test_verdicts.py",),
    ),
    Mutant(
        "a COMMIT without an answer counts as done",
        (Change(ENGINE, _VERDICT, "            return\n"),),
        ("tests/faults/test_verdicts.py",),
    ),
    Mutant(
        "a COMMIT that is still at work counts as lost",
        (Change("console/store/transaction.py", "return query.with_for_update(read=True)", "return query"),),
        ("tests/faults/test_verdicts.py",),
    ),
    Mutant(
        "a lost session keeps its row for ever",
        (
            Change(
                "console/store/server_engine.py",
                '        conn.exec_driver_sql(f"KILL CONNECTION {lost.number}")\n',
                "        pass\n",
            ),
        ),
        ("tests/faults/test_verdicts.py",),
    ),
    Mutant(
        "a COMMIT that arrives late counts twice",
        (Change(ENGINE, "                    if _arrived(lost, tx.conn):\n", "                    if False:\n"),),
        ("tests/faults/test_galera.py::test_a_commit_that_comes_late_to_another_node",),
    ),
    Mutant(
        "lost races are not run again",
        (
            Change(
                "console/store/troubles.py", "_LOST_RACE = {1020, LOCK_WAIT, 1213, 1412}", "_LOST_RACE = {LOCK_WAIT}"
            ),
        ),
        ("tests/faults/test_losers.py",),
    ),
    Mutant(
        "a node answers with what it happens to have",
        (Change("console/store/server_engine.py", ", wsrep_sync_wait = 3 */", "*/"),),
        ("tests/faults/test_galera.py::test_what_one_node_acknowledged_all_others_show",),
    ),
    Mutant(
        "who is overtaken on a server breaks off",
        (
            Change(
                "console/store/swaps.py",
                "    except Stale:\n        raise RunAgain from None\n",
                "    except Stale:\n        raise\n",
            ),
        ),
        (RACES,),
        "mariadb",
    ),
    Mutant(
        "rows by others are taken in twice",
        (Change("console/services/due.py", " or not queues.still_by_others(tx.conn, record_id)", ""),),
        ("tests/services/test_rows_by_others.py",),
    ),
)
