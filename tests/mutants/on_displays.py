"""Mutants of the texts and choices that people get: wrong sentences, states and messages, and wrong buttons, keys and
actions.
"""

from tests.mutants.mutant import Mutant, SourceChange

_PAYMENTS_FILE = "console/domain/explanations/payments.py"
_DECISION_RULES_FILE = "console/domain/recovery/decision_rules.py"
_CONSISTENCY_FILE = "console/domain/payments/consistency.py"
_RELATED_FILE = "console/services/recovery/related_records.py"
_RANDOM_HISTORIES_TESTS = ("tests/stateful/test_random_histories.py",)
_COMPANY_PAGE_TESTS = ("tests/views/lookup/test_company_page.py",)
_PAYMENT_EXPLANATIONS_TESTS = ("tests/domain/explanations/test_payments.py",)
_REGISTRY_TESTS = ("tests/services/registry/test_facts.py",)
_COMPANIES_TESTS = ("tests/services/alerts/test_changed_companies.py",)


def _make_mutant(
    name: str, file: str, old_text: str, new_text: str, tests: tuple[str, ...] = _RANDOM_HISTORIES_TESTS
) -> Mutant:
    return Mutant(name, (SourceChange(file, old_text, new_text),), tests, "")


_UNMATCHED_NOTICES_TESTS = ("tests/services/alerts/test_unmatched_notices.py",)
_QUEUES_TESTS = ("tests/store/queues/test_queues.py",)

