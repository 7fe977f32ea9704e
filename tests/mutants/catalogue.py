"""Bugs that would cost money or trust, each as a change of the source, with the tests that must notice it."""

from tests.mutants.money import MONEY_MUTANTS
from tests.mutants.mutant import (
    BEFORE_COMMIT,
    BREAKS,
    CALL_TESTS,
    CHECKS,
    FAULTS,
    GUARD_TESTS,
    GUARDED,
    NOT_UNIQUE,
    PROBING,
    PROOF,
    RACES,
    SETTLING,
    UNFENCED,
    Change,
    Mutant,
)
from tests.mutants.on_refunds import ON_REFUNDS
from tests.mutants.on_servers import ON_SERVERS

MUTANTS: tuple[Mutant, ...] = (
    *ON_SERVERS,
    *MONEY_MUTANTS,
    *ON_REFUNDS,
    Mutant("the unique index is no longer unique", NOT_UNIQUE, (PROOF,), "sqlite"),
    Mutant(
        "5xx is a failure",
        (
            Change(
                "console/providers/judging.py",
                "table.get(answer.status, OutcomeClass.UNKNOWN)",
                "table.get(answer.status, OutcomeClass.FAILED_DEFINITE)",
            ),
        ),
        (FAULTS,),
    ),
    Mutant(
        "an unanswered purchase is sent again",
        (
            Change(
                GUARDED,
                "            outcome = operation.call(claimed.subject)\n",
                "            outcome = operation.call(claimed.subject)\n"
                "            if outcome.kind is OutcomeClass.UNKNOWN:\n"
                "                outcome = operation.call(claimed.subject)\n",
            ),
        ),
        (CALL_TESTS,),
    ),
    Mutant("tx2 is not fenced", UNFENCED, ("tests/crash/test_stops.py",), "sqlite"),
    Mutant("the provider is asked before COMMIT has returned", BEFORE_COMMIT, (CALL_TESTS,), "sqlite"),
    Mutant(
        "the driver's own BEGIN",
        (
            Change("console/store/sqlite_engine.py", '"isolation_level": None}', '"isolation_level": ""}'),
            Change("console/store/engine.py", "conn.exec_driver_sql(word)", 'conn.exec_driver_sql("SELECT 1")'),
        ),
        ("tests/store/test_engine.py::test_a_write_transaction_owns_the_lock_before_it_reads",),
    ),
    Mutant(
        "an empty list settles",
        (
            Change(
                PROBING,
                '        desk.note(tx, "credit-check.probed", record.id, result="failed", reason=reason[:64])\n',
                '        desk.note(tx, "credit-check.probed", record.id, result="failed", reason=reason[:64])\n'
                '        if reason == "none_found":\n'
                "            settling.write_error(desk, tx, record, reason)\n"
                "            return None\n",
            ),
        ),
        ("tests/services/test_recovery.py",),
    ),
    Mutant(
        "a probe takes an id although several purchases wait",
        (Change(PROBING, "if len(waiting) > 1:", "if len(waiting) > 99:"),),
        (GUARD_TESTS,),
    ),
    Mutant(
        "a lapsed call is called error",
        (
            Change(
                SETTLING,
                '        write_unknown(desk, tx, record, "lapsed", can)\n',
                '        write_error(desk, tx, record, "lapsed")\n',
            ),
        ),
        (GUARD_TESTS,),
    ),
    Mutant(
        "a living holder's lease counts as over",
        (Change("console/store/lease_time.py", "expires > lease_now())", "expires > lease_now() * 2)"),),
        ("tests/crash/test_hangs.py",),
    ),
    Mutant(
        "no heartbeat",
        (
            Change(
                "console/services/heartbeat.py",
                "            for beat in beats:\n",
                "            for beat in beats[:0]:\n",
            ),
        ),
        ("tests/crash/test_hangs.py",),
    ),
    Mutant(
        "what the desk remembers is not asked",
        (
            Change(
                CHECKS,
                "in self._desk.spool.standing(self._desk.database_id, client, number):",
                "in self._desk.spool.standing(self._desk.database_id, client, number)[:0]:",
            ),
        ),
        ("tests/services/test_vanished_claims.py",),
    ),
    Mutant(
        "no intent on the desk",
        (Change(GUARDED, "self._desk.spool.intent(self._intent(operation, claimed))", "pass"),),
        (CALL_TESTS,),
    ),
    Mutant(
        "an answer that can't be recorded is dropped",
        (Change(GUARDED, "self._desk.spool.answered(claimed.operation_id, answer)", "pass"),),
        (GUARD_TESTS,),
    ),
    Mutant(
        "anybody's root of the trail counts",
        (
            Change(
                "console/store/audit_roots.py",
                "root = _read(detail) if who in keepers else None",
                "root = _read(detail)",
            ),
        ),
        ("tests/services/test_audit_roots.py",),
    ),
    Mutant(
        "the audit chain is not verified",
        (
            Change(
                "console/store/audit_chain.py",
                "    return VerifyResult(walk.rows, walk.first_bad, walk.why)\n",
                "    return VerifyResult(walk.rows)\n",
            ),
        ),
        ("tests/store/test_audit_tampering.py",),
    ),
    Mutant(
        "audit heads are not anchored",
        (
            Change(
                "console/store/audit.py",
                "            tx.after_commit(lambda: self._keep(heads))\n",
                "            tx.after_commit(lambda: None)\n",
            ),
        ),
        ("tests/store/test_audit_tampering.py", "tests/store/test_audit.py"),
    ),
    Mutant(
        "a re-fetch can buy",
        (
            Change("console/services/vendors.py", "return self.buyer().reader()", "return self.buyer()"),
            Change(
                "console/services/parts.py",
                "            detail = self._reader().detail(provider_id)\n",
                "            from console.domain.records import PurchaseRequest\n\n"
                "            detail = self._reader().check(PurchaseRequest(record.corporation_number, "
                "record.client_id))\n",
            ),
        ),
        (CALL_TESTS,),
    ),
    Mutant(
        "a bought check raises when its PDF fails",
        (
            Change(
                SETTLING,
                '        _log.warning("tolerated: %s", what, exc_info=True)\n',
                '        _log.warning("tolerated: %s", what, exc_info=True)\n        raise\n',
            ),
        ),
        (BREAKS,),
    ),
    Mutant(
        "a listener's failure loses the answer",
        (Change(GUARDED, '            _tell(progress, "answered")\n', '            progress("answered")\n'),),
        (GUARD_TESTS,),
    ),
    Mutant(
        "a call that broke off was not sent",
        (
            Change(
                GUARDED,
                'return Outcome(OutcomeClass.UNKNOWN, "broke_off", Sent.MAYBE)',
                'return Outcome(OutcomeClass.FAILED_DEFINITE, "broke_off", Sent.NO)',
            ),
        ),
        (BREAKS,),
    ),
    Mutant(
        "a renewal that failed leaves the old record superseded",
        (Change(SETTLING, "    if old is not None:\n", "    if old is None:\n"),),
        (GUARD_TESTS,),
    ),
    Mutant(
        "a renewal may come before the end",
        (
            Change(
                CHECKS,
                "if live.expired_at is None or live.expired_at > self._desk.now():",
                "if live.expired_at is None:",
            ),
        ),
        (RACES,),
    ),
    Mutant(
        "one person is enough",
        (Change("console/services/recovery.py", "if same_person(person, first):", "if not person:"),),
        (CALL_TESTS,),
    ),
    Mutant(
        "writes go on into a file that was taken away",
        (Change("console/store/engine.py", "elif identity != self._identity:", "elif identity == ():"),),
        (GUARD_TESTS,),
    ),
    Mutant(
        "values of statements are repeated in errors",
        (Change("console/store/sqlite_engine.py", "hide_parameters=True", "hide_parameters=False"),),
        ("tests/services/test_canaries.py",),
    ),
)
QUICK = ("what the desk remembers is not asked", "no intent on the desk")
"""Few and fast enough for every run of the suite."""
