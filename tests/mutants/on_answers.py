"""Mutants by which a provider's answer is written into the wrong record, is lost, takes effect too early, or proves
more than it says."""

from tests.mutants.mutant import OUTCOMES_FILE, PIPELINE_TESTS, PURCHASE_FILE, Mutant, SourceChange

_SHARED_IDS_TESTS = "tests/services/credit_checks/test_shared_ids.py"
_OPEN_ROWS_TESTS = "tests/services/adoption/test_rows_left_open.py"
_FOREIGN_ROWS_TESTS = "tests/services/adoption/test_rows_by_others.py"
_CONTRADICTIONS_TESTS = "tests/services/credit_checks/test_contradictions_end.py"
_DENIED_BUT_BOUGHT_TESTS = (
    "tests/services/credit_checks/test_outcomes.py::test_a_denied_but_bought_purchase_stops_the_next_one"
)
_DUE_PAYMENTS_TESTS = "tests/services/payments/test_due_payments_move_on.py"
_LISTED_PURCHASES_TESTS = "tests/services/credit_checks/test_listed_purchases.py"
_OTHER_AMOUNT_TESTS = "tests/services/payments/test_other_amounts.py"
_OTHER_MERCHANT_TESTS = "tests/services/payments/test_other_merchant.py"
_REFUNDS_FOLDER = "tests/services/refunds"
_RUNS_TESTS = "tests/services/reconciliation/test_run.py"
_REVERSED_AMOUNT_TESTS = (
    "tests/services/payments/test_apply_report.py::test_a_reversal_of_another_amount_needs_a_person"
)
_UNRECORDED_REFUNDS_TESTS = f"{_REFUNDS_FOLDER}/test_unrecorded_refunds.py"
_ON_SERVERS_TESTS = f"{_REFUNDS_FOLDER}/test_on_servers.py"
_WRONG_CLOCK_TESTS = (f"{_ON_SERVERS_TESTS}::test_a_wrong_clock_does_not_prove_that_no_refund_was_made",)

