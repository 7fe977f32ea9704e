"""Bugs that would open a way past the console once more: a forged row, an older one, words against what is known."""

from tests.mutants.mutant import Change, Mutant

_SIGNED, _ROOTS = "console/services/payment_intake/signed_notices.py", "console/store/audit/roots.py"
_LIMITS, _RULES = "console/services/refunds/rules.py", "console/store/constraints/server_rules.py"
_ORDERS, _UNREADABLE = "console/store/constraints/orders.py", "console/store/database/unreadable_rows.py"
_FORGED, _HOSTILE = "tests/harms/test_forged_notices.py", "tests/harms/test_hostile_rows.py"
_PAID, _WAITS = "tests/harms/test_paid_orders.py", "tests/harms/test_cooling_off.py"
_SQL, _REQUESTS = "console/store/constraints/sql_expressions.py", "console/store/constraints/desk_requests.py"
_ASKED = "tests/harms/test_asked_for.py"
_EXECUTION, _QUEUE = "console/services/desk_requests/execution.py", "console/store/desk_requests/requests.py"
_WRITTEN = "tests/services/desk_requests/test_hostile_requests.py"
_TAIL, _GARBAGE = "tests/services/audit/test_roots.py", "tests/harms/test_malformed_rows.py"


def _mutant(name: str, file: str, old: str, new: str, test: str, engine: str = "mariadb") -> Mutant:
    return Mutant(name, (Change(file, old, new),), (test,), engine)


