"""Mutants at the limits of a rule (equal times, the last step, zero, one of two people, a wrong clock), and in rare
situations: copied files of a desk, adoptions, a changed merchant, restores.
"""

from tests.mutants.mutant import Mutant, SourceChange

_REFUND_RULES_FILE = "console/services/refunds/rules.py"
_REPORT_RULES_FILE = "console/domain/payments/report_rules.py"
_TIMEOUTS_FILE = "console/services/payments/timeouts.py"
_IDEMPOTENCY_FILE = "console/store/operations/idempotency.py"
_REFUND_RULES_TESTS = "tests/services/refunds/test_rules.py"
_REPORT_RULES_TESTS = "tests/domain/payments/test_report_rules.py"
_TIMEOUT_TESTS = "tests/services/payments/test_timeouts.py"
_CLOCK_TESTS = "tests/services/payments/test_wrong_clocks.py"

EDGE_MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "a refund can be requested of a payment that the provider calls failed",
        (
            SourceChange(
                _REFUND_RULES_FILE,
                "        *_check_state_at_provider(facts.payment),\n",
                "",
            ),
        ),
        (_REFUND_RULES_TESTS,),
    ),
    Mutant(
        "a copy of the desk's file proves that nothing was sent",
        (
            SourceChange(
                "console/store/spool/spool.py",
                "OR state = 'prepared' AND ? = ({_IDENTITY_QUERY}))",
                "OR state = 'prepared' AND ? <> '')",
            ),
        ),
        ("tests/store/spool/test_spool.py::test_a_copied_spool_on_a_full_disk_voids_no_operation",),
    ),
    Mutant(
        "what was prepared when the folder was copied counts as not sent",
        (
            SourceChange(
                "console/store/spool/file_identity.py",
                'return f"{file_status.st_ino}:{identity_status.st_ino}:{identity_status.st_ctime_ns}"',
                'return "here" if file_status and identity_status else None',
            ),
        ),
        ("tests/store/spool/test_spool.py::test_a_prepared_operation_in_a_copy_may_have_been_sent",),
    ),
    Mutant(
        "who opens the desk's file late takes over what another process has just prepared",
        (
            SourceChange(
                "console/store/spool/spool.py",
                "if identity is None or is_original():",
                "if identity is None:",
            ),
        ),
        ("tests/store/spool/test_spool.py::test_a_process_that_opens_a_new_spool_late_changes_no_identity",),
    ),
    Mutant(
        "what others were told was not sent is sent after all",
        (
            SourceChange(
                "console/store/spool/spool.py",
                "operation_id = ? AND state = 'prepared'",
                "operation_id = ? AND state IN ('prepared', 'void')",
            ),
        ),
        ("tests/store/spool/test_spool.py",),
    ),
    Mutant(
        "news of the same instant is older",
        (SourceChange(_REPORT_RULES_FILE, "at >= payment.told_at", "at > payment.told_at"),),
        (_REPORT_RULES_TESTS,),
    ),
    Mutant(
        "a waiting notice contradicts a completed payment",
        (
            SourceChange(
                _REPORT_RULES_FILE,
                "payment.state is PaymentState.COMPLETED and report_source is ReportSource.READ",
                "payment.state is PaymentState.COMPLETED",
            ),
        ),
        (_REPORT_RULES_TESTS,),
    ),
    Mutant(
        "the time of another clock reverses a payment",
        (
            SourceChange(
                _REPORT_RULES_FILE,
                "has_newer_failure and report_source is not ReportSource.CALLBACK:",
                "has_newer_failure:",
            ),
        ),
        (_REPORT_RULES_TESTS,),
    ),
    Mutant(
        "an endless schedule stops one step early",
        (
            SourceChange(
                "console/domain/tasks/retry_schedules.py",
                "min(attempt_count, len(schedule) - 1)",
                "min(attempt_count, len(schedule) - 2)",
            ),
        ),
        ("tests/domain/test_state_transitions.py",),
    ),
    Mutant(
        "one of two approvals is enough to send",
        (
            SourceChange(
                _REFUND_RULES_FILE, "len(other_checkers) < count_needed_checkers(facts, refund)", "not other_checkers"
            ),
        ),
        (_REFUND_RULES_TESTS,),
    ),
    Mutant(
        "the last instant of a refund window is outside",
        (SourceChange(_REFUND_RULES_FILE, "facts.now <= until", "facts.now < until"),),
        (_REFUND_RULES_TESTS,),
    ),
    Mutant(
        "a refund of nothing",
        (
            SourceChange(
                _REFUND_RULES_FILE, "0 < amount_minor <= requestable_minor", "0 <= amount_minor <= requestable_minor"
            ),
        ),
        (_REFUND_RULES_TESTS,),
    ),
    Mutant(
        "money that went back pays an order",
        (
            SourceChange(
                "console/domain/payments/consistency.py",
                "sum(compute_retained_minor(payment) for payment in payments",
                "sum(payment.captured_minor for payment in payments",
            ),
        ),
        ("tests/domain/payments/test_consistency.py::test_a_refunded_amount_covers_no_order",),
    ),
    Mutant(
        "an earlier payment that ended unpaid is not asked about",
        (
            SourceChange(
                "console/services/payments/start.py",
                "if is_overdue or (has_just_ended and not _may_be_paid(conn, payment)):",
                "if is_overdue:",
            ),
        ),
        ("tests/services/payments/test_start_edges.py::test_a_failed_payment_is_read_before_the_next_start",),
        "sqlite",
    ),
    Mutant(
        "nobody is asked about an old payment that people have denied",
        (
            SourceChange(
                "console/services/payments/start.py",
                "ends_at > now - MAX_ENDED_PAYMENT_AGE or _is_denied_by_people(payment)",
                "ends_at > now - MAX_ENDED_PAYMENT_AGE",
            ),
        ),
        (
            "tests/services/payments/test_start_edges.py::test_a_payment_denied_by_people_is_read_before_the_next_start",
        ),
        "sqlite",
    ),
    Mutant(
        "the code of a payment that people have denied can still be paid",
        (
            SourceChange(
                "console/services/payments/start.py",
                "payment.state is PaymentState.PAYMENT_FAILED and not is_denied",
                "payment.state is PaymentState.PAYMENT_FAILED",
            ),
        ),
        ("tests/services/payments/test_start_edges.py::test_a_code_that_people_have_denied_can_no_longer_be_paid",),
        "sqlite",
    ),
    Mutant(
        "a payment expires by the clock of the worker",
        (
            SourceChange(
                _TIMEOUTS_FILE,
                "        return read_current_time(conn, self._context.now())\n",
                "        return self._context.now()\n",
            ),
            SourceChange(
                "console/services/payments/probe.py",
                "        return read_current_time(conn, context.now())\n",
                "        return context.now()\n",
            ),
        ),
        (f"{_CLOCK_TESTS}::test_a_worker_with_a_clock_ahead_expires_no_payment",),
        "mariadb",
    ),
    Mutant(
        "a token ends by the clock of the desk that started it",
        (
            SourceChange(
                "console/services/payments/start_outcomes.py",
                "    now = read_current_time(tx.conn, context.now())\n",
                "    now = context.now()\n",
            ),
        ),
        (f"{_CLOCK_TESTS}::test_a_token_started_by_a_slow_clock_lasts_a_day",),
        "mariadb",
    ),
    Mutant(
        "an answer is as old as the clock of the desk says",
        (
            SourceChange(
                "console/services/payments/probe.py",
                "        return read_current_time(conn, context.now())\n",
                "        return context.now()\n",
            ),
        ),
        (f"{_CLOCK_TESTS}::test_a_desk_with_a_slow_clock_books_the_newest_state",),
        "mariadb",
    ),
    Mutant(
        "an order is cancelled although another payment of it is paid",
        (
            SourceChange(
                _TIMEOUTS_FILE,
                "if any(other_payment.state in PAID_STATES for other_payment in other_payments):",
                "if False:",
            ),
        ),
        (_TIMEOUT_TESTS,),
        "sqlite",
    ),
    Mutant(
        "an answer from the future is fresh",
        (
            SourceChange(
                _TIMEOUTS_FILE,
                "timedelta(0) <= now - asked_at <= MAX_PROVIDER_ANSWER_AGE",
                "now - asked_at <= MAX_PROVIDER_ANSWER_AGE",
            ),
        ),
        (_TIMEOUT_TESTS,),
        "sqlite",
    ),
    Mutant(
        "one refused row fewer spoils a history",
        (
            SourceChange(
                "console/services/reconciliation/provider_rows.py",
                "refused_count > MAX_REFUSED",
                "refused_count >= MAX_REFUSED",
            ),
        ),
        ("tests/services/reconciliation/test_run.py",),
        "sqlite",
    ),
    Mutant(
        "a cache epoch from the future counts",
        (
            SourceChange(
                _IDEMPOTENCY_FILE,
                "abs(now - convert_to_aware_utc(row.since)) < LONGEST_EPOCH_AGE",
                "now - convert_to_aware_utc(row.since) < LONGEST_EPOCH_AGE",
            ),
        ),
        ("tests/services/guarded/test_idempotency_cache.py",),
        "sqlite",
    ),
    Mutant(
        "an operation that ended may end with another result",
        (
            SourceChange(
                _IDEMPOTENCY_FILE,
                "return stored_row is not None and stored_row.result == result",
                "return stored_row is not None",
            ),
        ),
        ("tests/services/guarded/test_idempotency.py",),
        "sqlite",
    ),
    Mutant(
        "a spare thread asks for due tasks while none is occupied",
        (
            SourceChange(
                "console/worker/task_threads.py",
                "            if thread_index == 0 or self._busy_count:\n",
                "            if True:\n",
            ),
        ),
        ("tests/worker/test_task_threads.py",),
    ),
    Mutant(
        "an adoption reads a row that stays undecided for ever",
        (
            SourceChange(
                "console/services/adoption/run.py",
                "            after_id = rows[-1][0]\n",
                "",
            ),
        ),
        ("tests/services/adoption/test_adoption.py::test_the_adoption_ends_although_a_row_stays_undecided",),
    ),
    Mutant(
        "an adoption compares a row that came in meanwhile with all of them",
        (
            SourceChange(
                "console/services/adoption/run.py",
                "        live_check = None if holder_id is None else credit_checks.find(tx.conn, holder_id)\n",
                "        live_check = credit_checks.find_live_check(tx.conn, record.client_id, number)\n",
            ),
        ),
        ("tests/services/adoption/test_adoption.py::test_rows_added_during_the_adoption_cost_few_reads",),
    ),
    Mutant(
        "a row of others is compared with all that no task has seen",
        (
            SourceChange(
                "console/store/credit_checks/credit_checks.py",
                "    holder_id = find_claim_holder_id(conn, record.client_id, corporation_number)"
                " if record.is_live else None\n",
                "    holder = find_live_check(conn, record.client_id, corporation_number)"
                " if record.is_live else None\n"
                "    holder_id = holder.id if holder else None\n",
            ),
        ),
        ("tests/services/adoption/test_adoption.py::test_rows_added_after_the_adoption_cost_few_reads",),
    ),
    Mutant(
        "a worker writes in a person's name in nobody's session",
        (
            SourceChange(
                "console/store/constraints/server_rules.py",
                '        f"me = account OR {_IS_OWN_SESSION_SQL}", "a worker',
                '        f"TRUE OR {_IS_OWN_SESSION_SQL}", "a worker',
            ),
        ),
        ("tests/harms/test_requests_of_people.py::test_an_audit_entry_by_the_worker_belongs_to_the_workers_session",),
    ),
    Mutant(
        "an adoption tries again what a foreign index forbids",
        (
            SourceChange(
                "console/services/adoption/run.py",
                "            _raise_if_foreign_index_refused(error)\n            raise RunAgain from None\n",
                "            raise RunAgain from None\n",
            ),
        ),
        ("tests/services/adoption/test_adoption.py::test_a_foreign_unique_index_is_named_in_the_error",),
    ),
    Mutant(
        "a due task goes on as long as others write",
        (
            SourceChange(
                "console/store/queues/queues.py",
                "~_ADOPTED_CHECK_CONDITION, table.c.id <= up_to_id",
                "~_ADOPTED_CHECK_CONDITION",
            ),
        ),
        ("tests/services/adoption/test_rows_by_others.py::test_a_run_ends_although_another_application_writes",),
        "sqlite",
    ),
    Mutant(
        "another merchant's keys are taken",
        (
            SourceChange(
                "console/services/process/merchants.py",
                "    if stored.digest != own_merchant.digest:\n",
                "    if stored.environment != own_merchant.environment:\n",
            ),
        ),
        ("tests/services/access/test_own_merchant.py::test_keys_of_another_merchant_are_refused",),
        "sqlite",
    ),
    Mutant(
        "a process goes on after its merchant was changed",
        (
            SourceChange(
                "console/services/process/merchants.py",
                "        if stored.digest != digest:\n",
                "        if not stored.digest:\n",
            ),
        ),
        ("tests/services/access/test_own_merchant.py::test_only_the_schema_account_changes_the_merchant",),
        "sqlite",
    ),
    Mutant(
        "anybody stores the first merchant in another's name",
        (
            SourceChange(
                "console/store/constraints/server_rules.py",
                "    \" AND CAST(SUBSTRING_INDEX(NEW.value, ' ', -1) AS BINARY) = account)\"\n",
                '    ")"\n',
            ),
        ),
        ("tests/services/access/test_own_merchant.py::test_no_account_replaces_the_stored_merchant",),
    ),
    Mutant(
        "an adoption goes on with passes that get longer",
        (
            SourceChange(
                "console/services/adoption/run.py",
                " or added_count > (up_to_id - former_id) / 2:\n",
                ":\n",
            ),
        ),
        ("tests/services/adoption/test_adoption.py::test_passes_over_new_rows_end_when_no_pass_is_shorter",),
    ),
    Mutant(
        "a restored file takes its place before its loss is stored",
        (
            SourceChange(
                "console/services/backup/backup.py",
                "source_file, former_file, former_file_name, prepare_draft",
                "source_file, former_file, former_file_name",
            ),
        ),
        ("tests/cli/test_backup.py::test_no_desk_buys_again_after_a_killed_restore",),
    ),
    Mutant(
        "a restored file lacks the payments that were begun since the backup",
        (
            SourceChange(
                "console/store/backup/sqlite_copy.py",
                "(_JOURNAL_PURCHASES_QUERY, _LOST_OPERATIONS_QUERY, _JOURNAL_STARTS_QUERY)",
                "(_JOURNAL_PURCHASES_QUERY, _LOST_OPERATIONS_QUERY)",
            ),
        ),
        ("tests/cli/test_backup.py::test_a_payment_found_only_in_the_replaced_file_is_not_started_again",),
    ),
)
