"""Mutants in the code for database servers and clusters: triggers, grants, transactions, and races of sessions."""

from tests.mutants.mutant import (
    CALL_BEFORE_COMMIT,
    CALL_TESTS,
    CHANGES_WITHOUT_UNIQUE_CLAIM,
    DATABASE_PROOF_TESTS,
    ENGINE_FILE,
    JOURNAL_WITHOUT_FENCE,
    RACE_TESTS,
    Mutant,
    SourceChange,
)

_COMMIT_VERDICT_CODE = (
    "            if not self._was_committed(tx, session, commit_at, error):\n"
    "                raise CommitUnproven(tx) from error\n"
)
_SQL_EXPRESSIONS_FILE = "console/store/constraints/sql_expressions.py"
_REFUSALS_TESTS = ("tests/store/constraints/test_constraints.py",)
_REFUNDS_FILE = "console/store/constraints/refunds.py"
_TABLES_FILE = "console/store/schema/core.py"
SERVER_MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "whoever proposes may be the second person too",
        (SourceChange(_SQL_EXPRESSIONS_FILE, "{is_other_person_sql('a.person', 'me')} AND ", ""),),
        _REFUSALS_TESTS,
    ),
    Mutant(
        "triggers believe NOW()",
        (SourceChange(_SQL_EXPRESSIONS_FILE, '"CONVERT_TZ(SYSDATE(6), @@session', '"CONVERT_TZ(NOW(6), @@session'),),
        _REFUSALS_TESTS,
    ),
    Mutant(
        "triggers take their owner for the one who writes",
        (
            SourceChange(
                "console/store/constraints/server_triggers.py",
                "DEFAULT {NAME_WITHOUT_HOST_SQL.format('USER()')};",
                "DEFAULT {NAME_WITHOUT_HOST_SQL.format('CURRENT_USER()')};",
            ),
        ),
        _REFUSALS_TESTS,
    ),
    Mutant(
        "whoever is an operator may delete",
        (
            SourceChange(
                "console/store/access/grants.py",
                '(table, "UPDATE", column) for table, columns',
                '(table, "DELETE", "") for table, columns',
            ),
        ),
        _REFUSALS_TESTS,
    ),
    Mutant(
        "no trigger looks whose request is approved",
        (
            SourceChange(
                _REFUNDS_FILE, """{is_other_person_sql('me', 'r.maker')} AND {UTC_NOW_SQL}""", "{UTC_NOW_SQL}"
            ),
        ),
        _REFUSALS_TESTS,
    ),
    Mutant(
        "a decision may carry any time",
        (
            SourceChange(
                _REFUNDS_FILE, 'TriggerRule(_make_is_present_time_sql("NEW.at"), "a', 'TriggerRule("TRUE", "a'
            ),
        ),
        ("tests/harms/test_limits.py::test_a_proposal_has_the_servers_present_time",),
    ),
    Mutant(
        "four eyes hold as long as CHECKs do",
        (
            SourceChange(
                "console/store/constraints/server_triggers.py",
                'f"IF ({condition}) IS NOT TRUE THEN" for',
                'f"IF @@check_constraint_checks AND ({condition}) IS NOT TRUE THEN" for',
            ),
        ),
        _REFUSALS_TESTS,
    ),
    Mutant(
        "half of a condition is enough",
        (
            SourceChange("console/store/constraints/sql_expressions.py", r"CASE|END|OR)", r"CASE|END|OR|AND)"),
            SourceChange(
                "console/store/constraints/sql_expressions.py", 'token[0] == "OR"', 'token[0] in ("OR", "AND")'
            ),
        ),
        ("tests/store/constraints/test_sql_expressions.py",),
    ),
    Mutant(
        "two spellings of one approver count as two",
        (SourceChange(_REFUNDS_FILE, "count_people_sql('a.person')", "'COUNT(DISTINCT a.person)'"),),
        ("tests/store/constraints/test_constraints_money.py::test_two_spellings_of_one_approver_count_as_one",),
    ),
    Mutant(
        "one approver counts as two",
        (SourceChange(_TABLES_FILE, '"vote_of", "person", unique=True', '"vote_of", "person", unique=False'),),
        _REFUSALS_TESTS,
    ),
    Mutant(
        "a refund is asked for without its reservation",
        (SourceChange(_REFUNDS_FILE, " AND p.reserved_minor = NEW.refund_amount + {_OTHER_REFUNDS_SUM_SQL}", ""),),
        _REFUSALS_TESTS,
    ),
    Mutant(
        "an unknown refund is done because somebody says so",
        (
            SourceChange(
                _REFUNDS_FILE,
                "{_has_answer_sql(OutcomeClass.SUCCEEDED)} OR {_make_is_second_person_sql(RefundState.COMPLETED)}",
                "TRUE",
            ),
        ),
        _REFUSALS_TESTS,
    ),
    Mutant(
        "a session may say which number comes next",
        (
            SourceChange(
                "console/store/constraints/row_counters.py",
                '"@@SESSION.insert_id = 0 AND ',
                '"TRUE OR @@SESSION.insert_id = 0 AND ',
            ),
        ),
        ("tests/harms/test_used_up_counters.py",),
        "mariadb",
    ),
    Mutant(
        "everybody may say that a worker is present",
        (
            SourceChange(
                "console/store/constraints/server_rules.py",
                "\"NEW.name <> '{PRESENCE_LEASE_NAME}' OR",
                "\"TRUE OR NEW.name <> '{PRESENCE_LEASE_NAME}' OR",
            ),
        ),
        ("tests/harms/test_presence.py",),
        "mariadb",
    ),
    Mutant(
        "a step of an incident may have any place",
        (
            SourceChange(
                "console/store/constraints/worker.py",
                'TriggerRule(f"NEW.position BETWEEN 1 AND {_NEXT_STEP_POSITION_SQL}"',
                'TriggerRule(f"TRUE OR NEW.position BETWEEN 1 AND {_NEXT_STEP_POSITION_SQL}"',
            ),
        ),
        ("tests/harms/test_used_up_counters.py::test_no_account_uses_up_the_positions_of_incident_steps",),
        "mariadb",
    ),
    Mutant(
        "a purchase begins with the last numbers of a table",
        (
            SourceChange(
                "console/services/guarded/pipeline.py",
                "                row_counters.require_remaining_ids(tx.conn)\n",
                "                pass\n",
            ),
        ),
        ("tests/harms/test_used_up_counters.py",),
        "mariadb",
    ),
    Mutant(
        "evidence alone frees an unknown purchase",
        (
            SourceChange(
                "console/store/constraints/server_rules.py",
                "({has_answer_key_sql('NEW', 'OLD')} AND ({_IS_OWN_OPERATION_SQL}",
                "(TRUE AND ({_IS_OWN_OPERATION_SQL}",
            ),
            SourceChange("console/store/constraints/credit_checks.py", " AND {_HAS_OPERATION_FAILED_SQL})", ")"),
        ),
        ("tests/harms/test_bought_twice.py",),
        "mariadb",
    ),
    Mutant(
        "a claim is given up at whatever time one likes",
        (
            SourceChange(
                "console/store/constraints/credit_checks.py",
                "OLD.expired_at <= {UTC_NOW_SQL} + INTERVAL",
                "OLD.expired_at <= NEW.superseded_at + INTERVAL",
            ),
            SourceChange(
                "console/store/constraints/credit_checks.py",
                "NEW.superseded_at)) <= {_LARGEST_CLOCK_LAG_SECONDS}",
                "NEW.superseded_at)) > -1",
            ),
            SourceChange(
                "console/store/constraints/credit_checks.py",
                'TriggerRule(f"NOT {_HAS_UNRENEWED_CLAIM_SQL}"',
                'TriggerRule("TRUE"',
            ),
            SourceChange(
                "console/store/credit_checks/credit_checks.py",
                "    row = conn.execute(_GIVEN_UP_CLAIM_QUERY, parameters).first()\n",
                "    row = None\n",
            ),
        ),
        ("tests/harms/test_bought_twice.py",),
        "mariadb",
    ),
    Mutant(
        "a check that the provider can't be asked about is superseded",
        (
            SourceChange(
                "console/store/constraints/credit_checks.py",
                'f"(OLD.credit_check_id IS NOT NULL AND (OLD.status',
                'f"(TRUE AND (OLD.status',
            ),
        ),
        ("tests/store/constraints/test_constraints.py::test_forbidden_statements_are_refused_to_each_role",),
        "mariadb",
    ),
    Mutant(
        "one person names the purchase of another application's row",
        (
            SourceChange(
                "console/store/constraints/credit_checks.py",
                "OR op IS NOT NULL OR {_IS_IDENTIFIED_BY_TWO_PEOPLE_SQL}",
                "OR op IS NOT NULL OR {_HAS_OWN_ANSWER_SQL} OR TRUE",
            ),
        ),
        ("tests/store/constraints/test_constraints.py::test_forbidden_statements_are_refused_to_each_role",),
        "mariadb",
    ),
    Mutant(
        "the unique index is no longer unique on a server",
        CHANGES_WITHOUT_UNIQUE_CLAIM,
        (DATABASE_PROOF_TESTS,),
        "mariadb",
    ),
    Mutant("a server's provider is asked before COMMIT has returned", CALL_BEFORE_COMMIT, (CALL_TESTS,), "mariadb"),
    Mutant("tx2 is not fenced on a server", JOURNAL_WITHOUT_FENCE, ("tests/crash/test_stops.py",), "mariadb"),
    Mutant(
        "what a lock wait leaves of a transaction is committed",
        (
            SourceChange(
                ENGINE_FILE,
                "                yield tx\n                self._commit_transaction(tx)\n",
                "                try:\n                    yield tx\n                finally:\n"
                "                    self._commit_transaction(tx)\n",
            ),
        ),
        ("tests/faults/test_losing_transactions.py",),
    ),
    Mutant(
        "a COMMIT without an answer counts as failed",
        (SourceChange(ENGINE_FILE, _COMMIT_VERDICT_CODE, "            raise\n"),),
        ("tests/faults/test_verdicts.py",),
    ),
    Mutant(
        "a COMMIT without an answer counts as done",
        (SourceChange(ENGINE_FILE, _COMMIT_VERDICT_CODE, "            return\n"),),
        ("tests/faults/test_verdicts.py",),
    ),
    Mutant(
        "a COMMIT that is still at work counts as lost",
        (
            SourceChange(
                "console/store/database/transaction.py", "return query.with_for_update(read=True)", "return query"
            ),
        ),
        ("tests/faults/test_verdicts.py",),
    ),
    Mutant(
        "a lost session keeps its row for ever",
        (
            SourceChange(
                "console/store/database/server.py",
                '        conn.exec_driver_sql(f"KILL CONNECTION {lost_session.connection_id}")\n',
                "        pass\n",
            ),
        ),
        ("tests/faults/test_verdicts.py",),
    ),
    Mutant(
        "a COMMIT that arrives late counts twice",
        (
            SourceChange(
                ENGINE_FILE,
                "                    if _find_first_committed(lost_transactions, tx.conn):\n",
                "                    if False:\n",
            ),
        ),
        ("tests/faults/test_galera.py::test_an_unanswered_commit_is_verified_on_another_node",),
    ),
    Mutant(
        "lost races are not run again",
        (
            SourceChange(
                "console/store/database/error_codes.py",
                "_LOST_RACE_ERRORS = {1020, LOCK_WAIT_TIMEOUT_ERROR, 1213, 1412, 1615}",
                "_LOST_RACE_ERRORS = {LOCK_WAIT_TIMEOUT_ERROR}",
            ),
        ),
        ("tests/faults/test_losing_transactions.py",),
    ),
    Mutant(
        "a process that is stopped in a transaction keeps its locks",
        (
            SourceChange(
                "console/store/database/server.py",
                "IDLE_TRANSACTION_TIMEOUT_SECONDS = 6\n",
                "IDLE_TRANSACTION_TIMEOUT_SECONDS = 600\n",
            ),
        ),
        ("tests/faults/test_losing_transactions.py",),
    ),
    Mutant(
        "a node answers with what it happens to have",
        (SourceChange("console/store/database/server.py", ", wsrep_sync_wait = 3 */", "*/"),),
        ("tests/faults/test_galera.py::test_a_commit_on_one_node_is_visible_on_all_others",),
    ),
    Mutant(
        "who is overtaken on a server breaks off",
        (
            SourceChange(
                "console/store/database/compare_and_swap.py",
                "    except StaleRow:\n        raise RunAgain from None\n",
                "    except StaleRow:\n        raise\n",
            ),
        ),
        (RACE_TESTS,),
        "mariadb",
    ),
    Mutant(
        "rows by others are taken in twice",
        (
            SourceChange(
                "console/services/tasks/due_tasks.py",
                " or not queues.is_foreign_row_to_adopt(tx.conn, record_id)",
                "",
            ),
        ),
        ("tests/services/adoption/test_rows_by_others.py",),
    ),
    Mutant(
        "a backup of a server has the tables of some modules only",
        (
            SourceChange(
                "console/services/backup/backup.py",
                "from console.store.schema.worker import metadata",
                "from console.store.schema.core import metadata",
            ),
        ),
        ("tests/cli/test_backup.py::test_a_backup_of_a_server_has_every_table",),
        "mariadb",
    ),
    Mutant(
        "a server's database is called foreign while its first upgrade runs",
        (
            SourceChange(
                "console/store/migrations/upgrade.py",
                "is_ours = not tables or upgrade_lock.LOCK_TABLE in tables",
                "is_ours = not tables",
            ),
        ),
        ("tests/store/migrations/test_interrupted_upgrades.py::test_an_interrupted_creation_on_a_server_continues",),
        "mariadb",
    ),
    Mutant(
        "a restored server may be used before anybody has looked",
        (
            SourceChange(
                "console/services/backup/backup.py",
                "        database_rollback.raise_alert_of_restored_server(\n            tx, manifest",
                "        (lambda *_: None)(\n            tx, manifest",
            ),
        ),
        ("tests/cli/test_backup.py::test_a_restored_server_has_an_alert_before_a_program_may_use_it",),
    ),
)