_SINCE = "tests/store/test_state_since.py"
ON_HARMS: tuple[Mutant, ...] = (
    _mutant("a worker makes a vote of any wish", _SQL,
        "return f\"(me = account OR {exists_sql(f'requests r", "return f\"(TRUE OR {exists_sql(f'requests r",
        f"{_ASKED}::test_another_wish_is_no_vote"),
    _mutant("a worker acts for who asked another worker, or long ago", _REQUESTS,
        "AND CAST(r.taken_by AS BINARY) = account\"\n    f\" AND {is_live_lease_sql('r')} AND p.disabled_at",
        "AND TRUE\"\n    f\" AND p.disabled_at",
        f"{_ASKED}::test_the_worker_alone_is_nobody"),
    _mutant("a request is written in somebody else's name", _REQUESTS,
        'f"SET NEW.who = account, NEW.at', 'f"SET NEW.at',
        f"{_ASKED}::test_whoever_inserts_it_has_asked"),
    _mutant("a request is taken however late", _REQUESTS,
        "(OLD.state = 'asked' AND OLD.expires_at > {UTC_NOW_SQL}", "(OLD.state = 'asked'",
        f"{_ASKED}::test_the_worker_alone_is_nobody"),
    _mutant("a request names any record beside its arguments", _EXECUTION,
        "            if self._forms[taken_request.action].read_facts(self._context, arguments) != DeskRequestFacts(",
        "            if not self._forms[taken_request.action].read_facts(self._context, arguments) "
        "and DeskRequestFacts(",
        f"{_WRITTEN}::test_a_request_names_the_record_of_its_arguments"),
    _mutant("a request that ends each worker is executed for ever", _EXECUTION,
        "if taken_request.fencing_token <= MAX_EXECUTIONS_PER_REQUEST:\n", "if taken_request.fencing_token:\n",
        f"{_WRITTEN}::test_what_no_worker_can_finish_is_given_up"),
    _mutant("one person's requests come before everybody's", _QUEUE,
        ".order_by(_open_requests.c.turn, _open_requests.c.at, _open_requests.c.id)",
        ".order_by(_open_requests.c.at, _open_requests.c.id)",
        f"{_WRITTEN}::test_nobody_waits_for_all_requests_of_somebody_else"),
    _mutant("a person invents an entry of the trail", "console/store/desk_requests/requested_audit.py",
        "action_text not in _ACTIONS_OF_DESKS or", "action_text == '' or",
        f"{_WRITTEN}::test_an_audit_entry_that_no_desk_writes_is_none"),
    _mutant("a person fills the disk", _REQUESTS,
        "f\" < {MAX_REQUESTS_PER_HOUR}\"", "\" < 100000000\"",
        f"{_WRITTEN}::test_nobody_fills_the_disk"),
    _mutant("who holds others up stays", "console/store/access/lock_holders.py",
        "    KILL CONNECTION session_id;", "    DO session_id;",
        "tests/services/desk_requests/test_lock_holders.py::test_nobody_holds_the_others_up"),
    _mutant("a kept notice proves itself", _SIGNED,
        "        if _verify_signature(key, event.signature, body) is None:\n", "        if not body:\n",
        f"{_FORGED}::test_no_row_of_a_plain_client_pays_an_order"),
    _mutant("a source's words may be another's", _SIGNED,
        "        if self._is_notice_key_shared(event.source, key):\n", "        if not key:\n",
        f"{_FORGED}::test_a_key_that_is_gone_or_replaced_books_nothing"),
    _mutant("a notice whose key is gone is booked", _SIGNED,
        "            raise NoticeRefused(NO_NOTICE_KEY_REASON)\n",
        "            return parse_notice(event.source, event.body.encode())\n",
        f"{_FORGED}::test_a_key_that_is_gone_or_replaced_books_nothing"),
    _mutant("an older pair of tokens comes back", _RULES,
        "CONCAT('^v', NEW.version, '[.]gAAAA", "CONCAT('^(v[0-9]+[.])?', 'gAAAA",
        f"{_HOSTILE}::test_nobody_brings_an_older_pair_or_forgets_a_used_token"),
    _mutant("a used token is forgotten", _RULES,
        """f"{_make_used_tokens_sql('NEW')} = {_make_used_tokens_sql('OLD')}\"""", '"TRUE"',
        f"{_HOSTILE}::test_nobody_brings_an_older_pair_or_forgets_a_used_token"),
    _mutant("tokens begin at any version", _RULES,
        'TriggerRule("NEW.version = 1", "tokens', 'TriggerRule("TRUE", "tokens',
        f"{_HOSTILE}::test_nobody_begins_tokens_at_their_end"),
    _mutant("every call is put off", _RULES,
        "NEW.not_before <= {_NOW_SQL} + {LONGEST_PAUSE_MS}", "NEW.not_before <> -1",
        f"{_HOSTILE}::test_nobody_puts_every_call_off"),
    _mutant("an order that may be paid is cancelled", _ORDERS,
        'f"{_ORDER_CANNOT_BE_PAID_SQL} AND {_HAS_ENDED_UNPAID_SQL}"', '"TRUE"',
        f"{_PAID}::test_what_may_be_paid_is_not_cancelled"),
    _mutant("the request says how long it waits", _LIMITS,
        "for end in (computed_end, refund.sends_after) if", "for end in (refund.sends_after,) if",
        f"{_WAITS}::test_no_maker_chooses_the_cooling_off"),
    _mutant("a root leaves out what it covers", _ROOTS,
        "            or not root.has_newest_heads(conn, checked_end_id, root.covered.previous_end)\n", "",
        _TAIL, "sqlite"),
    _mutant("the last root leaves out what it covers", _ROOTS,
        "    if previous_root is not None and not previous_root.has_newest_heads(",
        "    if previous_root is not None and previous_root.row_id < 0 and not previous_root.has_newest_heads(",
        _TAIL, "sqlite"),
    _mutant("a root covers what it can't know", _ROOTS,
        "            or not root.is_valid(end_id)\n", "", _TAIL, "sqlite"),
    _mutant("one bad row keeps all others waiting", _UNREADABLE,
        "        except READ_ERRORS as fault:\n", "        except ZeroDivisionError as fault:\n", _GARBAGE, ""),
    _mutant("a bad row is nobody's case", _UNREADABLE,
        "        if find_subject is not None:\n", "        if find_subject is None:\n",
        f"{_GARBAGE}::test_a_strange_row_is_passed_over", ""),
    _mutant("a day that no calendar has is the program's bug", "console/store/schema/column_types.py",
        "return value if value is None or isinstance(value, datetime) else EPOCH_START",
        "return value", _GARBAGE, ""),
    _mutant("who asks late says what a notice came to", "console/services/payment_intake/common.py",
        "            and (event.result in _WAITING_EVENT_STATES or event_state == EVENT_QUEUED)\n", "",
        "tests/services/payment_intake/test_receive.py::test_two_ask_about_one_notice", "sqlite"),
    _mutant("a person who asks from now on is told of a rollback", "console/services/guarded/database_rollback.py",
        "        can_compare_anchors = not reads_views(conn)\n", "        can_compare_anchors = True\n",
        "tests/services/desk_requests/test_idle_reads.py::test_a_person_who_asks_from_now_on_sees_no_rollback"),
    _mutant("each write makes a payment young again", "console/store/payments/payments.py",
        '    if path or values.get("certainty", payment.certainty) != payment.certainty:\n', "    if True:\n",
        f"{_SINCE}::test_a_payment_is_dated_by_its_state", "sqlite"),
    _mutant("what others change keeps its old date", "console/store/constraints/state_since.py",
        "NEW.version IS OLD.version AND {old_state_sql} IS NOT {new_state_sql}",
        "0 AND {old_state_sql} IS NOT {new_state_sql}",
        f"{_SINCE}::test_plain_sql_of_others_is_dated_by_the_database", "sqlite"),
    _mutant("a queue is sorted by id", "console/store/queues/queues.py",
        "    entries.sort(key=_get_entry_position)\n", "    entries.sort(key=lambda entry: entry[0].id)\n",
        "tests/store/queues/test_queues.py::test_pages_of_any_size_make_up_the_queue", "sqlite"),
    _mutant("a probe that changed nothing announces an outcome", "console/views/records/actions.py",
        "    if is_unchanged or isinstance(record_after, Operation):\n",
        "    if isinstance(record_after, Operation):\n",
        "tests/views/records/test_probe_toast.py", ""),
    _mutant("a bulk run is green while outcomes are unknown", "console/views/presenters/bulk.py",
        "    if not open_names:\n", "    if True:\n", "tests/views/presenters/test_bulk.py", ""),
)  # fmt: skip
