"""Seeded bugs by which a provider's answer is taken for another record's, is lost, or is believed too early."""

from tests.mutants.mutant import SETTLING, Change, Mutant

_SHARED_IDS = "tests/services/credit_checks/test_shared_ids.py"

ON_ANSWERS: tuple[Mutant, ...] = (
    Mutant(
        "an answer in time leaves its id with another check",
        (Change(SETTLING, "    _contradict_other_owners(context, tx, record, outcome, checks.values())\n", ""),),
        (f"{_SHARED_IDS}::test_an_answer_in_time_contradicts_who_was_given_its_id",),
        "sqlite",
    ),
    Mutant(
        "a late answer leaves its id with another check",
        (Change(SETTLING, "        _contradict_other_owners(self.context, tx, record, outcome, others)\n", ""),),
        (_SHARED_IDS,),
        "sqlite",
    ),
    Mutant(
        "an answer does not wait for a decision about its id",
        (
            Change(
                SETTLING, "    if any(other.state is CheckState.PENDING for other in others):", "    if not others:"
            ),
        ),
        (f"{_SHARED_IDS}::test_an_answer_waits_for_a_decision_about_its_id",),
        "mariadb",
    ),
    Mutant(
        "one id in two answers contradicts the first",
        (Change(SETTLING, " and _is_id_decided(tx, other):", ":"),),
        (f"{_SHARED_IDS}::test_the_provider_may_answer_two_purchases_with_one_id",),
        "sqlite",
    ),
)
