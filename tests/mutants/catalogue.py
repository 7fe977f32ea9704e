"""Bugs that would cost money or trust, each as a change of the source, with the tests that must notice it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """In this file, this text (which must stand there exactly once) becomes that one."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """One seeded bug. `tests` are pytest's words for what must turn red."""

    name: str
    changes: tuple[Change, ...]
    tests: tuple[str, ...]


GUARDED = "console/services/guarded.py"
CHECKS = "console/services/credit_checks.py"
SETTLING = "console/services/settling.py"
JOURNAL = "console/store/journal.py"
PROBING = "console/services/probing.py"
GUARD_TESTS = "tests/services/test_guard.py"
CALL_TESTS = "tests/services/test_provider_calls.py"
RACES = "tests/races/test_races.py"
FAULTS = "tests/races/test_faults.py"
BREAKS = "tests/crash/test_breaks.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "the unique index is no longer unique",
        (
            Change(
                "console/store/migrations/versions/0001_credit_check_desk.py",
                '["client_id", "claim_number"], unique=True',
                '["client_id", "claim_number"], unique=False',
            ),
        ),
        ("tests/races/test_database_proof.py",),
    ),
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
    Mutant(
        "tx2 is not fenced",
        (
            Change(
                JOURNAL,
                '_t.fence == bindparam("held"), _t.state == OperationState.CALLING.value)\n_HAS',
                'bindparam("held") == bindparam("held"))\n_HAS',
            ),
        ),
        ("tests/crash/test_stops.py",),
    ),
    Mutant(
        "the provider is asked before COMMIT has returned",
        (
            Change(
                GUARDED,
                "                subject = operation.claim(tx, operation_id)\n",
                "                subject = operation.claim(tx, operation_id)\n"
                "                self._early = operation.call(subject) if operation.effect else None\n",
            ),
            Change(
                GUARDED,
                "            outcome = operation.call(claimed.subject)\n",
                "            outcome = self._early or operation.call(claimed.subject)\n",
            ),
        ),
        (CALL_TESTS,),
    ),
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
                '            desk.note(tx, "credit-check.probed", record.id, result="failed", reason=reason[:64])\n',
                '            desk.note(tx, "credit-check.probed", record.id, result="failed", reason=reason[:64])\n'
                '            if reason == "none_found":\n'
                "                settling.write_error(desk, tx, record, reason)\n"
                "                return None\n",
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
                '            write_unknown(desk, tx, record, "lapsed", can)\n',
                '            write_error(desk, tx, record, "lapsed")\n',
            ),
        ),
        (GUARD_TESTS,),
    ),
    Mutant(
        "a living holder's lease counts as over",
        (Change("console/store/leases.py", 'expires > bindparam("uptime"))', 'expires > bindparam("uptime") * 2)'),),
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
