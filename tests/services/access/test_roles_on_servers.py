"""The same table of rights where every person is an account of the database: both agree, and the service says why."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from console.app import Console
from console.domain.errors import ConsoleError
from console.domain.records import PurchaseRequest
from tests.services.test_roles import KINDS, NUMBER, WHO
from tests.support.ledger_vendor import LedgerVendor
from tests.support.quick_desks import quick_desk, quick_folder
from tests.support.servers import Server
from tests.support.teams import team

PEOPLE = {"op-a": "op-a", "lead-b": "lead-b", "aud-e": "aud-e", "adm-f": "adm-f", "worker": "auto-g"}
"""Accounts of the team, and whose row of the table each is."""


@pytest.fixture(scope="module")
def desks(mariadb_server: Server) -> Iterator[Mapping[str, Console]]:
    """A desk of each person on one database, with one bought check."""
    with quick_folder() as folder, team(mariadb_server) as people:
        shelf = (folder / "documents").as_uri()
        vendor = LedgerVendor()  # one provider, whose ids are of all
        opened = {
            who: quick_desk(folder / who, vendor, DATABASE_URL=people.urls[who], OPERATOR="", DOCUMENTS_URL=shelf)
            for who in PEOPLE
        }
        opened["op-a"].credit_checks.purchase(PurchaseRequest(NUMBER, "1"))
        yield opened
        for desk in opened.values():
            desk.close()


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize(("kind", "act"), [(kind, act) for kind, acts in KINDS.items() for act in acts])
def test_accounts_may_what_their_role_may(
    desks: Mapping[str, Console], tmp_path: Path, who: str, kind: str, act: str
) -> None:
    """Grants never refuse what the role may, and where it may not the role is named, not a grant."""
    try:
        KINDS[kind][act](desks[who], tmp_path)
    except ConsoleError as refused:
        code, reason = refused.code, refused.detail.get("reason")
    else:
        code, reason = "", None
    if PEOPLE[who] in WHO[kind]:
        assert code != "not_allowed", reason
    else:
        assert (code, reason) == ("not_allowed", "role")