ANSWER_MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "a purchase that was denied and made is made again",
        (
            SourceChange(
                "console/store/credit_checks/credit_checks.py",
                "    return denied_checks[0] if denied_checks else None\n",
                "    return None\n",
            ),
        ),
        (_DENIED_BUT_BOUGHT_TESTS,),
        "sqlite",
    ),
    Mutant(
        "a purchase that was denied and made is told as not made",
        (
            SourceChange(
                "console/domain/explanations/credit_checks.py",
                "    is_denied = is_denied_but_bought(record)\n",
                "    is_denied = False\n",
            ),
        ),
        (_DENIED_BUT_BOUGHT_TESTS,),
        "sqlite",
    ),
    Mutant(
        "an order whose ended payment the gateway contradicts gets another code",
        (
            SourceChange(
                "console/services/payments/start.py",
                " WorkReason.CONTRADICTED in cases.list_rules_of_open_cases(conn, PAYMENT_KIND, payment.id)\n",
                " False\n",
            ),
            SourceChange(
                "console/domain/recovery/decision_rules.py",
                "(payment.certainty is Certainty.UNKNOWN or payment.work.reason == WorkReason.CONTRADICTED)",
                "payment.certainty is Certainty.UNKNOWN",
            ),
        ),
        ("tests/services/payments/test_start.py::test_a_late_code_stops_the_next_payment_and_needs_a_person",),
        "sqlite",
    ),
    *(
        Mutant(
            f"money of another amount or payment: {name}",
            (SourceChange(file, old, new),),
            (f"{_OTHER_AMOUNT_TESTS}::{test}",),
        )
        for name, file, old, new, test in (
            (
                "another attempt ends its outcome",
                "console/domain/payments/report_rules.py",
                "not is_newer or stays_unknown_because_of_other_amount(payment, report)",
                "not is_newer",
                "test_a_notice_of_an_unpaid_attempt_leaves_another_paid_amount_unknown",
            ),
            (
                "the right amount hides it",
                "console/domain/payments/report_rules.py",
                "is_failure_unclear or _may_be_second_payment(payment, report, report_source):",
                "is_failure_unclear:",
                "test_a_wrong_and_a_right_transfer_leave_a_case",
            ),
            (
                "people book the requested amount",
                "console/services/payments/resolve.py",
                "if read_report is not None else find_other_paid_amount(payment)",
                "if read_report is not None else None",
                "test_people_book_the_amount_of_the_banks_notice",
            ),
            (
                "an answer without data replaces the reason",
                "console/services/payments/probe.py",
                "payment.error_code not in (reason, OTHER_AMOUNT_REASON)",
                "payment.error_code != reason",
                "test_people_book_the_amount_of_a_callback_that_no_read_finds",
            ),
            (
                "a decision closes the case that its answer opens",
                "console/services/payments/resolve.py",
                "cases.close_cases_by_id(tx.conn, set(earlier_case_ids) - left_open_ids, now)",
                "cases.close_cases(tx.conn, PAYMENT_KIND, payment_id, now)",
                "test_a_decision_closes_no_case_that_its_own_answer_opens",
            ),
            (
                "the daily file closes the case about it",
                "console/services/reconciliation/apply_row.py",
                '            self.open_case_of_further_payments(tx, current_payment, [further_id], own_text or "")\n',
                "            pass\n",
                "test_the_case_about_a_second_capture_in_the_daily_file_stays_open",
            ),
            (
                "a notice that one of two payments went back reverses the booked one",
                "console/services/payments/apply_report.py",
                (
                    "        effect = replace_unclear_reversal("
                    "effect, sourced_report.report, sourced_report.source_kind)\n"
                ),
                "        pass\n",
                "test_a_reversal_that_may_be_of_the_second_payment_needs_a_person",
            ),
        )
    ),
    Mutant(
        "an order whose expired payment was perhaps paid gets another code",
        (
            SourceChange(
                "console/domain/recovery/decision_rules.py",
                "(payment.certainty is Certainty.UNKNOWN or payment.work.reason == WorkReason.CONTRADICTED)",
                "payment.work.reason == WorkReason.CONTRADICTED",
            ),
        ),
        ("tests/services/payments/test_start.py::test_an_ended_payment_that_was_perhaps_paid_stops_the_next_one",),
        "sqlite",
    ),
    Mutant(
        "an order whose expired payment was perhaps paid is cancelled",
        (
            SourceChange(
                "console/services/payments/timeouts.py",
                "        if payment.certainty is Certainty.UNKNOWN:  # after the expiry",
                "        if False:  # after the expiry",
            ),
        ),
        ("tests/services/payments/test_timeouts.py::test_an_order_waits_while_its_payment_may_be_paid",),
        "sqlite",
    ),
    Mutant(
        "a renewal that was denied and made is made again",
        (SourceChange(PURCHASE_FILE, "        if pair_checks := ", "        if pair_checks := False and "),),
        (
            "tests/services/credit_checks/test_outcomes.py::test_a_renewal_that_was_denied_and_bought_is_not_bought_again",
        ),
        "sqlite",
    ),
    Mutant(
        "a renewal that the database has lost can only be denied",
        (
            SourceChange(
                "console/services/recovery/operations.py",
                " or not has_expired(live_check, intent.at):",
                " or True:",
            ),
        ),
        ("tests/services/credit_checks/test_purchase_breaks.py::test_a_renewal_with_a_lost_row_is_restored",),
        "sqlite",
    ),
    Mutant(
        "a refund that is sent again forgets that the gateway made it",
        (
            SourceChange(
                "console/services/refunds/outcomes.py",
                "    if WorkReason.CONTRADICTED in cases.list_rules_of_open_cases(tx.conn, REFUND_KIND, ",
                "    if False in (None, ",
            ),
        ),
        (f"{_REFUNDS_FOLDER}/test_probes.py::test_a_contradicted_refund_stays_contradicted_after_a_second_sending",),
    ),
    Mutant(
        "a contradiction of a refund that is found again stops no other refund",
        (
            SourceChange(
                "console/services/refunds/outcomes.py",
                "    if is_opened or current_refund.work.reason not in WORK_REASONS_OF_CONTRADICTION:\n",
                "    if is_opened:\n",
            ),
        ),
        (f"{_REFUNDS_FOLDER}/test_probes.py::test_a_contradiction_that_is_found_again_stops_the_next_refund",),
    ),
    Mutant(
        "an answer in time leaves its id with another check",
        (
            SourceChange(
                OUTCOMES_FILE,
                "    _open_cases_about_shared_id(context, tx, record, outcome, checks_by_id.values())\n",
                "",
            ),
        ),
        (f"{_SHARED_IDS_TESTS}::test_a_timely_answer_contradicts_the_check_with_its_id",),
        "sqlite",
    ),
    Mutant(
        "a late answer leaves its id with another check",
        (
            SourceChange(
                OUTCOMES_FILE,
                "        _open_cases_about_shared_id(self.context, tx, record, outcome, credit_checks_of_number)\n",
                "",
            ),
        ),
        (_SHARED_IDS_TESTS,),
        "sqlite",
    ),
    Mutant(
        "an answer does not wait for a decision about its id",
        (
            SourceChange(
                OUTCOMES_FILE,
                "    if any(other_check.state is CheckState.PENDING for other_check in other_checks):",
                "    if not other_checks:",
            ),
        ),
        (f"{_SHARED_IDS_TESTS}::test_an_answer_waits_for_an_uncommitted_decision_about_its_id",),
        "mariadb",
    ),
    Mutant(
        "one id in two answers contradicts the first",
        (SourceChange(OUTCOMES_FILE, "            and _is_id_from_decision(tx, other_check)\n", ""),),
        (f"{_SHARED_IDS_TESTS}::test_the_provider_may_answer_two_purchases_with_one_id",),
        "sqlite",
    ),
    Mutant(
        "a key of another payment's refund is taken for ours",
        (SourceChange("console/services/refunds/late_outcomes.py", " or refund.payment_id != payment_id:", ":"),),
        (f"{_UNRECORDED_REFUNDS_TESTS}::test_the_key_of_another_payments_refund_counts_as_unrecorded",),
    ),
    Mutant(
        "a refund that is ours again fills the case",
        (
            SourceChange(
                "console/services/payments/listed_facts.py",
                " if not is_over(_parse_fact_key(text))",
                "",
            ),
        ),
        (f"{_UNRECORDED_REFUNDS_TESTS}::test_a_known_refund_leaves_the_case_of_unrecorded_refunds",),
    ),
    Mutant(
        "a refund of a second capture is matched with the first",
        (
            SourceChange(
                "console/services/reconciliation/provider_rows.py",
                " or row.provider_payment_id not in (None, payment.provider_payment_id):",
                ":",
            ),
        ),
        (f"{_RUNS_TESTS}::test_a_refund_of_a_second_capture_is_not_matched_to_the_first",),
        "sqlite",
    ),
    Mutant(
        "the margins of not found are those of the asking machine",
        (
            SourceChange(
                "console/services/refunds/probe.py",
                "            asked_at = read_question_time(context)\n            if is_automatic",
                "            asked_at = context.now()\n            if is_automatic",
            ),
        ),
        _WRONG_CLOCK_TESTS,
        "mariadb",
    ),
    Mutant(
        "a refund is dated by the sending machine",
        (
            SourceChange(
                "console/services/refunds/submit.py",
                "        sent_at = read_current_time(tx.conn, now)\n",
                "        sent_at = now\n",
            ),
        ),
        _WRONG_CLOCK_TESTS,
        "mariadb",
    ),
    Mutant(
        "a lowered limit does not reach what was requested",
        (
            SourceChange(
                "console/services/refunds/approval.py",
                "refund_rules.count_needed_checkers(refund_facts, refund)",
                "refund.checkers_needed",
            ),
        ),
        (f"{_REFUNDS_FOLDER}/test_second_checker.py",),
    ),
    Mutant(
        "a lowered limit does not reach what was approved",
        (
            SourceChange(
                "console/services/refunds/rules.py",
                "< count_needed_checkers(facts, refund):",
                "< refund.checkers_needed:",
            ),
        ),
        (f"{_REFUNDS_FOLDER}/test_second_checker.py",),
    ),
    Mutant(
        "the date is above the provider's word about the end",
        (
            SourceChange(
                PURCHASE_FILE,
                "        if not (is_date_over if report.expired is None else report.expired):",
                "        if not (is_date_over or report.expired):",
            ),
        ),
        (f"{PIPELINE_TESTS}::test_the_providers_expired_field_decides_about_a_renewal",),
        "sqlite",
    ),
    Mutant(
        "a renewal keeps no evidence of what it asked",
        (
            SourceChange(
                PURCHASE_FILE,
                "outcomes.store_answer_before_renewal(context, tx, earlier_check, outcome)",
                "None",
            ),
        ),
        (f"{PIPELINE_TESTS}::test_the_providers_expired_field_decides_about_a_renewal",),
        "sqlite",
    ),
    Mutant(
        "a refused decision about a refund loses the answer",
        (
            SourceChange(
                "console/services/refunds/resolve.py",
                "        context.write(lambda tx: refund_outcomes.store_answer("
                'context, tx, refund, "refund_status", outcome))\n',
                "",
            ),
        ),
        (f"{_REFUNDS_FOLDER}/test_recovery.py::test_the_answer_is_evidence_of_a_decision_that_is_refused",),
    ),
    Mutant(
        "a refused decision about a payment loses the answer",
        (
            SourceChange(
                "console/services/payments/resolve.py",
                "        if answer is not None:\n            self._store_answer(payment, answer)\n",
                "",
            ),
        ),
        ("tests/services/payments/test_resolve.py::test_the_answer_is_evidence_of_a_decision_that_is_refused",),
        "sqlite",
    ),
    Mutant(
        "a restore that is refused loses the answer",
        (
            SourceChange(
                "console/services/recovery/operations.py",
                "evidence.add_answer(tx.conn, evidence_subject, intent.operation_id, source, operator, outcome, ",
                "str(",
            ),
        ),
        (
            "tests/services/credit_checks/test_vanished_claims.py::test_the_providers_answer_about_a_lost_purchase_is_evidence",
        ),
        "sqlite",
    ),
    Mutant(
        "an answer that ends a reconciliation is lost",
        (
            SourceChange(
                "console/services/reconciliation/our_rows.py",
                "context.write(lambda tx: store_answer(context, tx, payment, EVIDENCE_CALL_NAME, outcome))",
                "context.now()",
            ),
        ),
        (f"{_RUNS_TESTS}::test_an_answer_without_a_report_of_the_payment_is_stored_as_evidence",),
        "sqlite",
    ),
    Mutant(
        "an answer leaves its number with another refund",
        (
            SourceChange(
                "console/services/refunds/outcomes.py",
                "outcome.content, facts)\n    _open_cases_about_shared_id(context, tx, refund, outcome)\n",
                "outcome.content, facts)\n",
            ),
        ),
        (f"{_REFUNDS_FOLDER}/test_recovery.py::test_an_answer_contradicts_the_refund_with_its_provider_id",),
    ),
    Mutant(
        "a late answer leaves its number with another refund",
        (
            SourceChange(
                "console/services/refunds/outcomes.py",
                "outcome.kind\n    _open_cases_about_shared_id(context, tx, refund, outcome)\n",
                "outcome.kind\n",
            ),
        ),
        (f"{_REFUNDS_FOLDER}/test_recovery.py::test_an_answer_contradicts_the_refund_with_its_provider_id",),
    ),
    Mutant(
        "a code ends by the clock of the desk",
        (
            SourceChange(
                "console/services/payments/start.py",
                "        now = read_current_time(conn, self._context.now())\n        return [\n",
                "        now = self._context.now()\n        return [\n",
            ),
            SourceChange(
                "console/services/payments/start.py",
                "        now = read_current_time(conn, self._context.now())\n        ended_payments = []\n",
                "        now = self._context.now()\n        ended_payments = []\n",
            ),
        ),
        (
            "tests/services/payments/test_start_edges.py::test_on_a_server_a_desk_clock_that_is_ahead_creates_no_second_payment_code",
        ),
        "mariadb",
    ),
    Mutant(
        "a check that AlarmBox can't be asked about is renewed by the desk's clock",
        (
            SourceChange(
                PURCHASE_FILE,
                "            or live_credit_check.credit_check_id is None\n",
                "",
            ),
        ),
        (f"{PIPELINE_TESTS}::test_a_check_without_an_id_is_not_renewed",),
        "sqlite",
    ),
    Mutant(
        "one page of several is taken for the whole list of purchases",
        (
            SourceChange(
                "console/providers/alarmbox/responses.py",
                "        if list_pages.may_lack_rows(fields, len(rows)):\n",
                "        if False:\n",
            ),
        ),
        ("tests/providers/alarmbox/test_responses.py::test_only_a_complete_and_readable_list_is_accepted",),
    ),
    Mutant(
        "an id that its writer adds after an error doesn't stop the next purchase",
        (
            SourceChange(
                "console/store/credit_checks/credit_checks.py",
                "            credit_checks.c.work_state.is_not(None),\n",
                "            credit_checks.c.work_state.is_(None),\n",
            ),
        ),
        (f"{_OPEN_ROWS_TESTS}::test_an_id_after_an_error_stops_the_next_purchase",),
        "sqlite",
    ),
    Mutant(
        "one person says which purchase another application's row is",
        (
            SourceChange(
                "console/services/credit_checks/resolve.py",
                "                if record.certainty is Certainty.UNKNOWN:\n",
                "                if record:\n",
            ),
        ),
        (f"{_OPEN_ROWS_TESTS}::test_two_people_give_the_id_of_an_open_row",),
        "sqlite",
    ),
    Mutant(
        "a check that had expired before settles an unknown purchase",
        (
            SourceChange(
                "console/services/credit_checks/outcomes.py",
                "    return get_end_of_japanese_day(last_valid_day) <= sent_at\n",
                "    return False\n",
            ),
        ),
        ("tests/services/credit_checks/test_entered_ids.py",),
        "sqlite",
    ),
    Mutant(
        "a field beside the list of purchases that nobody knows is passed over",
        (
            SourceChange(
                "console/providers/http/list_pages.py",
                "    return bool(_NAME_PATTERN.fullmatch(name)) and words <= _WORDS_UNRELATED_TO_PAGES\n",
                "    return bool(_NAME_PATTERN.fullmatch(name)) or words <= _WORDS_UNRELATED_TO_PAGES\n",
            ),
        ),
        ("tests/providers/alarmbox/test_responses.py::test_only_a_complete_and_readable_list_is_accepted",),
    ),
    Mutant(
        "a page that is full is taken for the whole list of purchases",
        (
            SourceChange(
                "console/providers/http/list_pages.py",
                "        return value > row_count\n",
                "        return value >= row_count\n",
            ),
        ),
        ("tests/providers/alarmbox/test_responses.py::test_only_a_complete_and_readable_list_is_accepted",),
    ),
    Mutant(
        "a reading ends a contradiction about the purchase",
        (
            SourceChange(
                OUTCOMES_FILE,
                "    if case is None or not _is_case_about_reading(case.observed):\n",
                "    if case is None:\n",
            ),
        ),
        (f"{_CONTRADICTIONS_TESTS}::test_a_contradiction_about_the_purchase_is_not_ended_by_a_reading",),
        "sqlite",
    ),
    Mutant(
        "an acknowledged contradiction hides the next one",
        (
            SourceChange(
                OUTCOMES_FILE,
                "            earlier_case.acknowledged_by is not None\n            or ",
                "            ",
            ),
        ),
        (f"{_CONTRADICTIONS_TESTS}::test_an_acknowledged_contradiction_hides_no_other_one",),
        "sqlite",
    ),
    Mutant(
        "people deny a purchase that AlarmBox lists",
        (
            SourceChange(
                "console/services/credit_checks/listed_purchases.py",
                "    if context.write(store_and_compare):\n",
                "    if context.write(store_and_compare) and not reader:\n",
            ),
        ),
        ("tests/services/credit_checks/test_listed_purchases.py::test_a_listed_purchase_prevents_a_denial",),
        "sqlite",
    ),
    Mutant(
        "a purchase dated by a clock far ahead is denied although AlarmBox lists it",
        (
            SourceChange(
                "console/services/credit_checks/listed_purchases.py",
                "    if sent_at is None or is_in_future(sent_at, now):\n        return None\n",
                "    if sent_at is None:\n        return None\n",
            ),
        ),
        (
            "tests/services/credit_checks/test_listed_purchases.py::test_a_purchase_dated_far_ahead_is_denied_by_nobody",
        ),
        "sqlite",
    ),
    Mutant(
        "a desk whose clock is ahead denies a purchase that AlarmBox lists",
        (
            SourceChange(
                "console/services/credit_checks/listed_purchases.py",
                "    return (sent_at - CLOCK_TOLERANCE)",
                "    return sent_at",
            ),
        ),
        (
            "tests/services/credit_checks/test_listed_purchases.py::test_a_clock_that_is_ahead_denies_no_listed_purchase",
        ),
        "sqlite",
    ),
    *(
        Mutant(
            f"the list is not compared with a denial: {name}",
            (SourceChange("console/services/credit_checks/listed_purchases.py", old, new),),
            (f"{_LISTED_PURCHASES_TESTS}::{test}",),
            "sqlite",
        )
        for name, old, new, test in (
            (
                "whose case a person has acknowledged",
                "next((text for text in texts if text not in acknowledged_texts), None)",
                "next((text for text in texts if not acknowledged_texts), None)",
                "test_each_listed_purchase_after_a_denial_needs_a_person",
            ),
            (
                "that is not the newest",
                "        for check in denied_checks:\n",
                "        for check in denied_checks[:1]:\n",
                "test_the_purchase_of_an_earlier_denial_stops_the_next_one",
            ),
            (
                "of a purchase that the database has lost",
                "    if perhaps_made is not None:\n",
                "    if perhaps_made is not None and denied_checks:\n",
                "test_a_denied_lost_purchase_that_is_listed_later_stops_the_next_one",
            ),
        )
    ),
    Mutant(
        "a list without a purchase that we know settles an unknown one",
        (
            SourceChange(
                "console/services/credit_checks/probe.py",
                "        if self._does_list_lack_known_purchase(tx, record, reports):\n",
                "        if False:\n",
            ),
        ),
        (f"{_LISTED_PURCHASES_TESTS}::test_a_list_without_a_purchase_that_we_know_settles_nothing",),
        "sqlite",
    ),
    Mutant(
        "a listed purchase of the day before settles an unknown one",
        (
            SourceChange(
                "console/services/credit_checks/probe.py",
                "        if sent_day is not None and unused_reports[0].purchase_date < sent_day:\n",
                "        if False:\n",
            ),
        ),
        (
            "tests/services/credit_checks/test_listed_purchases.py::test_a_clock_that_is_ahead_denies_no_listed_purchase",
        ),
        "sqlite",
    ),
    Mutant(
        "a desk without credentials uses up the probes of a payment",
        (
            SourceChange(
                "console/services/payment_intake/due_tasks.py",
                "self._probe_payment, self._payment_prober.list_uncallable_providers()\n",
                "self._probe_payment\n",
            ),
            SourceChange(
                "console/services/payments/probe.py",
                "        is_configured = self._can_ask_provider(payment.provider)\n",
                "        is_configured = False\n",
            ),
        ),
        (f"{_DUE_PAYMENTS_TESTS}::test_a_desk_without_credentials_uses_up_no_attempt",),
        "sqlite",
    ),
    Mutant(
        "a desk without credentials delays the end of a payment",
        (
            SourceChange(
                "console/services/payments/timeouts.py",
                "            if saga.step == ASK_STEP"
                " and not self._payment_prober.can_handle_payments_of(payment.provider):\n",
                "            if False:\n",
            ),
            SourceChange(
                "console/services/payments/timeouts.py",
                "self._resume_batch_of_sagas(uncallable_providers))",
                "self._resume_batch_of_sagas(()))",
            ),
        ),
        (f"{_DUE_PAYMENTS_TESTS}::test_a_desk_without_credentials_does_not_delay_an_expiry",),
        "sqlite",
    ),
    Mutant(
        "expired payments that this desk can't ask about fill its batches",
        (
            SourceChange(
                "console/services/payments/timeouts.py",
                "self._resume_batch_of_sagas(uncallable_providers))",
                "self._resume_batch_of_sagas(()))",
            ),
        ),
        (f"{_DUE_PAYMENTS_TESTS}::test_a_desk_without_credentials_ends_the_other_payments",),
        "sqlite",
    ),
    Mutant(
        "a payment at which the program fails is tried first for ever",
        (
            SourceChange(
                "console/services/payment_intake/due_tasks.py",
                "                self._payment_prober.plan_next_probe(payment)\n",
                "                pass\n",
            ),
        ),
        (f"{_DUE_PAYMENTS_TESTS}::test_a_payment_that_fails_here_delays_no_other_payment",),
        "sqlite",
    ),
    Mutant(
        "a credit check at which the program fails is tried first for ever",
        (
            SourceChange(
                "console/services/tasks/due_tasks.py",
                "                self._credit_check_prober.plan_next_probe(record)\n",
                "                pass\n",
            ),
        ),
        ("tests/services/tasks/test_due_checks_move_on.py::test_a_check_that_fails_here_delays_no_other_check",),
        "sqlite",
    ),
    Mutant(
        "another merchant's answer counts for a payment",
        (
            SourceChange(
                "console/services/payments/probe.py",
                "        if reader is None or self.is_of_other_merchant(payment):\n",
                "        if reader is None:\n",
            ),
        ),
        (f"{_OTHER_MERCHANT_TESTS}::test_a_paid_payment_of_the_former_merchant_gets_no_second_code",),
        "sqlite",
    ),
    Mutant(
        "the code of another merchant counts as deleted",
        (
            SourceChange(
                "console/services/payments/start.py",
                "        if self._payment_prober.is_of_other_merchant(payment):\n",
                "        if False:\n",
            ),
        ),
        (f"{_OTHER_MERCHANT_TESTS}::test_an_ended_payment_of_the_former_merchant_stops_the_next_one_for_a_day",),
        "sqlite",
    ),
    Mutant(
        "another merchant's answers prove that a refund wasn't made",
        (
            SourceChange(
                "console/services/refunds/probe.py",
                "            refuse_record_of_other_merchant("
                "context, self._payment_providers, refund_with_payment.payment)\n",
                "",
            ),
        ),
        (f"{_OTHER_MERCHANT_TESTS}::test_an_unknown_refund_of_the_former_merchant_stays_unknown",),
        "sqlite",
    ),
    Mutant(
        "a part of the money that is taken back counts as all of it",
        (
            SourceChange(
                "console/domain/payments/report_rules.py",
                "    if report.amount not in (None, make_stored_money(payment.captured_minor, payment.currency)):\n"
                "        return _make_contradiction_effect(report)  # perhaps",
                "    if False:\n        return _make_contradiction_effect(report)  # perhaps",
            ),
        ),
        (_REVERSED_AMOUNT_TESTS,),
        "sqlite",
    ),
    Mutant(
        "a part of the money that was taken back before the success came counts as all of it",
        (
            SourceChange(
                "console/domain/payments/report_rules.py",
                "has_newer_failure and payment.provider_minor not in (None, report.amount.minor)\n",
                "False\n",
            ),
        ),
        (_REVERSED_AMOUNT_TESTS,),
        "sqlite",
    ),
    Mutant(
        "an acknowledged contradiction of a payment hides the next one",
        (
            SourceChange(
                "console/services/payments/listed_facts.py",
                "    if open_case is None or observed[",
                "    if open_case is not None or observed[",
            ),
        ),
        ("tests/services/payments/test_apply_report.py::test_an_acknowledged_contradiction_hides_no_other_one",),
        "sqlite",
    ),
    Mutant(
        "the case of a second capture hides a third one",
        (
            SourceChange(
                "console/services/payments/apply_report.py",
                "    if effect.case_rule == WorkReason.PAID_TWICE:\n",
                "    if effect.case_rule is None:\n",
            ),
        ),
        ("tests/services/payments/test_apply_report.py::test_a_third_capture_opens_another_case",),
        "sqlite",
    ),
    Mutant(
        "what a faster renewal has bought is renewed unasked",
        (
            SourceChange(
                PURCHASE_FILE,
                "(earlier_check.id, earlier_check.credit_check_id) not in self._expired_purchases",
                "earlier_check.credit_check_id is None",
            ),
        ),
        (f"{PIPELINE_TESTS}::test_a_renewal_made_by_another_desk_is_not_repeated",),
        "sqlite",
    ),
    Mutant(
        "a check that was over before it was bought is bought again and again",
        (
            SourceChange(
                PURCHASE_FILE,
                "        if outcomes.had_reported_check_expired_before(report, sent_at) and not _may_have_expired(",
                "        if sent_at is None and not _may_have_expired(",
            ),
        ),
        (f"{PIPELINE_TESTS}::test_dates_of_an_earlier_purchase_renew_nothing_at_once",),
        "sqlite",
    ),
    Mutant(
        "rows that can't be taken over keep all others waiting",
        (
            SourceChange(
                "console/services/tasks/due_tasks.py",
                "            has_rows = len(adopted_ids) + len(failed_ids) > tried_count\n",
                "            has_rows = len(adopted_ids) > tried_count\n",
            ),
        ),
        (f"{_FOREIGN_ROWS_TESTS}::test_rows_that_cannot_be_adopted_delay_no_other_rows",),
        "sqlite",
    ),
    Mutant(
        "a date of another calendar lets a check be bought again",
        (
            SourceChange(
                OUTCOMES_FILE,
                "if last_valid_day is None or last_valid_day < FIRST_ASSIGNMENT_DAY:",
                "if last_valid_day is None:",
            ),
        ),
        (f"{PIPELINE_TESTS}::test_a_date_before_the_first_corporation_numbers_renews_nothing",),
        "sqlite",
    ),
    Mutant(
        "an empty date of expiry lets a check be bought again",
        (
            SourceChange(
                OUTCOMES_FILE,
                "    return None if is_over_before_purchase and not has_validity else valid_until\n",
                "    return valid_until\n",
            ),
        ),
        (f"{PIPELINE_TESTS}::test_an_empty_date_of_expiry_renews_nothing",),
        "sqlite",
    ),
    Mutant(
        "a refused purchase with an id counts as not made",
        (
            SourceChange(
                "console/providers/alarmbox/responses.py",
                "        if outcome.kind in REFUSAL_OUTCOME_CLASSES and (\n",
                "        if False and (\n",
            ),
        ),
        ("tests/providers/alarmbox/test_responses.py::test_a_refusal_that_names_a_check_is_unknown",),
    ),
    Mutant(
        "a refused refund that the answer contains counts as not made",
        (
            SourceChange(
                "console/providers/paypay/responses.py",
                "        else verdict.kind in REFUSAL_OUTCOME_CLASSES\n",
                "        else False\n",
            ),
        ),
        ("tests/providers/paypay/test_responses.py::test_a_refusal_that_contains_its_effect_is_unknown",),
    ),
    Mutant(
        "not found with the payment in the answer counts as not found",
        (
            SourceChange(
                "console/providers/paypay/responses.py",
                "        verdict.kind is OutcomeClass.NOT_FOUND\n        if call in",
                "        False\n        if call in",
            ),
        ),
        ("tests/providers/paypay/test_responses.py::test_not_found_with_the_record_in_the_data_is_unknown",),
    ),
    Mutant(
        "a refusal of Atom that contains the refund counts as a refusal",
        (
            SourceChange(
                "console/providers/atom/responses.py",
                "        if _contains_effect(call, fields):\n",
                "        if False:\n",
            ),
        ),
        ("tests/providers/atom/test_responses.py::test_a_refund_is_found_at_any_place_of_a_refusal",),
    ),
    Mutant(
        "no data with a refund in the list counts as no refund",
        (
            SourceChange(
                "console/providers/atom/responses.py",
                "        if code == _NO_DATA_CODE and any(",
                "        if False and any(",
            ),
        ),
        (
            "tests/services/refunds/test_earlier_refunds.py::test_a_no_data_answer_that_contains_the_refund_permits_no_other",
        ),
    ),
    Mutant(
        "a list of refunds in another form is empty",
        (
            SourceChange(
                "console/providers/paypay/responses.py",
                "    if list_pages.may_lack_rows(other_fields, len(rows)):\n",
                "    if False:\n",
            ),
        ),
        ("tests/providers/paypay/test_responses.py::test_refunds_that_cannot_be_read_leave_the_payment_readable",),
    ),
    Mutant(
        "an answer that may say paid is silence",
        (
            SourceChange(
                "console/services/payments/start.py",
                " and report is None and not _may_mean_paid(outcome)\n",
                " and report is None\n",
            ),
        ),
        ("tests/services/payments/test_start_edges.py::test_an_answer_that_may_mean_paid_prevents_another_code",),
        "sqlite",
    ),
    Mutant(
        "a listed purchase in another notation is another company's",
        (
            SourceChange(
                "console/providers/alarmbox/responses.py",
                "        if not all(number is not None and _NUMBER_PATTERN.fullmatch(number) for",
                "        if not all(number or True for",
            ),
        ),
        ("tests/providers/alarmbox/test_responses.py::test_only_a_complete_and_readable_list_is_accepted",),
    ),
    Mutant(
        "a denied purchase that AlarmBox made later is bought again",
        (
            SourceChange(
                "console/services/credit_checks/listed_purchases.py",
                "    if not (denied_checks or lost_purchases) or (",
                "    if reader or (",
            ),
        ),
        (f"{_LISTED_PURCHASES_TESTS}::test_a_denied_purchase_that_is_listed_later_stops_the_next_one",),
        "sqlite",
    ),
    Mutant(
        "two people deny a refund that the gateway's answer contains",
        (
            SourceChange(
                "console/services/refunds/resolve.py",
                "        if decided_state is RefundState.FAILED:\n            refund_outcomes.refuse_denial",
                "        if False:\n            refund_outcomes.refuse_denial",
            ),
        ),
        (
            "tests/services/refunds/test_earlier_refunds.py::test_a_no_data_answer_that_contains_the_refund_permits_no_other",
        ),
    ),
    Mutant(
        "two people deny a payment that the gateway's answer contains",
        (
            SourceChange(
                "console/services/payments/resolve.py",
                "            if target is not PaymentState.COMPLETED:\n",
                "            if False:\n",
            ),
        ),
        (
            "tests/services/payments/test_resolve.py::test_an_answer_not_found_that_contains_the_payment_denies_nothing",
        ),
        "sqlite",
    ),
    Mutant(
        "two people deny a lost operation that the gateway's answer contains",
        (
            SourceChange(
                "console/services/recovery/operations.py",
                "            payment = self._lost_payment_restorer.probe(entry, operation)\n"
                "        except ConsoleError as error:\n"
                "            if error.code not in _ERROR_CODES_WITHOUT_DEFINITE_ANSWER:\n"
                "                raise\n"
                "            refuse_denial_of_unclear_answer(",
                "            payment = self._lost_payment_restorer.probe(entry, operation)\n"
                "        except ConsoleError as error:\n"
                "            if error.code not in _ERROR_CODES_WITHOUT_DEFINITE_ANSWER:\n"
                "                raise\n"
                "            (",
            ),
        ),
        (
            "tests/services/payments/test_spooled_payments.py::test_a_lost_payment_contained_in_not_found_cannot_be_denied",
        ),
        "sqlite",
    ),
    Mutant(
        "two people deny a purchase that its refusal names",
        (
            SourceChange(
                "console/services/credit_checks/named_purchases.py",
                "        if is_of_corporation and may_report_be_of_purchase_sent_at(",
                "        if False and may_report_be_of_purchase_sent_at(",
            ),
        ),
        (
            "tests/services/credit_checks/test_named_purchases.py::test_a_purchase_named_by_its_refusal_cannot_be_denied",
        ),
        "sqlite",
    ),
    Mutant(
        "two people deny a purchase that an unusable success names",
        (
            SourceChange(
                "console/services/credit_checks/named_purchases.py",
                "    return is_unknown_purchase or REFUSED_BUT_MADE_REASON in words\n",
                "    return REFUSED_BUT_MADE_REASON in words\n",
            ),
        ),
        (
            "tests/services/credit_checks/test_named_purchases.py::test_a_purchase_named_by_an_unusable_success_cannot_be_denied",
        ),
        "sqlite",
    ),
    Mutant(
        "a refusal of AlarmBox that can't be read counts as a refusal",
        (
            SourceChange(
                "console/providers/alarmbox/responses.py",
                "        if outcome.kind in REFUSAL_OUTCOME_CLASSES and not _is_readable_refusal(answer):\n",
                "        if False:\n",
            ),
        ),
        ("tests/providers/alarmbox/test_responses.py::test_an_unreadable_refusal_is_unknown",),
    ),
    Mutant(
        "a refusal of Atom that can't be read counts as a refusal",
        (
            SourceChange(
                "console/providers/atom/responses.py",
                "        if objection is not None:\n",
                "        if objection == REFUSED_BUT_MADE_REASON:\n",
            ),
        ),
        ("tests/providers/atom/test_responses.py::test_an_unreadable_refusal_of_a_refund_is_unknown",),
    ),
    Mutant(
        "a refusal of Atom beside a code of success counts as a refusal",
        (
            SourceChange(
                "console/providers/atom/responses.py",
                "return is_refusing or (call is AtomCall.AUTH",
                "return True or (call is AtomCall.AUTH",
            ),
        ),
        ("tests/providers/atom/test_responses.py::test_a_refusal_with_a_code_that_is_none_is_unknown",),
    ),
    Mutant(
        "a body in an unknown coding is searched as it came",
        (SourceChange("console/providers/http/transport.py", "    if not is_known or has", "    if has"),),
        ("tests/providers/http/test_transport_breaks.py::test_a_fault_after_connecting_is_unknown_and_not_repeated",),
    ),
    Mutant(
        "the beginning of a compressed refusal counts as the whole",
        (
            SourceChange(
                "console/providers/http/transport.py",
                "    if has_begun and not decompressor.eof:\n",
                "    if False:\n",
            ),
        ),
        ("tests/providers/http/test_transport_breaks.py::test_a_fault_after_connecting_is_unknown_and_not_repeated",),
    ),
    Mutant(
        "an answer that a cache had stored counts",
        (
            SourceChange(
                "console/providers/http/single_request.py",
                "    return answer.was_stored_before or ",
                "    return ",
            ),
        ),
        (
            "tests/providers/http/test_answer_age.py::test_a_stored_answer_proves_nothing",
            "tests/services/refunds/test_probes.py::test_an_answer_not_found_from_a_cache_proves_nothing",
        ),
    ),
    Mutant(
        "the same stored answer counts twice",
        (
            SourceChange(
                "console/providers/http/single_request.py",
                " or (answer.has_old_date and not request.has_effect)",
                "",
            ),
        ),
        ("tests/providers/http/test_answer_age.py::test_an_answer_older_than_an_earlier_one_is_refused",),
    ),
    Mutant(
        "two people deny against an old answer of a cache",
        (
            SourceChange(
                "console/services/guarded/desk_answers.py",
                "    if reason == OLD_ANSWER_REASON:\n",
                "    if False:\n",
            ),
        ),
        (
            "tests/services/refunds/test_probes.py::test_a_refund_with_a_cached_answer_cannot_be_denied",
            "tests/services/refunds/test_refund_operations.py::test_a_lost_refund_with_an_unclear_answer_cannot_be_denied",
        ),
    ),
    Mutant(
        'two people deny a lost refund that "no data" contains',
        (
            SourceChange(
                "console/services/refunds/outcomes.py",
                "    refuse_denial_of_unclear_answer(answer.reason, record)\n",
                "",
            ),
        ),
        (
            "tests/services/refunds/test_refund_operations.py::test_a_lost_refund_with_an_unclear_answer_cannot_be_denied",
        ),
    ),
    Mutant(
        "after a denial, an old list of purchases permits the next purchase",
        (
            SourceChange(
                "console/services/credit_checks/part_reader.py",
                "    if outcome.reason == OLD_ANSWER_REASON:\n",
                "    if False:\n",
            ),
        ),
        ("tests/services/credit_checks/test_listed_purchases.py::test_a_cached_list_of_purchases_permits_no_denial",),
        "sqlite",
    ),
    Mutant(
        "a body that TLS shows to be cut counts as whole",
        (
            SourceChange(
                "console/providers/http/requests_session.py",
                "            self.sock.suppress_ragged_eofs = False",
                "            pass",
            ),
        ),
        ("tests/providers/http/test_transport_tls.py::test_a_body_without_the_closing_tls_message_is_unknown",),
    ),
    Mutant(
        "two people deny a payment that the gateway reports in words nobody can use",
        (
            SourceChange(
                "console/services/payments/resolve.py",
                "                _refuse_unpaid_decision_against_answer(answer, payment)\n",
                "",
            ),
        ),
        ("tests/services/payments/test_resolve.py::test_an_answer_that_may_mean_paid_permits_no_denial",),
        "sqlite",
    ),
    Mutant(
        "two people deny a lost payment that the gateway reports in words nobody can use",
        (
            SourceChange(
                "console/services/recovery/operations.py",
                "            _refuse_unpaid_decision_on_unusable_answer(error, operation)\n",
                "",
            ),
        ),
        (
            "tests/services/payments/test_spooled_payments.py::test_a_lost_payment_contained_in_not_found_cannot_be_denied",
        ),
        "sqlite",
    ),
    Mutant(
        "two people deny a refund that is reported with another amount",
        (
            SourceChange(
                "console/services/refunds/outcomes.py",
                "    if report is not None and report.state is not RefundState.FAILED:\n",
                "    if False:\n",
            ),
        ),
        ("tests/services/refunds/test_probes.py::test_a_refund_that_is_reported_with_another_amount_is_not_denied",),
    ),
    Mutant(
        "two people deny a refund against an answer that can't be used",
        (
            SourceChange(
                "console/services/refunds/outcomes.py",
                "        and answer.reason not in _REASONS_WITHOUT_REFUND\n",
                "        and False\n",
            ),
        ),
        (
            "tests/services/refunds/test_probes.py::test_an_answer_that_may_mean_refunded_permits_no_denial",
            "tests/services/refunds/test_probes.py::test_a_refund_listed_with_its_key_in_another_notation_is_not_denied",
        ),
    ),
    Mutant(
        "the row of a payment closes the cases about its refunds",
        (
            SourceChange(
                "console/services/reconciliation/apply_row.py",
                "is_case_about_refund(observed, expected) or is_case",
                "is_case",
            ),
        ),
        ("tests/services/reconciliation/test_run.py::test_a_matching_payment_closes_no_case_about_its_refund",),
        "sqlite",
    ),
    Mutant(
        "a restored purchase counts as newer than a lost renewal of it",
        (
            SourceChange(
                "console/services/recovery/operations.py",
                "            None if is_id_used else intent.record_id,\n            intent.at,\n",
                "            None if is_id_used else intent.record_id,\n",
            ),
            SourceChange(
                "console/services/credit_checks/purchase.py",
                "sent_at = _find_sending_time(conn, live_check) or live_check.created_at",
                "sent_at = live_check.created_at",
            ),
        ),
        (
            (
                "tests/services/credit_checks/test_vanished_claims.py::"
                "test_a_restored_purchase_frees_no_later_lost_renewal"
            ),
        ),
        "sqlite",
    ),
    Mutant(
        "two people deny a purchase although another desk could not deliver its answer",
        (
            SourceChange(
                "console/services/guarded/desk_answers.py",
                "if not has_answer and operation_id is not None:",
                "if False and operation_id is not None:",
            ),
        ),
        (
            (
                "tests/services/credit_checks/test_vanished_claims.py::"
                "test_no_desk_denies_an_answer_that_another_desk_could_not_deliver"
            ),
        ),
        "sqlite",
    ),
    Mutant(
        "after a lapse any earlier screen decides as the second person",
        (
            SourceChange(
                "console/services/guarded/second_person.py",
                " or record.version != version + 1 or record.work.attempt:\n        return False",
                ":\n        return False\n    if record.error_code:\n        return True",
            ),
        ),
        (
            (
                "tests/services/credit_checks/test_killed_processes.py::"
                "test_a_second_person_must_see_the_proposal_made_after_a_lapse"
            ),
        ),
        "sqlite",
    ),
    Mutant(
        "a renewal that is answered with an earlier id counts as bought",
        (
            SourceChange(
                "console/services/credit_checks/purchase.py",
                "if outcome.content is not None and outcome.content.credit_check_id in self._earlier_ids:",
                "if False:",
            ),
        ),
        ("tests/services/credit_checks/test_entered_ids.py::test_a_renewal_answered_with_an_earlier_id_is_unknown",),
        "sqlite",
    ),
    Mutant(
        "a person resolves an unknown purchase with the id of an earlier one",
        (
            SourceChange(
                "console/services/credit_checks/resolve.py",
                "        return EvidenceMismatchReason.BOUGHT_BEFORE\n",
                "        return None\n",
            ),
        ),
        (
            "tests/services/credit_checks/test_entered_ids.py::test_the_id_of_a_check_that_was_bought_before_the_purchase_is_refused",
        ),
        "sqlite",
    ),
    Mutant(
        "an expired row is renewed although its duplicate is valid",
        (
            SourceChange(
                PURCHASE_FILE,
                "(live_credit_check, *_list_other_duplicates(conn, live_credit_check)):",
                "(live_credit_check,):",
            ),
        ),
        ("tests/services/adoption/test_rows_left_open.py::test_no_row_is_renewed_while_its_duplicate_may_be_valid",),
        "sqlite",
    ),
)
