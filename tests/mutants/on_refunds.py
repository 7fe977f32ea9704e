"""Mutants that would refund or charge twice, execute another decision, or book money that never arrived."""

from tests.mutants.mutant import JOURNAL_WITHOUT_FENCE, Mutant, SourceChange

_BALANCES_FILE = "console/store/payments/balances.py"
_SUBMITTING_FILE = "console/services/refunds/submit.py"
_IDEMPOTENCY_KEY_FILE = "console/services/refunds/idempotency_key.py"
_DECISION_RULES_FILE = "console/domain/recovery/decision_rules.py"
_PROBING_FILE = "console/services/refunds/probe.py"
_REQUESTS_AT_ONCE_TESTS = "tests/races/test_requests_at_once.py"
_UNANSWERED_REFUNDS_TESTS = "tests/races/test_unanswered_refunds.py"
_LATE_EFFECTS_TESTS = (f"{_UNANSWERED_REFUNDS_TESTS}::test_a_late_refund_after_a_time_out_is_made_once",)
_START_TESTS = "tests/services/payments/test_start.py"
_RECEIVE_TESTS = "tests/services/payment_intake/test_receive.py"
_EARLIER_REFUNDS_TESTS = "tests/services/refunds/test_earlier_refunds.py"
_VOTES_TESTS = "tests/services/refunds/test_votes.py"
_START_EDGES_TESTS = "tests/services/payments/test_start_edges.py"
_RESERVATION_CODE = (
    "    statement = _RESERVE_FROM_SET_ASIDE_STATEMENT if is_from_set_aside else _RESERVE_FROM_REFUNDABLE_STATEMENT\n"
    "    return _move_amount(conn, statement, payment_id, amount_minor, now)\n"
)
_SUM_OF_REFUNDS_CODE = """    from sqlalchemy import func, select

    from console.store.schema.payments import refunds

    taken = select(func.sum(refunds.c.refund_amount)).where(refunds.c.payment_id == payment_id)
    captured = conn.scalar(select(payments.c.captured_minor).where(payments.c.id == payment_id).with_for_update())
    return int(captured or 0) - int(conn.scalar(taken) or 0) >= amount_minor
"""
_READ_BEFORE_WRITE_CODE = """    from sqlalchemy import select

    if (conn.scalar(select(_REFUNDABLE_AMOUNT_EXPRESSION).where(payments.c.id == payment_id)) or 0) < amount_minor:
        return False
    return _move_amount(conn, _ADD_TO_RESERVED_STATEMENT, payment_id, amount_minor, now)
"""
_ANSWER_TAKEN_AS_TRUE_CODE = """            from console.domain.money import Money
            from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
            from console.domain.payments.provider_messages import PaymentReport

            said = PaymentReport(
                merchant_payment_id=event.order_no or "", provider_payment_id="04299999999999999999",
                provider_state=event.kind, state=PaymentState.PAYMENT_SUCCESS, is_final=True,
                amount=Money(event.amount_minor or 0, event.currency or "JPY"), paid_at=event.occurred_at,
                refunds=None,
            )
            outcome = Outcome(OutcomeClass.SUCCEEDED, "told", SendingCertainty.YES, said)
            current = self._payment_prober.read_payment(event.payment_id)
            effect = self._context.write(
                lambda tx: self._payment_prober.apply_answer_in_transaction(
                    tx, current, outcome, self._context.now(), event.event_id
                )
            )
"""
REFUND_MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "the number of another refund completes a refund",
        (
            SourceChange(
                "console/services/refunds/resolve.py",
                "    if any(owner.id != refund.id for owner in owners):",
                "    if any(owner.id == refund.id for owner in owners):",
            ),
        ),
        ("tests/services/refunds/test_recovery.py::test_the_provider_id_of_another_refund_completes_nothing",),
    ),
    Mutant(
        "an answer about an earlier sending settles a refund",
        (
            SourceChange(
                "console/services/refunds/probe.py",
                "        if refund.operation_id != queried_refund.operation_id:\n            return None\n",
                "",
            ),
        ),
        ("tests/services/refunds/test_recovery.py::test_an_answer_about_an_earlier_sending_settles_nothing",),
    ),
    Mutant(
        "each attempt to send a refund hides how long it waits",
        (
            SourceChange(
                "console/services/refunds/outcomes.py",
                "    approved_at = approvals.find_last_vote_time(tx.conn, refund.id) or context.now()\n",
                "    approved_at = context.now()\n",
            ),
        ),
        ("tests/services/refunds/test_sending.py::test_the_age_of_an_unsent_refund_counts_from_its_approval",),
    ),
    Mutant(
        "a refund that was tried keeps its amount for ever once its maker has left",
        (
            SourceChange(
                "console/services/refunds/approval.py",
                "            and (not refund.sent_count or self._is_blocked_by_inactive_maker(refund, conn))\n",
                "            and not refund.sent_count\n",
            ),
        ),
        ("tests/services/refunds/test_sending.py::test_an_unsendable_refund_of_a_former_requester_expires",),
    ),
    Mutant(
        "without a list of the refunds one more is sent",
        (
            SourceChange(
                _SUBMITTING_FILE,
                "        if self._list_failure is not None:\n",
                "        if self._list_failure is not None and _subject is None:\n",
            ),
        ),
        ("tests/services/refunds/test_unrecorded_refunds.py::test_a_refund_made_on_atoms_page_stops_the_next_one",),
    ),
    Mutant(
        "a notice about a lost payment stops no second code",
        (
            SourceChange(
                "console/services/payments/start.py", "        _refuse_if_notice_unmatched(conn, order)\n", ""
            ),
        ),
        (f"{_START_TESTS}::test_a_notice_about_a_payment_that_is_missing_here_stops_a_second_code",),
    ),
    Mutant(
        "an unmatched notice ends as soon as its payment is there, whatever the provider says",
        (
            SourceChange(
                "console/services/payment_intake/receive.py",
                "                    is_answered = self._ask_provider(replace(event, payment_id=payment.id))"
                " != notices.EVENT_QUEUED\n",
                "                    is_answered = True\n"
                "                    facts = event.source, event.event_id, notices.EVENT_UNCHANGED, payment.id\n"
                "                    notices.settle_event(self._context, *facts)\n",
            ),
        ),
        (f"{_RECEIVE_TESTS}::test_a_notice_matched_later_makes_the_program_ask_the_provider",),
    ),
    Mutant(
        "a code that ends after the questions is followed by another one unasked",
        (
            SourceChange(
                "console/services/payments/start.py",
                "            if payment.id not in self._ended_payment_ids:  # it has",
                "            if payment.id < 0:  # it has",
            ),
        ),
        (f"{_START_EDGES_TESTS}::test_a_code_that_expires_before_the_claim_prevents_a_second_code",),
    ),
    Mutant(
        "a refused number is followed by another one unasked",
        (
            SourceChange(
                "console/services/payments/start.py",
                "            ends_at = payment.expires_at or payment.begun_at\n",
                "            ends_at = payment.expires_at\n",
            ),
        ),
        (f"{_START_TESTS}::test_a_refused_number_is_probed_before_the_next_start",),
    ),
    Mutant(
        "one answer that is older than the webhook ends it",
        (
            SourceChange(
                "console/services/payment_intake/hints.py",
                "        if effect is None or self._may_answer_be_outdated(event):\n",
                "        if effect is None:\n",
            ),
        ),
        (f"{_RECEIVE_TESTS}::test_an_answer_older_than_the_webhook_is_read_again",),
    ),
    Mutant(
        "an answer about the payment without its refunds sends one more",
        (
            SourceChange(
                "console/services/refunds/payment_precheck.py",
                "        list_failure = outcome\n",
                "        list_failure = None\n",
            ),
        ),
        ("tests/services/refunds/test_unrecorded_refunds.py::test_a_missing_paypay_list_stops_the_next_refund",),
    ),
    Mutant(
        "a probe's answer that another one overtakes is not compared",
        (
            SourceChange(
                "console/services/refunds/probe.py",
                "            self._compare_outdated_answer(tx, queried_refund, refund, outcome, asked_at)\n"
                "            return None\n",
                "            return None\n",
            ),
        ),
        ("tests/services/refunds/test_recovery.py::test_an_answer_overtaken_by_a_refusal_is_compared_with_it",),
    ),
    Mutant(
        "only a provider that stores keys is asked about earlier refunds",
        (
            SourceChange(
                "console/services/refunds/probe.py",
                "            payment_refunds = refunds.find_by_payment(conn, refund_with_payment.payment.id)\n",
                "            payment_refunds = refunds.find_by_payment(conn, refund_with_payment.payment.id)\n"
                "        if not self._payment_providers.get_reader(refund_with_payment.payment.provider).capabilities"
                ".keeps_idempotency_keys:\n            return\n",
            ),
        ),
        ("tests/services/refunds/test_earlier_refunds.py",),
    ),
    Mutant(
        "the maker's day is that of the desk's clock",
        (
            SourceChange(
                "console/services/refunds/rules.py",
                "    now = read_current_time(conn, context.now())\n",
                "    now = context.now()\n",
            ),
        ),
        ("tests/services/refunds/test_on_servers.py::test_the_daily_limit_counts_by_the_servers_clock",),
        "mariadb",
    ),
    Mutant(
        "a stored notice may say otherwise than its signed body",
        (
            SourceChange(
                "console/services/payment_intake/signed_notices.py",
                "        if _make_notice_event(notice, event.state).source_facts != event.source_facts:\n",
                "        if not _make_notice_event(notice, event.state).source_facts:\n",
            ),
        ),
        ("tests/services/payment_intake/test_signed_notices.py",),
        "sqlite",
    ),
    Mutant(
        "a lost purchase is denied against the desk's answer",
        (
            SourceChange(
                "console/services/guarded/desk_answers.py",
                "    has_answer = entry is not None and entry.proves_effect\n",
                "    has_answer = False\n",
            ),
        ),
        ("tests/services/credit_checks/test_vanished_claims.py",),
        "sqlite",
    ),
    Mutant(
        "a lost refund is denied against the gateway",
        (
            SourceChange(
                "console/services/recovery/operations.py",
                "            has_happened = self._lost_refund_prober.probe(entry, operation, is_denied=True)\n",
                "            raise ConsoleError(ErrorCode.INTERRUPTED, {})\n",
            ),
            SourceChange(
                "console/services/recovery/operations.py",
                "frozenset({ErrorCode.OUTCOME_UNKNOWN, *NO_ANSWER_ERROR_CODES})",
                "frozenset({ErrorCode.OUTCOME_UNKNOWN, ErrorCode.INTERRUPTED, *NO_ANSWER_ERROR_CODES})",
            ),
            SourceChange(
                "console/services/recovery/operations.py",
                "        if has_happened:\n",
                "        if not entry:\n",
            ),
        ),
        (
            "tests/services/refunds/test_refund_operations.py::test_a_lost_refund_made_by_the_gateway_cannot_be_denied",
        ),
    ),
    Mutant(
        "a lost payment is denied against the gateway",
        (
            SourceChange(
                "console/services/recovery/operations.py",
                "        if payment.state not in ENDED_UNPAID_STATES:\n",
                "        if payment.state not in ENDED_UNPAID_STATES and not payment.id:\n",
            ),
        ),
        ("tests/services/payments/test_spooled_payments.py",),
        "denies and sqlite",
    ),
    Mutant(
        "an answer after the denial holds nothing",
        (
            SourceChange(
                "console/store/spool/spool.py",
                "holds_claim = (holds_claim OR ? AND {_INTENT_HAS_CLAIM_SQL})",
                "holds_claim = (holds_claim AND (? OR 1))",
            ),
        ),
        ("tests/services/credit_checks/test_vanished_claims.py",),
        "after_the_denial and sqlite",
    ),
    Mutant(
        "an order is paid by a callback alone",
        (
            SourceChange(
                "console/domain/recovery/decision_rules.py",
                "    if payment.state in PAID_BY_CALLBACK_STATES:\n",
                "    if payment.state in ():\n",
            ),
            SourceChange(
                "console/domain/payments/consistency.py",
                "_minor(payment) for payment in payments if payment.state in CONFIRMED_PAID_STATES)",
                "_minor(payment) for payment in payments)",
            ),
        ),
        ("tests/services/payments/test_resolve.py::test_a_payment_by_callback_alone_covers_no_order",),
        "sqlite",
    ),
    Mutant(
        "whoever may probe moves an order, also while everything is read-only",
        (
            SourceChange(
                "console/services/payments/order_status.py",
                '        context.require_right("resolve")\n',
                '        context.require_right("probe")\n',
            ),
        ),
        ("tests/cli/access/test_read_only.py::test_read_only_for_everything_refuses_all_changes_by_people",),
    ),
    Mutant(
        "a restored denial frees what the desk saw bought",
        (
            SourceChange(
                "console/services/credit_checks/records.py",
                "    return does_record_contradict_spooled_answer(context, conn, record)\n",
                "    return False\n",
            ),
        ),
        ("tests/services/credit_checks/test_vanished_claims.py",),
        "before_the_contradiction and sqlite",
    ),
    Mutant(
        "one person frees what the database lost",
        (
            SourceChange(
                "console/store/operations/lost_operations.py",
                "    func.lower(func.trim(evidence.c.who)) != func.lower(func.trim(approvals.c.person)),\n",
                "",
            ),
        ),
        ("tests/store/operations/test_lost_operations.py",),
        "sqlite",
    ),
    Mutant(
        "a late refusal of an earlier sending settles a refund",
        (
            SourceChange(
                "console/services/refunds/late_outcomes.py",
                "SUBMITTING or not (is_current or outcome.kind in OUTCOME_CLASSES_WITH_EFFECT):",
                "SUBMITTING:",
            ),
        ),
        ("tests/services/refunds/test_recovery.py::test_a_late_refusal_of_an_earlier_sending_settles_nothing",),
    ),
    Mutant(
        "an acknowledged unrecorded refund stands for all",
        (
            SourceChange(
                "console/services/payments/listed_facts.py",
                "    if not any(_parse_fact_key(text) not in acknowledged_keys for text in facts):\n",
                "    if acknowledged_keys or not facts:\n",
            ),
        ),
        ("tests/services/refunds/test_unrecorded_refunds.py",),
    ),
    Mutant(
        "a lost refund is known by the id of its payment alone",
        (
            SourceChange(
                _IDEMPOTENCY_KEY_FILE,
                "range(1, _MAX_REPEATED_REFUNDS + 1)",
                "range(0)",
            ),
        ),
        ("tests/services/refunds/test_database_rollback.py::test_a_new_payment_may_have_the_id_of_a_lost_payment",),
    ),
    Mutant(
        "a lost start is known by the number of the first attempt alone",
        (
            SourceChange(
                "console/services/payments/start.py",
                "return start_intent.fingerprint == fingerprint or _is_payment_number_of_order(conn, order, number)",
                "return number == order.merch_txn_id",
            ),
        ),
        ("tests/services/payments/test_spooled_payments.py",),
    ),
    Mutant(
        "what is left is a sum under a lock, and the payment is not written",
        (SourceChange(_BALANCES_FILE, _RESERVATION_CODE, _SUM_OF_REFUNDS_CODE),),
        (f"{_REQUESTS_AT_ONCE_TESTS}::test_simultaneous_reservations_never_exceed_the_captured_amount",),
        "galera",
    ),
    Mutant(
        "what is left is read before it is reserved",
        (SourceChange(_BALANCES_FILE, _RESERVATION_CODE, _READ_BEFORE_WRITE_CODE),),
        (f"{_REQUESTS_AT_ONCE_TESTS}::test_simultaneous_reservations_never_exceed_the_captured_amount",),
        "mariadb",
    ),
    Mutant(
        "requests of one maker never meet",
        (
            SourceChange(
                "console/services/refunds/request.py",
                '        lock_until_commit(context, tx, f"refunds_of_{valid_request.maker}")\n',
                "",
            ),
        ),
        (f"{_REQUESTS_AT_ONCE_TESTS}::test_simultaneous_requests_of_one_person_respect_the_daily_limit",),
        "mariadb",
    ),
    Mutant(
        "two refunds of one order never meet",
        (
            SourceChange(
                "console/services/payments/order_status.py",
                '        lock_until_commit(context, tx, f"refunded_order_{order.id}")\n',
                "        pass\n",
            ),
        ),
        ("tests/services/refunds/test_on_servers.py::test_an_order_is_refunded_by_two_workers_at_once",),
        "mariadb",
    ),
    Mutant(
        "two bookings of one order never meet",
        (
            SourceChange(
                "console/services/payments/order_status.py",
                '        lock_until_commit(context, tx, f"paid_order_{order.id}")\n',
                "        pass\n",
            ),
        ),
        ("tests/services/payments/test_resolve.py::test_two_payments_booked_at_once_leave_no_case",),
        "mariadb",
    ),
    Mutant(
        "each further payment of a paid order is a second one",
        (
            SourceChange(
                "console/services/payments/order_status.py",
                "    return bool(other_payments) and not is_needed\n",
                "    return bool(other_payments)\n",
            ),
        ),
        ("tests/services/payments/test_resolve.py::test_a_payment_that_its_paid_order_needs_is_no_second_payment",),
        "sqlite",
    ),
    Mutant(
        "an old sending of a refund is not fenced",
        JOURNAL_WITHOUT_FENCE,
        ("tests/crash/test_refund_wakes.py",),
        "sqlite",
    ),
    Mutant(
        "each sending of a refund has a key of its own",
        (
            SourceChange(
                _IDEMPOTENCY_KEY_FILE,
                "    if refund.provider_refund_key is not None:\n        return refund.provider_refund_key\n",
                "",
            ),
        ),
        _LATE_EFFECTS_TESTS,
    ),
    Mutant(
        "a refund that is not found did not happen",
        (
            SourceChange(
                _PROBING_FILE,
                "        return refund.not_found + 1 >= rule.needed_answer_count and self._was_sent_long_ago(\n"
                "            refund, rule.last_answer_after_seconds, asked_at\n        )\n",
                "        return True\n",
            ),
        ),
        _LATE_EFFECTS_TESTS,
    ),
    Mutant(
        "what Atom does not find did not happen",
        (
            SourceChange(
                _PROBING_FILE,
                "        if rule is None or not capabilities.keeps_idempotency_keys or not columns:\n"
                "            return False\n",
                "        if rule is None:\n            return True\n"
                "        if not columns:\n            return False\n",
            ),
        ),
        (f"{_UNANSWERED_REFUNDS_TESTS}::test_a_refund_without_an_answer_is_never_sent_again",),
    ),
    Mutant(
        "what arrived after all may be withdrawn",
        (
            SourceChange(
                _DECISION_RULES_FILE,
                'return "refund_contradicted" if refund.work.reason in WORK_REASONS_OF_CONTRADICTION else None',
                "return None",
            ),
        ),
        ("tests/crash/test_refund_late_effects.py",),
    ),
    Mutant(
        "the provider is not asked about earlier refunds",
        (SourceChange(_SUBMITTING_FILE, "        self._refund_prober.ask_about_earlier_refunds(pair)\n", ""),),
        (f"{_EARLIER_REFUNDS_TESTS}::test_an_acknowledged_refund_that_arrived_counts_as_refunded",),
    ),
    Mutant(
        "a refund's 5xx is a failure",
        (
            SourceChange(
                "console/providers/paypay/responses.py",
                "    except UnreadableJson:\n",
                "    except UnreadableJson:\n        if answer.status >= 500:\n"
                "            from console.providers.payments.result_codes import make_failed_verdict\n\n"
                '            return None, make_failed_verdict("http_5xx")\n',
            ),
        ),
        ("tests/services/refunds/test_sending.py",),
        "unusable_answer",
    ),
    Mutant(
        "a webhook is believed",
        (
            SourceChange(
                "console/services/payment_intake/hints.py",
                "            effect = self._payment_prober.confirm_by_provider(event.payment_id, event.event_id)\n",
                _ANSWER_TAKEN_AS_TRUE_CODE,
            ),
        ),
        ("tests/services/payment_intake/test_receive.py::test_a_hint_that_the_provider_denies_books_nothing",),
    ),
    Mutant(
        "a maker may approve",
        (
            SourceChange(
                _DECISION_RULES_FILE,
                "if person is not None and is_same_person(person, refund.maker):",
                "if False:",
            ),
        ),
        (_VOTES_TESTS,),
        "cannot_approve_their_own_refund",
    ),
    Mutant(
        "a maker may approve past the console",
        (
            SourceChange(
                "console/store/constraints/refunds.py",
                " AND {is_other_person_sql('me', 'r.maker')} AND {UTC_NOW_SQL}",
                " AND {UTC_NOW_SQL}",
            ),
        ),
        ("tests/store/constraints/test_constraints.py",),
    ),
    Mutant(
        "who approves twice counts as two",
        (
            SourceChange(
                _DECISION_RULES_FILE,
                "any(is_same_person(person, checker) for checker in refund.checkers)",
                "False",
            ),
            SourceChange(
                "console/store/refunds/approvals.py",
                "        if person in read_voters(conn, refund_id):\n            return False\n        raise\n",
                "        return True\n",
            ),
        ),
        (_VOTES_TESTS,),
        "two_checkers",
    ),
    Mutant(
        "late news of a payment undoes newer",
        (
            SourceChange(
                "console/domain/payments/report_rules.py",
                "    is_newer = payment.told_at is None or at >= payment.told_at\n",
                "    is_newer = True\n",
            ),
        ),
        ("tests/domain/payments/test_report_rules.py",),
    ),
    Mutant(
        "an order's step is not planned with the booking",
        (
            SourceChange(
                "console/services/payments/apply_report.py",
                "    if must_set_order_paid:\n        return Work(",
                "    if not must_set_order_paid:\n        return Work(",
            ),
        ),
        ("tests/crash/test_notice_kills.py",),
        "sqlite",
    ),
    Mutant(
        "an acknowledged contradiction of a refund hides the next one",
        (
            SourceChange(
                "console/services/refunds/outcomes.py",
                "    end_acknowledged_case(context, tx, (REFUND_KIND, refund_id), rule, observed)\n",
                "",
            ),
        ),
        ("tests/services/refunds/test_probes.py::test_an_acknowledged_contradiction_hides_no_other_one",),
    ),
    Mutant(
        "a payment's report of a contradicted refund is not compared again",
        (
            SourceChange(
                "console/services/refunds/late_outcomes.py",
                "    if refund.work.reason == WorkReason.CONTRADICTED and _has_equal_or_open_case(",
                "    if refund.work.reason == WorkReason.CONTRADICTED or _has_equal_or_open_case(",
            ),
        ),
        ("tests/services/refunds/test_probes.py::test_an_acknowledged_contradiction_hides_no_other_one",),
    ),
    Mutant(
        "a list without a refund that we know counts as whole",
        (
            SourceChange(
                "console/services/refunds/payment_precheck.py",
                "    if is_whole and all(",
                "    if all(",
            ),
        ),
        (
            "tests/services/refunds/test_unrecorded_refunds.py::test_a_list_without_our_completed_refund_stops_the_next_refund",
        ),
    ),
    Mutant(
        "a refund elsewhere, once acknowledged, leaves the whole payment to be refunded",
        (
            SourceChange(
                "console/services/refunds/payment_precheck.py",
                "payment.reserved_minor + uncounted_minor > payment.captured_minor",
                "payment.reserved_minor > payment.captured_minor",
            ),
        ),
        (
            "tests/services/refunds/test_unrecorded_refunds.py::test_acknowledged_refunds_count_towards_the_paid_amount",
        ),
    ),
    Mutant(
        "a refund that ended here and was made later isn't counted",
        (
            SourceChange(
                "console/services/refunds/payment_precheck.py",
                "        if refund.state is RefundState.COMPLETED or refund.state not in ENDED_REFUND_STATES\n",
                "",
            ),
        ),
        (f"{_EARLIER_REFUNDS_TESTS}::test_an_acknowledged_refund_that_arrived_counts_as_refunded",),
    ),
    Mutant(
        "a list without a refund that ended here and was made later counts as whole",
        (
            SourceChange(
                "console/services/refunds/payment_precheck.py",
                "    return refund.state in ENDED_REFUND_STATES and refund.work.reason == WorkReason.CONTRADICTED\n",
                "    return False\n",
            ),
        ),
        (f"{_EARLIER_REFUNDS_TESTS}::test_a_list_without_an_acknowledged_refund_stops_the_next_refund",),
    ),
    Mutant(
        "a refused repeat counts as failed, whatever the first attempt did",
        (
            SourceChange(
                _SUBMITTING_FILE,
                "    if refund_outcomes.is_refund_refused(outcome) and refund_with_payment.refund.sent_count:\n",
                "    if False:\n",
            ),
        ),
        (f"{_EARLIER_REFUNDS_TESTS}::test_a_refusal_of_a_repeat_is_no_proof",),
    ),
    Mutant(
        "a refunded payment without a list of refunds counts as one without refunds",
        (
            SourceChange(
                "console/providers/paypay/responses.py",
                '        if payment_fields["status"] == _REFUNDED_STATE and not refund_reports:\n',
                "        if False:\n",
            ),
        ),
        ("tests/services/refunds/test_unrecorded_refunds.py::test_a_missing_paypay_list_stops_the_next_refund",),
    ),
    Mutant(
        "a refund that can't be sent keeps its turn before the others",
        (
            SourceChange(
                "console/services/refunds/due_tasks.py",
                "                    self._context.write("
                "partial(self._postpone_refund, due_refund=refund, error=error))",
                "                    pass",
            ),
        ),
        ("tests/services/refunds/test_before_sending.py::test_failing_refunds_delay_no_later_refund",),
    ),
    Mutant(
        "refunds of a read-only provider take the turns of the others",
        (
            SourceChange(
                "console/services/refunds/due_tasks.py",
                "            provider for provider in providers - stopped_providers if",
                "            provider for provider in providers if",
            ),
        ),
        ("tests/services/refunds/test_before_sending.py::test_a_read_only_provider_delays_no_other_provider",),
    ),
    Mutant(
        "a person who has lost the role is still the first of two",
        (
            SourceChange(
                "console/store/access/operators.py",
                "for row in rows if not _parse_roles(row.roles).isdisjoint(roles)}",
                "for row in rows}",
            ),
        ),
        (f"{_VOTES_TESTS}::test_a_refund_of_a_requester_without_the_role_is_not_approved",),
    ),
    Mutant(
        "a time of payment in the future moves the refund window",
        (
            SourceChange(
                "console/domain/payments/report_rules.py",
                "    if paid_at > now + PROVIDER_CLOCK_TOLERANCE:",
                "    if paid_at.year == 1 and paid_at > now:",
            ),
        ),
        ("tests/services/payments/test_apply_report.py::test_an_impossible_time_of_payment_is_not_stored",),
    ),
    Mutant(
        "a report from the future hides the reversal after it",
        (
            SourceChange(
                "console/services/payments/apply_report.py",
                "    is_bounded = is_from_future and sourced_report.source_kind is not ReportSource.PEOPLE",
                "    is_bounded = False",
            ),
            SourceChange(
                "console/services/payments/apply_report.py",
                "    return replace(payment, told_at=None) if is_from_future else payment",
                "    return payment",
            ),
        ),
        ("tests/services/payments/test_apply_report.py::test_a_report_from_the_future_hides_no_later_one",),
    ),
    Mutant(
        "a second code while the payer can still pay the first one",
        (
            SourceChange(
                "console/services/payments/start.py",
                "return is_unpaid and (is_code_used_up or self._delete_code(payment))",
                "return is_unpaid",
            ),
        ),
        ("tests/services/payments/test_start_edges.py::test_no_second_code_while_the_first_one_can_be_paid",),
    ),
)