SENTENCE_MUTANTS: tuple[Mutant, ...] = (
    _make_mutant(
        "a refund whose maker is the only approver waits for another one",
        _RELATED_FILE,
        'count_other_approvers("refund_approve", (refund.maker, *refund.checkers)) == 0',
        'count_other_approvers("refund_approve", ()) == 0',
        ("tests/services/refunds/test_details_reader.py",),
    ),
    _make_mutant(
        "people book an amount in another currency",
        "console/domain/payments/report_rules.py",
        "(is_other_currency and report_source is ReportSource.PEOPLE)",
        "(is_other_currency and report_source is None)",
        ("tests/domain/payments/test_report_rules.py",),
    ),
    _make_mutant(
        "a queue accepts the cursor of another sort order",
        "console/services/process/list_cursors.py",
        "    if list_hash != _compute_list_hash(list_parts):\n",
        "    if not list_hash:\n",
        ("tests/services/recovery/test_queue_cursors.py",),
    ),
    _make_mutant(
        "one refund is named in two warnings",
        "console/services/refunds/risk_signals.py",
        "            if signal.id in named_ids:\n",
        "            if signal.id is None:\n",
        ("tests/services/refunds/test_details_reader.py",),
    ),
    _make_mutant(
        "a notice is said to be matched with another provider's payment",
        "console/domain/explanations/notices.py",
        "        return record.provider == notice.source and record.merchant_payment_id == notice.order_no\n",
        "        return record.merchant_payment_id == notice.order_no\n",
        _UNMATCHED_NOTICES_TESTS,
    ),
    _make_mutant(
        "a payment that the provider was never asked about is a mismatch",
        "console/store/schema/mismatch_columns.py",
        "told_at IS NOT NULL AND",
        "told_at IS NULL AND",
        _QUEUES_TESTS,
    ),
    _make_mutant(
        "an order that is not covered is advised to be moved",
        _PAYMENTS_FILE,
        "    if order is not None and not is_order_covered(paid_payments, order):\n",
        "    if order is None and not is_order_covered(paid_payments, order):\n",
    ),
    _make_mutant(
        "an unknown purchase was not bought",
        _DECISION_RULES_FILE,
        '        return "bought_perhaps"\n    if check.credit_check_id is None:\n',
        '        return "not_bought"\n    if check.credit_check_id is None:\n',
    ),
    _make_mutant(
        "the present relations explain an earlier version of a record",
        "console/services/lookup/record_search.py",
        "            if stored_record is None or stored_record.version != record.version:\n",
        "            if stored_record is None:\n",
        ("tests/cli/process/test_related_records.py",),
    ),
    _make_mutant(
        "a record without its relations is explained by its row",
        "console/cli/json_output/records.py",
        "    if record.relations is None:\n",
        "    if record.id < 0:\n",
        ("tests/cli/process/test_related_records.py",),
    ),
    _make_mutant(
        "an answer is printed without the relations of its record",
        "console/cli/process/related_records.py",
        "        return console.lookup.complete_record(RECORD_KIND_BY_TYPE[type(record)], record)\n",
        "        return record\n",
        ("tests/cli/process/test_related_records.py",),
    ),
    _make_mutant(
        "an alert names a payment by the id of its row",
        "console/cli/alerts/alerts.py",
        'translator.language, record.number or ""\n',
        "translator.language, str(id)\n",
        ("tests/cli/test_names_in_lists.py",),
    ),
    _make_mutant(
        "an approved refund is sent by itself while a read-only switch is on",
        "console/domain/explanations/refunds.py",
        "    if relations.read_only_switch is not None:\n",
        "    if relations.read_only_switch is not None and is_cooling_off:\n",
    ),
    _make_mutant(
        "what a read-only switch stops is advised",
        "console/domain/explanations/read_only.py",
        "    if switch is None or not is_action_stopped(explanation.next_step.action, switch):\n",
        "    if switch is None or explanation.next_step.action is not None:\n",
    ),
    _make_mutant(
        "what a read-only switch stops is offered",
        "console/domain/recovery/decision_table.py",
        "        return _exclude_stopped_choice(allowed_choice, facts)\n",
        "        return allowed_choice\n",
    ),
    _make_mutant(
        "another reason hides the read-only mode",
        "console/domain/recovery/decision_table.py",
        'f"reason.{ErrorCode.IN_PROGRESS}", READ_ONLY_SWITCH_REASON)',
        'f"reason.{ErrorCode.IN_PROGRESS}")',
        ("tests/domain/recovery/test_decision_table.py",),
    ),
    _make_mutant(
        "nothing to do while a refund waits for approval",
        _PAYMENTS_FILE,
        "    if (refund_explanation := _explain_refund_of_payment(relations, facts, now)) is not None:\n"
        "        return refund_explanation\n",
        "",
    ),
    _make_mutant(
        "nothing to do while a refund is unknown",
        _PAYMENTS_FILE,
        "    if pending_refund is not None and pending_refund.certainty is Certainty.UNKNOWN:\n",
        "    if pending_refund is not None and pending_refund.id < 0:\n",
        (*_PAYMENT_EXPLANATIONS_TESTS, *_RANDOM_HISTORIES_TESTS),
    ),
    _make_mutant(
        "a refund shows its payment's state as its own",
        _CONSISTENCY_FILE,
        "        state=refund.state.value,\n",
        "        state=payment.state.value,\n",
    ),
    _make_mutant(
        "a list doesn't know of refunds",
        _RELATED_FILE,
        "                refunds=tuple(refunds_by_payment_id.get(payment.id, ())),\n",
        "",
    ),
    _make_mutant(
        "a sum that no provider can have told is told as another one",
        _PAYMENTS_FILE,
        "else make_stored_money(record.provider_minor, record.currency),\n",
        "else _make_money(record.provider_minor, record.currency),\n",
        _PAYMENT_EXPLANATIONS_TESTS,
    ),
    _make_mutant(
        "a second refund is advised while one is open",
        _PAYMENTS_FILE,
        "    if pending_refund is not None:\n"
        "        return _choose_next_step_of_refund(pending_refund, facts, relations.read_only_switch, now)\n",
        "",
        _PAYMENT_EXPLANATIONS_TESTS,
    ),
    _make_mutant(
        "a refund is advised although none can be requested",
        _PAYMENTS_FILE,
        "    if relations.refund_refusal is not None:\n",
        "    if relations.refund_refusal is None and record.id < 0:\n",
        _PAYMENT_EXPLANATIONS_TESTS,
    ),
    _make_mutant(
        "a refund is advised in a currency without refunds",
        "console/services/refunds/request.py",
        "        if make_stored_money(0, payment.currency) is None:\n",
        "        if make_stored_money(0, payment.currency) is None and payment.id < 0:\n",
        _RANDOM_HISTORIES_TESTS,
    ),
    _make_mutant(
        "a timeline names only the code of a refusal",
        "console/services/audit/refusals.py",
        '{**(facts or {}), "refusal": reason.value} if isinstance(reason, Reason) else facts',
        "facts if isinstance(reason, Reason) else facts",
        ("tests/services/audit/test_refusals_are_audited.py",),
    ),
    _make_mutant(
        "a payment of which only a callback is known is confirmed",
        _PAYMENTS_FILE,
        "    if record.state in PAID_BY_CALLBACK_STATES:\n",
        "    if record.id < 0:\n",
        _PAYMENT_EXPLANATIONS_TESTS,
    ),
    _make_mutant(
        "a probe can't complete a payment whose callback another application wrote down",
        "console/domain/payments/states.py",
        "        PaymentState.PAYMENT_SUCCESS,\n        PaymentState.SIGNATURE_VERIFIED,\n",
        "        PaymentState.PAYMENT_SUCCESS,\n",
        ("tests/domain/test_state_transitions.py",),
    ),
    _make_mutant(
        "one client's renewal settles the change of a company for all",
        "console/store/registry/live_records.py",
        "is_renewed.get(number, True) and is_later",
        "is_renewed.get(number, False) or is_later",
        _COMPANIES_TESTS,
    ),
    _make_mutant(
        "a change of a company before the purchase is told",
        "console/services/alerts/changed_companies.py",
        "change.before is not None and change.day >= first_days[change.corporation_number]",
        "change.before is not None",
        _COMPANIES_TESTS,
    ),
    _make_mutant(
        "the facts of a company that were told are not stored",
        "console/store/registry/watched_corporations.py",
        '        "new_facts": format_watched_facts(facts),\n',
        '        "new_facts": format_watched_facts(row.facts or facts),\n',
        _COMPANIES_TESTS,
    ),
    _make_mutant(
        "a successor that is closed too is offered to a buyer",
        "console/domain/registry/facts.py",
        "last if last is not None and last.closure is None else None",
        "last if last is not None else None",
        _REGISTRY_TESTS,
    ),
    _make_mutant(
        "anybody's account on a server imports a registry",
        "console/services/registry/service.py",
        "            if self._context.database.is_server:\n",
        "            if not self._context.database.is_server:\n",
        _REGISTRY_TESTS,
    ),
    _make_mutant(
        "a refund has no name of the order's company",
        "console/services/registry/numbers.py",
        "return record.corporation_number or (order.corporation_number if order is not None else None)",
        "return record.corporation_number",
        _REGISTRY_TESTS,
    ),
    _make_mutant(
        "each write of a payment begins its state anew",
        "console/store/payments/payments.py",
        '    if path or values.get("certainty", payment.certainty) != payment.certainty:\n',
        "    if True:\n",
        ("tests/store/test_state_since.py",),
    ),
    _make_mutant(
        "a queue is in the order of kinds and ids",
        "console/store/queues/queues.py",
        "    return position_and_row[0]\n",
        "    return position_and_row[0]._replace(since=datetime.min)\n",
        ("tests/store/queues/test_queues.py",),
    ),
    _make_mutant(
        "a probe that changes nothing says that the outcome is known now",
        "console/views/records/actions.py",
        "    is_unchanged = type(record_before) is type(record_after) and _get_probed_values(\n",
        "    is_unchanged = type(record_after) is not CreditCheck and _get_probed_values(\n",
        ("tests/views/records/test_probe_toast.py",),
    ),
    _make_mutant(
        "a row whose outcome is still unknown counts as done",
        "console/store/tasks/bulk_runs.py",
        "    counts[_ROW_RESULT_DONE] = counts.get(_ROW_RESULT_DONE, 0) - unsettled_count\n",
        "",
        ("tests/store/tasks/test_bulk_runs.py",),
    ),
    _make_mutant(
        "the CSV of a bulk run calls an unknown outcome done",
        "console/domain/bulk/records.py",
        "    return reason if reason in UNSETTLED_OUTCOMES else result\n",
        "    return result\n",
        ("tests/domain/bulk/test_records.py",),
    ),
    _make_mutant(
        "a key acts on the request that was shown before",
        "console/views/approvals/page.py",
        "        return details if details is not None and details.record.id == self.refund_id else None\n",
        "        return details\n",
        ("tests/desk/test_keys_act_on_focus.py",),
    ),
    _make_mutant(
        "a key acts on another record than the focused one",
        "console/views/records/page.py",
        "        if isinstance(row, CreditCheck | Payment | Order | Refund):\n            self._run_action_on_row",
        "        if isinstance(row, CreditCheck | Order):\n            self._run_action_on_row",
        ("tests/desk/test_keys_act_on_focus.py",),
    ),
    _make_mutant(
        "an unknown purchase is titled a live credit check",
        "console/views/lookup/live_check_panel.py",
        '        return "unknown"\n',
        '        return "live"\n',
        _COMPANY_PAGE_TESTS,
    ),
    _make_mutant(
        "the PDF of an unknown purchase is missing, in red",
        "console/views/lookup/live_check_panel.py",
        "        if not has_pdf and record.state is not CheckState.SUCCESS:\n",
        "        if not has_pdf and record.id < 0:\n",
        _COMPANY_PAGE_TESTS,
    ),
    _make_mutant(
        "buying again is offered while a purchase is unknown",
        "console/views/lookup/company_page.py",
        "        is_unknown = live_check is not None and live_check.certainty is Certainty.UNKNOWN\n",
        "        is_unknown = live_check is not None and live_check.id < 0\n",
        _COMPANY_PAGE_TESTS,
    ),
    _make_mutant(
        "buying is the blue button beside a live credit check",
        "console/views/lookup/company_page.py",
        '"primary" if live_check is None and not is_denied and not is_closed else "default"',
        '"primary"',
        _COMPANY_PAGE_TESTS,
    ),
    _make_mutant(
        "buying is the blue button for a number that the registry lacks",
        "console/views/lookup/company_page.py",
        "(corporation is None or corporation.closure is not None)",
        "(corporation is not None and corporation.closure is not None)",
        _COMPANY_PAGE_TESTS,
    ),
    _make_mutant(
        "the key of an offered purchase presses the disabled renewal",
        "console/views/records/page.py",
        "        if replacing_button is not None:\n",
        "        if False:\n",
        ("tests/desk/test_records.py::test_only_the_purchase_of_an_unbought_check_has_the_key_b",),
    ),
    _make_mutant(
        "a record on another one's page is told without its relations",
        "console/services/payments/details_reader.py",
        "                payments=completed_payments,\n",
        "                payments=order_payments,\n",
    ),
    _make_mutant(
        "the terminal tells the stored certainty",
        "console/cli/text_output/records.py",
        'translator(f"state.certainty.{explanation.certainty}")',
        "translator(f\"state.certainty.{getattr(record, 'certainty', 'known')}\")",
    ),
    _make_mutant(
        "a copied timeline tells the stored certainty",
        "console/services/evidence/timeline.py",
        '    badges = {"certainty": explanation.certainty.value, "work": explanation.work.value}\n',
        '    badges = {"certainty": getattr(record, "certainty", "known"), "work": explanation.work.value}\n',
    ),
    _make_mutant(
        "a state that begins in the future is 0 s old",
        "console/domain/clock.py",
        "    if instant is None or is_in_future(instant, now):\n",
        "    if instant is None:\n",
    ),
    _make_mutant(
        "an approval is offered that a rule refuses",
        "console/services/refunds/details_reader.py",
        '        return reason or rule_reason, {"maker": refund.maker}\n',
        '        return reason, {"maker": refund.maker}\n',
        ("tests/services/refunds/test_offered_actions.py",),
    ),
    _make_mutant(
        "the approvals offer a withdrawal that the service refuses",
        "console/views/approvals/page.py",
        'self._find_disabled_reason(details, "withdraw")',
        'self.context.find_disabled_reason("refund_withdraw")',
        ("tests/views/approvals/test_page.py",),
    ),
    _make_mutant(
        "the sum of a group adds refunds to payments",
        "console/domain/queues/causes.py",
        "            sums_of_kind = sums.setdefault(total.kind, {})\n",
        '            sums_of_kind = sums.setdefault("payment", {})\n',
        ("tests/store/queues/test_chosen_records.py",),
    ),
    _make_mutant(
        "an overdue step is announced for its past time",
        "console/domain/records.py",
        "work.at + _USUAL_DELAY_OF_ATTEMPT < now",
        "work.at + _USUAL_DELAY_OF_ATTEMPT < work.at",
        ("tests/views/presenters/test_overdue_steps.py",),
    ),
    _make_mutant(
        "a mark of direction in a name turns the texts after it round",
        "console/views/theme/mixed_font_text.py",
        '_ACCENT_PILE_PATTERN.sub(r"\\1", _DIRECTION_MARK_PATTERN.sub("", text))',
        '_ACCENT_PILE_PATTERN.sub(r"\\1", text)',
        ("tests/views/theme/test_mixed_font_text.py",),
    ),
    _make_mutant(
        "the numbers before and after a line break are painted as one",
        "console/views/theme/mixed_font_text.py",
        "int(baseline), piece.translate(_PAINTED_TEXT_BY_CHARACTER))",
        "int(baseline), piece)",
        ("tests/views/theme/test_mixed_font_text.py",),
    ),
    _make_mutant(
        "an automatic reading moves the open issues under the pointer",
        "console/views/lookup/company_page.py",
        "must_keep_places=is_automatic and self.underMouse()",
        "must_keep_places=False",
        _COMPANY_PAGE_TESTS,
    ),
    _make_mutant(
        "an open issue is called completed, in green",
        "console/views/presenters/records.py",
        'explanation.work is WorkBadge.NEEDS_REVIEW and tokens().badges[state_key].tone == "good"',
        "False",
        ("tests/views/presenters/test_money_view.py",),
    ),
    _make_mutant(
        "a refund of an underpaid order is advised although none can be requested",
        "console/domain/explanations/alerts.py",
        'if action.sentence_key_suffix in ("_short", "_currency") and _can_request_refund(payment):',
        'if action.sentence_key_suffix in ("_short", "_currency"):',
        ("tests/domain/explanations/test_alerts.py",),
    ),
    _make_mutant(
        "a page changes what it could not read again",
        "console/views/pages/base.py",
        "        if self._reading_failure is None or self._loaded_at is None:\n",
        "        if True:\n",
        ("tests/desk/test_outdated_data.py",),
    ),
    _make_mutant(
        "nothing among the newest records is told as nothing",
        "console/domain/lookup/search_result.py",
        "        return any(group.is_partial for group in self.records_by_kind.values())\n",
        "        return False\n",
        ("tests/desk/test_nothing_found.py",),
    ),
    _make_mutant(
        "a dialog holds the window until the answer",
        "console/views/app/window_controller.py",
        "            RunningCallTimer(caller, self.context)\n",
        "",
        ("tests/desk/test_long_calls.py",),
    ),
)
