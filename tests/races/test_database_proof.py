"""Tests that the database itself refuses a second live credit check of the same client and corporation, whichever
application inserts it and however the corporation number is written."""

import sqlite3
from collections.abc import Iterator

import pymysql
import pytest

from console.app import Console
from console.domain.errors import ConsoleError
from console.domain.records import PurchaseRequest
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.invented import invent_numbers
from tests.support.places import Place

(CORPORATION_NUMBER,) = invent_numbers(1, seed=7)
NUMBER_IN_FULL_WIDTH = CORPORATION_NUMBER.translate({ord("0") + i: 0xFF10 + i for i in range(10)})
NUMBER_SPELLINGS = (
    *(CORPORATION_NUMBER, NUMBER_IN_FULL_WIDTH, f"{CORPORATION_NUMBER[:1]}-{CORPORATION_NUMBER[1:]}"),
    *(
        f" {CORPORATION_NUMBER[:5]} {CORPORATION_NUMBER[5:]} ",
        f"{NUMBER_IN_FULL_WIDTH[:4]}－{CORPORATION_NUMBER[4:]}",
    ),
)
REFUSED_ERRORS = (sqlite3.IntegrityError, pymysql.err.IntegrityError)


@pytest.fixture
def console(place: Place) -> Iterator[Console]:
    with place.desk(InMemoryAlarmBox()) as desk:
        yield desk


def insert_as_other_application(place: Place, spelling: str, id_at_provider: int | None) -> None:
    """Insert a row of a credit check as another application would. `spelling` is the corporation number as that
    application writes it; `id_at_provider` is the provider's id of the purchase (None: pending)."""
    values = f"1, '{spelling}', {'NULL' if id_at_provider is None else id_at_provider}"
    columns = "client_id, corporation_number, credit_check_id"
    place.execute_as_shop(f"INSERT INTO hansha_alarmbox_credit_checks ({columns}) VALUES ({values})")


@pytest.mark.parametrize("id_at_provider", [None, 77], ids=["pending", "success"])
@pytest.mark.parametrize("spelling", NUMBER_SPELLINGS)
def test_a_second_live_row_is_refused(
    console: Console, place: Place, spelling: str, id_at_provider: int | None
) -> None:
    """The console has bought a credit check. If another application inserts a row with the same corporation number,
    in any spelling, the unique index of the database refuses the row."""
    console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1"))
    with pytest.raises(REFUSED_ERRORS, match=r"UNIQUE|uq_credit_checks_claim"):
        insert_as_other_application(place, spelling, id_at_provider)


@pytest.mark.parametrize("spelling", NUMBER_SPELLINGS)
def test_a_row_of_another_application_holds_the_claim(console: Console, place: Place, spelling: str) -> None:
    """A row that another application has inserted holds the claim of its corporation, so the console refuses to buy
    this credit check.
    """
    insert_as_other_application(place, spelling, None)
    with pytest.raises(ConsoleError) as caught:
        console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1"))
    assert caught.value.code == "already_purchased"
