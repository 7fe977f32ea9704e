"""Tests of the error codes and of the exit statuses that scripts see."""

import pytest

from console.domain.errors import EXIT_STATUS, ConsoleError, ErrorCode, rebuild_error

CODES_BY_EXIT_STATUS = {
    2: "invalid_corporation_number invalid_amount unknown_client not_found no_operator no_evidence usage bad_profile "
    "bad_registry_file bad_backup",
    3: "already_purchased not_expired lease_timeout in_progress not_refetchable nothing_to_resolve evidence_mismatch "
    "same_person already_decided not_allowed exceeds_captured over_limit possible_repeat outside_window "
    "stale_view read_only schema_mismatch not_our_database audit_broken database_went_back registry_order",
    4: "outcome_unknown",
    5: "provider_refused provider_auth rate_limited provider_answer_unusable",
    6: "provider_unreachable database_unreachable database_locked documents_unreachable storage_full interrupted "
    "worker_away",
    70: "internal_error",
}


@pytest.mark.parametrize("status", CODES_BY_EXIT_STATUS)
def test_exit_statuses_distinguish_refusals(status: int) -> None:
    """Each error code has its exit status: 2 for bad input, 3 for a refusal, 4 for an unknown outcome, 5 for a
    refusal by the provider, 6 if a service can't be reached, 70 for a bug.
    """
    codes = CODES_BY_EXIT_STATUS[status].split()
    assert {code for code, status_of_code in EXIT_STATUS.items() if status_of_code == status} == set(codes)
    assert {ConsoleError(ErrorCode(code)).exit_status for code in codes} == {status}


def test_each_code_but_one_has_one_status() -> None:
    """Each error code has one exit status, except that of the ended viewing period. For this code the caller chooses
    one of two.
    """
    assert set(ErrorCode) - set(EXIT_STATUS) == {ErrorCode.VIEWING_PERIOD_OVER}
    assert all(code.value == code.name.lower() for code in ErrorCode)


def test_an_error_keeps_its_facts_and_its_own_exit_status() -> None:
    """An error has the facts that were given to it. The code that raises it can also choose its exit status."""
    error = rebuild_error(ErrorCode.NOT_FOUND, {"id": "7"}, exit_status=0)
    assert (error.code, error.detail, error.exit_status, error.is_audited) == ("not_found", {"id": "7"}, 0, False)
    assert str(error) == "not_found"
    assert ConsoleError(ErrorCode.USAGE).detail == {}
    with pytest.raises(KeyError):
        ConsoleError("never heard of")  # type: ignore[call-overload]  # a code that does not exist
