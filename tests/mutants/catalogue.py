"""The catalogue of mutants. A mutant is a bug that would lose money or mislead people, written as a change of the
source code. At least one of its listed tests must fail."""

from tests.mutants.money import MONEY_MUTANTS
from tests.mutants.mutant import (
    BREAK_TESTS,
    CALL_BEFORE_COMMIT,
    CALL_TESTS,
    CHANGES_WITHOUT_UNIQUE_CLAIM,
    DATABASE_PROOF_TESTS,
    FAULT_TESTS,
    JOURNAL_WITHOUT_FENCE,
    OUTCOMES_FILE,
    PIPELINE_FILE,
    PIPELINE_TESTS,
    PROBE_FILE,
    PURCHASE_FILE,
    RACE_TESTS,
    Mutant,
    SourceChange,
)
from tests.mutants.on_answers import ANSWER_MUTANTS
from tests.mutants.on_displays import SENTENCE_MUTANTS
from tests.mutants.on_edges import EDGE_MUTANTS
from tests.mutants.on_exports import EXPORT_MUTANTS
from tests.mutants.on_harms import HARM_MUTANTS
from tests.mutants.on_refunds import REFUND_MUTANTS
from tests.mutants.on_registry import REGISTRY_MUTANTS
from tests.mutants.on_request_ids import REQUEST_ID_MUTANTS
from tests.mutants.on_servers import SERVER_MUTANTS

