"""Tests of the rights of the roles: the actions of ACTIONS_BY_KIND for every role, and the refusals."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from console.app import Console
from console.domain.access.permissions import ADMIN, APPROVER, AUDITOR, OPERATOR, WORKER
from console.domain.errors import ConsoleError
from console.domain.records import Person, PurchaseRequest
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.quick_desks import make_quick_folder, open_quick_desk

CORPORATION_NUMBER = CORPORATION_NUMBERS[0]
UNBOUGHT_NUMBER = CORPORATION_NUMBERS[1]
PEOPLE_OF_EACH_ROLE = (
    Person("op-a", frozenset({OPERATOR}), may_buy=True),
    Person("op-c", frozenset({OPERATOR}), may_buy=False),
    Person("lead-b", frozenset({APPROVER}), may_buy=True),
    Person("aud-e", frozenset({AUDITOR}), may_buy=False),
    Person("adm-f", frozenset({ADMIN}), may_buy=False),
    Person("auto-g", frozenset({WORKER}), may_buy=False),
)
ServiceAction = Callable[[Console, Path], object]
READING_ACTIONS: dict[str, ServiceAction] = {
    "lookup": lambda desk, _: desk.lookup.find_records(CORPORATION_NUMBER),
    "search": lambda desk, _: desk.lookup.search(CORPORATION_NUMBER[:5]),
    "similar_numbers": lambda desk, _: desk.lookup.find_similar_corporation_numbers(CORPORATION_NUMBER[:-1] + "9"),
    "show": lambda desk, _: desk.recovery.read_record("credit-check", 1),
    "pdf": lambda desk, _: desk.credit_checks.read_pdf(1),
    "queue": lambda desk, _: desk.recovery.read_queue("review"),
    "counts": lambda desk, _: desk.recovery.count_queued_records(),
    "unfinished": lambda desk, _: desk.recovery.list_unfinished_operations(),
    "holders": lambda desk, _: desk.recovery.list_lease_holders(),
}
OPERATOR_ACTIONS: dict[str, ServiceAction] = {
    "probe": lambda desk, _: desk.recovery.probe("credit-check", 1),
    "refetch": lambda desk, _: desk.credit_checks.refetch(1),
}
PURCHASE_ACTIONS: dict[str, ServiceAction] = {
    "purchase": lambda desk, _: desk.credit_checks.purchase(PurchaseRequest(UNBOUGHT_NUMBER, "2"))
}
DECISION_ACTIONS: dict[str, ServiceAction] = {
    "resolve": lambda desk, _: desk.recovery.resolve("credit-check", 1, "error", "words")
}
AUDIT_ACTIONS: dict[str, ServiceAction] = {
    "audit list": lambda desk, _: desk.audit.list_entries(),
    "audit verify": lambda desk, _: desk.audit.verify_chains(),
    "audit export": lambda desk, folder: desk.audit.export_csv(folder / "audit.csv"),
}
PEOPLE_BY_ACTION_KIND = {
    "looking": {"op-a", "op-c", "lead-b", "aud-e", "auto-g"},
    "acting": {"op-a", "op-c", "lead-b", "auto-g"},
    "buying": {"op-a", "lead-b"},
    "deciding": {"op-a", "op-c", "lead-b"},
    "auditing": {"op-a", "op-c", "lead-b", "aud-e"},
}
ACTIONS_BY_KIND = {
    "looking": READING_ACTIONS,
    "acting": OPERATOR_ACTIONS,
    "buying": PURCHASE_ACTIONS,
    "deciding": DECISION_ACTIONS,
    "auditing": AUDIT_ACTIONS,
}
PERSON_ACTION_COMBINATIONS = [
    (person.name, kind, name)
    for person in PEOPLE_OF_EACH_ROLE
    for kind, acts in ACTIONS_BY_KIND.items()
    for name in acts
]


@pytest.fixture(scope="module")
def console() -> Iterator[Console]:
    """A desk with one purchased credit check and the people of PEOPLE_OF_EACH_ROLE."""
    with make_quick_folder() as folder, open_quick_desk(folder / "desk", InMemoryAlarmBox()) as desk:
        desk.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1"))
        for person in PEOPLE_OF_EACH_ROLE:
            desk.people.add_person(person)
        yield desk


@pytest.mark.parametrize(("name", "kind", "act"), PERSON_ACTION_COMBINATIONS)
def test_every_role_has_exactly_its_rights(console: Console, tmp_path: Path, name: str, kind: str, act: str) -> None:
    """For each action and role: a person with the right isn't refused for a missing right. A person without the
    right is refused, and the detail of the error lists roles in `needs`, never the role admin.
    """
    with console.acting_as(name):
        try:
            ACTIONS_BY_KIND[kind][act](console, tmp_path)
        except ConsoleError as refused:
            code, reason, needs = refused.code.value, refused.detail.get("reason"), refused.detail.get("needs")
        else:
            code, reason, needs = "", None, None
    if name in PEOPLE_BY_ACTION_KIND[kind]:
        assert code != "not_allowed"
    else:
        assert (code, reason) == ("not_allowed", "may_not_buy" if name == "op-c" else "role")
        assert isinstance(needs, list)
        assert needs
        assert ADMIN not in needs


def test_an_unknown_person_has_no_right(console: Console) -> None:
    """An operator whose name is not in the database has no right; the refusal states the reason
    `unknown_operator`.
    """
    with console.acting_as("mallory"), pytest.raises(ConsoleError) as caught:
        console.lookup.find_records(CORPORATION_NUMBER)
    assert (caught.value.code, caught.value.detail["reason"]) == ("not_allowed", "unknown_operator")
