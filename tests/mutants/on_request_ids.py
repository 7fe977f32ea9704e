"""Mutants by which a call that is repeated with its request id would be executed again, or would get a wrong
answer.
"""

from tests.mutants.mutant import Mutant, SourceChange

_IDS_FILE = "console/services/guarded/request_ids.py"
_ROWS_FILE = "console/store/operations/request_ids.py"
_SERVICE_CONTEXT_FILE = "console/services/process/context.py"
_PURCHASES_FILE = "console/services/credit_checks/replayed_answers.py"
_RECORDS_FILE = "console/services/recovery/replayed_answers.py"
_REQUEST_IDS_TESTS = "tests/services/guarded/test_request_ids.py"
_REQUEST_KILLS_TESTS = "tests/crash/test_request_kills.py"
_ANSWERS_AFTER_FAULTS_TESTS = "tests/services/guarded/test_answers_after_faults.py"


def _make_mutant(name: str, file: str, old_text: str, new_text: str, *tests: str, engine: str = "sqlite") -> Mutant:
    return Mutant(f"request id: {name}", (SourceChange(file, old_text, new_text),), tests, engine)


REQUEST_ID_MUTANTS: tuple[Mutant, ...] = (
    _make_mutant("who lost it goes on writing", _SERVICE_CONTEXT_FILE,
        "            if row_count != 1:\n", "            if row_count < 0:\n",
        f"{_REQUEST_IDS_TESTS}::test_a_claim_under_a_reused_request_id_is_undone"),
    _make_mutant("the operation is not tied", "console/services/guarded/pipeline.py",
        "            context.bind_to_request_id(tx, subject.kind, subject.id, operation_id)\n", "",
        _REQUEST_KILLS_TESTS),
    _make_mutant("nothing that is written is tied", _SERVICE_CONTEXT_FILE,
        "            self.bind_to_request_id(tx, kind, subject_id)\n", "            pass\n", _REQUEST_KILLS_TESTS),
    _make_mutant("what another transaction wrote is not tied", _SERVICE_CONTEXT_FILE,
        "(request_binding.is_committed or request_binding.storing_transaction is tx)",
        "(request_binding.is_committed or request_binding.storing_transaction is not tx)", _REQUEST_KILLS_TESTS),
    _make_mutant("an answer that can't be read is acted again", _IDS_FILE,
        "            raise self._count_and_return_refusal(self._make_unreadable_first_answer_error(request, row))"
        " from None\n",
        "            return None  # type: ignore[return-value]\n",
        f"{_REQUEST_IDS_TESTS}::test_an_answer_stored_with_an_old_field_name_is_still_repeated"),
    _make_mutant("other arguments are the same", _IDS_FILE,
        "        if (row.command, row.fingerprint) != (request.command, request.fingerprint):",
        "        if row.command != request.command:",
        f"{_REQUEST_IDS_TESTS}::test_a_request_id_with_other_arguments_or_another_command_is_refused"),
    _make_mutant("who runs is not looked for", _IDS_FILE,
        "            self._refuse_running_call(request, row)\n", "",
        f"{_REQUEST_IDS_TESTS}::test_a_repeat_is_refused_while_the_first_call_runs"),
    _make_mutant("the operation's own lease is not looked at", _IDS_FILE,
        "            if operation is None or operation.state is not OperationState.CALLING:",
        "            if operation is None or operation.state is not None:",
        f"{_REQUEST_IDS_TESTS}::test_a_running_operation_refuses_its_repeated_request_id"),
    _make_mutant("an unknown outcome stays unknown", _IDS_FILE,
        "return find_answer(row) or self._replace_with_present_record(answer)",
        "return self._replace_with_present_record(answer)",
        f"{_REQUEST_IDS_TESTS}::test_a_repeat_of_an_unknown_outcome_gets_its_present_state"),
    _make_mutant("an unknown outcome is told with its record as it was", _IDS_FILE,
        "return find_answer(row) or self._replace_with_present_record(answer)", "return find_answer(row) or answer",
        f"{_REQUEST_IDS_TESTS}::test_a_repeat_of_a_probe_without_a_result_gets_the_present_record"),
    _make_mutant("a refusal keeps the id", _IDS_FILE,
        "_EXIT_STATUSES_WITH_EFFECT = (0, 4, 5)", "_EXIT_STATUSES_WITH_EFFECT = (0, 3, 4, 5, 6)",
        f"{_REQUEST_IDS_TESTS}::test_a_call_that_sent_nothing_releases_its_request_id"),
    _make_mutant("a provider's refusal frees the id", _IDS_FILE,
        "_EXIT_STATUSES_WITH_EFFECT = (0, 4, 5)", "_EXIT_STATUSES_WITH_EFFECT = (0, 4)",
        f"{_REQUEST_IDS_TESTS}::test_a_repeat_gets_the_providers_first_refusal"),
    _make_mutant("an id is kept for two days", _ROWS_FILE,
        "self.age >= ANSWER_RETENTION", "self.age >= 2 * ANSWER_RETENTION",
        f"{_REQUEST_IDS_TESTS}::test_a_request_id_is_free_after_a_day"),
    _make_mutant("an id is everybody's", _IDS_FILE,
        "        person = self._context.operator or WORKER\n", '        person = "anybody"\n',
        f"{_REQUEST_IDS_TESTS}::test_a_request_id_belongs_to_one_person"),
    _make_mutant("what people resolved as not bought may be bought again", _PURCHASES_FILE,
        "        return None if was_never_sent(request_id_use, answers)"
        " else make_refusal_answer(operation, record)\n\n"
        "    return find_answer\n",
        "        return None\n\n    return find_answer\n",
        f"{_REQUEST_IDS_TESTS}::test_a_denied_purchase_is_answered_as_refused"),
    _make_mutant("a success is not looked for after a failing read", _IDS_FILE,
        "if not (binding.is_committed and _may_error_hide_success(error)):", "if error is not None:",
        f"{_ANSWERS_AFTER_FAULTS_TESTS}::test_a_call_that_fails_after_commit_returns_its_result"),
    _make_mutant("what failed after its commit frees the id", _IDS_FILE,
        "            if _may_error_hide_success(error):\n                self._end_lease(leased_request)\n",
        "            if isinstance(error, OutcomeUnrecorded):\n                pass\n",
        f"{_ANSWERS_AFTER_FAULTS_TESTS}::test_a_call_that_fails_after_commit_returns_its_result"),
    _make_mutant("an answer is stored once only", _IDS_FILE,
        "_MAX_ANSWER_STORE_ATTEMPTS = 3", "_MAX_ANSWER_STORE_ATTEMPTS = 1",
        f"{_ANSWERS_AFTER_FAULTS_TESTS}::test_an_answer_that_could_not_be_stored_is_stored_later"),
    _make_mutant("an answer that was found is found anew each time", _IDS_FILE,
        "if answer is not None and _is_final_answer(answer) and _had_effect(answer):", "if answer is None:",
        f"{_ANSWERS_AFTER_FAULTS_TESTS}::test_an_answer_that_could_not_be_stored_is_stored_later"),
    _make_mutant("who approved hears of the sending by others", _RECORDS_FILE,
        "            if operation is None:\n"
        "                return CallAnswer(refund) if _is_acting_person_checker(context, refund) else None\n",
        "", f"{_ANSWERS_AFTER_FAULTS_TESTS}::test_an_approval_is_returned_despite_its_refunds_unknown_outcome"),
    _make_mutant("any class is made of a kept answer", "console/services/guarded/answer_serialization.py",
        '    if not module.startswith(_DOMAIN_PACKAGE_PREFIX) or not class_name.isidentifier():\n',
        "    if not class_name:\n",
        f"{_REQUEST_IDS_TESTS}::test_a_forged_answer_creates_no_object", engine=""),
)  # fmt: skip
