"""Tests of the rights of the roles on a database server, where every person has a database account: the service
refuses by the role before the server refuses by a grant.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from console.app import Console
from console.domain.errors import ConsoleError
from console.domain.payments.records import RefundRequest
from console.domain.records import PurchaseRequest
from tests.services.access.test_roles import ACTIONS_BY_KIND, CORPORATION_NUMBER, PEOPLE_BY_ACTION_KIND
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.quick_desks import make_quick_folder, open_quick_desk
from tests.support.refusals import call_for_refusal
from tests.support.sql_server import SqlServer
from tests.support.teams import open_team

OPERATOR_NAMES = {"op-a": "op-a", "lead-b": "lead-b", "aud-e": "aud-e", "adm-f": "adm-f", "worker": "auto-g"}
"""Dictionary from each account of the team to the person whose rights the account has, as `test_roles.py`
lists them.
"""


@pytest.fixture(scope="module")
def desks(sql_server: SqlServer) -> Iterator[Mapping[str, Console]]:
    """Yield one desk for each operator, all on one database with one purchased credit check."""
    with make_quick_folder() as folder, open_team(sql_server) as people:
        documents_url = (folder / "documents").as_uri()
        alarmbox = InMemoryAlarmBox()  # one provider, whose ids are of all
        opened = {
            person: open_quick_desk(
                folder / person, alarmbox, DATABASE_URL=people.urls[person], OPERATOR="", DOCUMENTS_URL=documents_url
            )
            for person in OPERATOR_NAMES
        }
        opened["op-a"].credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1"))
        yield opened
        for desk in opened.values():
            desk.close()


@pytest.mark.parametrize("person", OPERATOR_NAMES)
@pytest.mark.parametrize(("kind", "act"), [(kind, act) for kind, acts in ACTIONS_BY_KIND.items() for act in acts])
def test_accounts_have_the_rights_of_their_role(
    desks: Mapping[str, Console], tmp_path: Path, person: str, kind: str, act: str
) -> None:
    """The server never refuses an action that the person's role allows. The service refuses any other action with the
    reason `role`.
    """
    try:
        ACTIONS_BY_KIND[kind][act](desks[person], tmp_path)
    except ConsoleError as refused:
        code, reason = refused.code.value, refused.detail.get("reason")
    else:
        code, reason = "", None
    if OPERATOR_NAMES[person] in PEOPLE_BY_ACTION_KIND[kind]:
        assert code != "not_allowed", reason
    else:
        assert (code, reason) == ("not_allowed", "role")


@pytest.mark.parametrize("person", OPERATOR_NAMES)
def test_only_people_who_change_records_use_request_ids(
    desks: Mapping[str, Console], tmp_path: Path, person: str
) -> None:
    """Only people who may change records can use request ids. The service refuses an auditor, an administrator and a
    worker by the role, before the server refuses them by a grant.
    """
    desk, file = desks[person], tmp_path / "trail.csv"
    if person in ("op-a", "lead-b"):
        assert desk.audit.export_csv(file, request_id="mine") == desk.audit.export_csv(file, request_id="mine")
        return
    error = call_for_refusal(
        lambda: desk.audit.export_csv(file, request_id="mine")
    )  # a worker exports nothing, id or not
    assert (error.code, error.detail["reason"]) == ("not_allowed", "role")


def test_a_refusal_of_a_person_without_read_rights_is_audited(desks: Mapping[str, Console]) -> None:
    """If an administrator, who may not read payments, requests a refund, the request is refused. The program writes
    the audit entry without reading the payment.
    """
    error = call_for_refusal(lambda: desks["adm-f"].refunds.request(RefundRequest(7, "100", "sent back")))
    assert (error.code, error.detail["reason"]) == ("not_allowed", "role")
    entries = desks["aud-e"].audit.list_entries()
    assert [entry.detail["amount"] for entry in entries if entry.subject == "payment 7"] == ["100"]