MUTANTS: tuple[Mutant, ...] = (
    *SERVER_MUTANTS,
    *MONEY_MUTANTS,
    *REQUEST_ID_MUTANTS,
    *REFUND_MUTANTS,
    *ANSWER_MUTANTS,
    *EDGE_MUTANTS,
    *REGISTRY_MUTANTS,
    *EXPORT_MUTANTS,
    *SENTENCE_MUTANTS,
    *HARM_MUTANTS,
    *(
        Mutant(
            f"a listed purchase settles another one: {name}",
            (SourceChange(PROBE_FILE, old, new),),
            (f"tests/services/credit_checks/test_listed_purchases.py::{test}",),
            "sqlite",
        )
        for name, old, new, test in (
            (
                "one that the database lost",
                "            or bool(check_records.list_lost_purchases(self._context, tx.conn, number))\n",
                "",
                "test_a_lost_purchase_of_another_client_may_have_the_listed_id",
            ),
            (
                "one that people have denied",
                " or other_check.error_code == RESOLVED_BY_PEOPLE_CAUSE)",
                ")",
                "test_a_denied_purchase_may_have_the_listed_id",
            ),
            (
                "one of another application",
                "other_check.id != record.id\n                and other_check.credit_check_id is None\n",
                "other_check.id == record.id\n                and other_check.credit_check_id is not None\n",
                "test_another_applications_purchase_may_have_the_listed_id",
            ),
            (
                "one without a day",
                "report.purchase_date is None or report.purchase_date >= first_day",
                "(report.purchase_date is not None and report.purchase_date >= first_day)",
                "test_a_listed_purchase_without_a_day_makes_the_list_ambiguous",
            ),
        )
    ),
    Mutant(
        "two people give one id of the provider at once",
        (
            SourceChange(
                "console/services/credit_checks/records.py",
                '    lock_until_commit(context, tx, f"alarmbox_id_{id_at_provider}")\n',
                "",
            ),
        ),
        (
            "tests/services/credit_checks/test_listed_purchases.py::test_only_one_of_simultaneous_decisions_gets_the_id",
        ),
        "mariadb",
    ),
    Mutant(
        "the report of a loss and its acknowledgement never meet",
        (
            SourceChange(
                "console/services/guarded/database_rollback.py",
                "    leases.lock_until_commit(context, tx, ALERT_RULE)\n",
                "",
            ),
        ),
        (
            (
                "tests/services/guarded/test_database_rollback.py"
                "::test_a_loss_acknowledged_during_a_comparison_is_not_reported_again"
            ),
        ),
        "mariadb",
    ),
    Mutant(
        "the id of an expired check renews another one",
        (SourceChange(PURCHASE_FILE, "        if is_shared:\n", "        if is_shared and self._request.deal:\n"),),
        (
            "tests/services/credit_checks/test_purchase_breaks.py::test_the_id_of_an_expired_check_renews_no_other_check",
        ),
        "sqlite",
    ),
    Mutant("the unique index is no longer unique", CHANGES_WITHOUT_UNIQUE_CLAIM, (DATABASE_PROOF_TESTS,), "sqlite"),
    Mutant(
        "authorisation: any state will do",
        (
            SourceChange(
                "console/services/credit_checks/authorisation.py",
                ' or not hmac.compare_digest(states[0].encode(errors="surrogatepass"), state.encode()):',
                ":",
            ),
        ),
        ("tests/cli/access/test_authorisation.py::test_the_command_accepts_only_an_address_with_its_own_state",),
    ),
    Mutant(
        "authorisation: a code alone is enough where the state comes back",
        (
            SourceChange(
                "console/services/credit_checks/authorisation.py",
                '    if needs_state or "state" in query_fields:',
                '    if "state" in query_fields:',
            ),
        ),
        ("tests/cli/access/test_authorisation.py::test_the_command_accepts_only_an_address_with_its_own_state",),
    ),
    Mutant(
        "training: an address of a provider that is not the sandbox's is let in",
        (
            SourceChange(
                "console/services/training/service.py", "        if configured_url != url:", "        if not url:"
            ),
        ),
        ("tests/services/training/test_training.py::test_a_training_uses_no_real_database_credentials_or_address",),
    ),
    Mutant(
        "5xx is a failure",
        (
            SourceChange(
                "console/providers/http/answer_outcomes.py",
                "class_by_status.get(answer.status, OutcomeClass.UNKNOWN)",
                "class_by_status.get(answer.status, OutcomeClass.FAILED_DEFINITE)",
            ),
        ),
        (FAULT_TESTS,),
    ),
    Mutant(
        "an unanswered purchase is sent again",
        (
            SourceChange(
                PIPELINE_FILE,
                "            outcome = operation.call(claimed_operation.subject)\n",
                "            outcome = operation.call(claimed_operation.subject)\n"
                "            if outcome.kind is OutcomeClass.UNKNOWN:\n"
                "                outcome = operation.call(claimed_operation.subject)\n",
            ),
        ),
        (CALL_TESTS,),
    ),
    Mutant("tx2 is not fenced", JOURNAL_WITHOUT_FENCE, ("tests/crash/test_stops.py",), "sqlite"),
    Mutant("the provider is asked before COMMIT has returned", CALL_BEFORE_COMMIT, (CALL_TESTS,), "sqlite"),
    Mutant(
        "the driver's own BEGIN",
        (
            SourceChange("console/store/database/sqlite.py", '"isolation_level": None}', '"isolation_level": ""}'),
            SourceChange(
                "console/store/database/engine.py",
                "conn.exec_driver_sql(begin_statement)",
                'conn.exec_driver_sql("SELECT 1")',
            ),
        ),
        ("tests/store/database/test_engine.py::test_a_write_transaction_acquires_its_lock_first",),
    ),
    Mutant(
        "an empty list settles",
        (
            SourceChange(
                PROBE_FILE,
                "        context.record_audit(tx, AuditAction.CREDIT_CHECK_PROBED, record.id, "
                'result="failed", reason=reason[:64])\n',
                "        context.record_audit(tx, AuditAction.CREDIT_CHECK_PROBED, record.id, "
                'result="failed", reason=reason[:64])\n'
                '        if reason == "none_found":\n'
                "            outcomes.write_failed_purchase(context, tx, record, reason)\n"
                "            return None\n",
            ),
        ),
        ("tests/services/credit_checks/test_resolve.py",),
    ),
    Mutant(
        "a probe takes an id although several purchases wait",
        (SourceChange(PROBE_FILE, "        if is_id_ambiguous:\n", "        if is_id_ambiguous and not reports:\n"),),
        (PIPELINE_TESTS,),
    ),
    Mutant(
        "a lapsed call is called error",
        (
            SourceChange(
                OUTCOMES_FILE,
                '            write_purchase_with_unknown_outcome(context, tx, record, "lapsed", self.capabilities)\n',
                '            write_failed_purchase(context, tx, record, "lapsed")\n',
            ),
        ),
        (PIPELINE_TESTS,),
    ),
    Mutant(
        "a living holder's lease counts as over",
        (
            SourceChange(
                "console/store/database/lease_clock.py", "expiry > lease_now())", "expiry > lease_now() * 2)"
            ),
        ),
        ("tests/crash/test_hangs.py",),
    ),
    Mutant(
        "no heartbeat",
        (
            SourceChange(
                "console/services/process/heartbeat.py",
                "            for key, beat in due_beats.items():\n",
                "            for key, beat in ():\n",
            ),
        ),
        ("tests/crash/test_hangs.py",),
    ),
    Mutant(
        "what the desk remembers is not asked",
        (
            SourceChange(
                "console/services/credit_checks/records.py",
                "*context.spool.list_purchases_holding_claim(context.database_id, client_id, corporation_number),",
                "",
            ),
        ),
        ("tests/services/credit_checks/test_vanished_claims.py",),
    ),
    Mutant(
        "an error of a statement that was sent with others doesn't prevent COMMIT",
        (
            SourceChange(
                "console/store/database/pipelining_connection.py",
                "        if self._transaction_error is not None:\n",
                "        if False:\n",
            ),
        ),
        ("tests/store/database/test_deferred_statements.py",),
        "mariadb",
    ),
    Mutant(
        "a result has the columns of an earlier one with equally many",
        (
            SourceChange(
                "console/store/database/pipelining_connection.py",
                "if arrived.startswith(description.content)",
                "if len(arrived) >= len(description.content)",
            ),
        ),
        ("tests/store/database/test_result_descriptions.py",),
        "mariadb",
    ),
    Mutant(
        "a purchase is never checked before its claim",
        (
            SourceChange(
                PURCHASE_FILE,
                "        return bool(has_lost_purchase) or purchase_refusals.may_refuse_purchase(",
                "        return False and purchase_refusals.may_refuse_purchase(",
            ),
        ),
        ("tests/services/credit_checks/test_vanished_claims.py",),
    ),
    Mutant(
        "a wrong time of an audit row ends the action",
        (
            SourceChange(
                "console/store/audit/trail.py",
                "        if error_codes.is_wrong_audit_time(error):\n            return None\n",
                "",
            ),
        ),
        ("tests/store/audit/test_trail.py",),
        "mariadb",
    ),
    Mutant(
        "no intent on the desk",
        (SourceChange(PIPELINE_FILE, "self._mark_calling(claimed_operation.operation_id)", "pass"),),
        (CALL_TESTS,),
    ),
    Mutant(
        "an answer that can't be recorded is dropped",
        (
            SourceChange(
                PIPELINE_FILE, "self._context.spool.store_answer(claimed_operation.operation_id, answer)", "pass"
            ),
        ),
        (PIPELINE_TESTS,),
    ),
    Mutant(
        "anybody's root of the trail counts",
        (
            SourceChange(
                "console/store/audit/roots.py",
                "_parse_root(row.id, row.detail) if row.who in writers else None",
                "_parse_root(row.id, row.detail)",
            ),
        ),
        ("tests/services/audit/test_roots.py",),
    ),
    Mutant(
        "the audit chain is not verified",
        (
            SourceChange(
                "console/store/audit/hash_chain.py",
                "        verification.first_bad_row_id,\n        verification.reason,\n",
                "        None,\n        None,\n",
            ),
        ),
        ("tests/store/audit/test_tampering.py",),
    ),
    Mutant(
        "audit heads are not anchored",
        (
            SourceChange(
                "console/store/audit/trail.py",
                "            tx.call_after_commit(lambda: self._store_committed_anchors(heads))\n",
                "            tx.call_after_commit(lambda: None)\n",
            ),
        ),
        ("tests/store/audit/test_tampering.py", "tests/store/audit/test_trail.py"),
    ),
    Mutant(
        "a re-fetch can buy",
        (
            SourceChange(
                "console/services/credit_checks/provider.py",
                "return self.get_adapter().make_reader()",
                "return self.get_adapter()",
            ),
            SourceChange(
                "console/services/credit_checks/part_reader.py",
                "            detail_outcome = self._open_reader().read_detail(id_at_provider)\n",
                "            from console.domain.records import PurchaseRequest\n\n"
                "            detail_outcome = self._open_reader().buy_check(\n"
                "                PurchaseRequest(record.corporation_number, record.client_id))\n",
            ),
        ),
        (CALL_TESTS,),
    ),
    Mutant(
        "a bought check raises when its PDF fails",
        (
            SourceChange(
                "console/services/process/failure_suppression.py",
                '        _log.warning("tolerated: %s", name, exc_info=True)\n',
                '        _log.warning("tolerated: %s", name, exc_info=True)\n        raise\n',
            ),
        ),
        (BREAK_TESTS,),
    ),
    Mutant(
        "a listener's failure loses the answer",
        (
            SourceChange(
                PIPELINE_FILE,
                '            _report_step(progress, "answered")\n',
                '            progress("answered")\n',
            ),
        ),
        (PIPELINE_TESTS,),
    ),
    Mutant(
        "a call that broke off was not sent",
        (
            SourceChange(
                PIPELINE_FILE,
                'return Outcome(OutcomeClass.UNKNOWN, "broke_off", SendingCertainty.MAYBE)',
                'return Outcome(OutcomeClass.FAILED_DEFINITE, "broke_off", SendingCertainty.NO)',
            ),
        ),
        (BREAK_TESTS,),
    ),
    Mutant(
        "a renewal that failed leaves the old record superseded",
        (
            SourceChange(
                OUTCOMES_FILE, "    if superseded_check is not None:\n", "    if superseded_check is None:\n"
            ),
        ),
        (PIPELINE_TESTS,),
    ),
    Mutant(
        "a renewal may come before the end",
        (
            SourceChange(
                "console/domain/recovery/decision_rules.py",
                "return check.expired_at is not None and check.expired_at <= now",
                "return check.expired_at is not None",
            ),
        ),
        (RACE_TESTS,),
    ),
    Mutant(
        "one person is enough",
        (
            SourceChange(
                "console/services/guarded/second_person.py",
                "if is_same_person(decision.person, proposer):",
                "if not proposer:",
            ),
        ),
        (CALL_TESTS,),
    ),
    Mutant(
        "writes go on into a file that was taken away",
        (
            SourceChange(
                "console/store/database/engine.py",
                "elif file_identity != self._file_identity:",
                "elif file_identity == ():",
            ),
        ),
        (PIPELINE_TESTS,),
    ),
    Mutant(
        "values of statements are repeated in errors",
        (SourceChange("console/store/database/sqlite.py", "hide_parameters=True", "hide_parameters=False"),),
        ("tests/services/evidence/test_canaries.py",),
    ),
)
QUICK_MUTANTS = ("what the desk remembers is not asked", "no intent on the desk")
"""Mutants that every run of the test suite tries, because their tests are fast."""
