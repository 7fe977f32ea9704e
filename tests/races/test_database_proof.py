"""What the database refuses by itself, whoever writes and however the number is spelled."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.app import Console
from console.domain.errors import ConsoleError
from console.domain.records import PurchaseRequest
from tests.support.invented import numbers
from tests.support.ledger_vendor import LedgerVendor
from tests.support.quick_desks import quick_desk, quick_folder

(NUMBER,) = numbers(1, seed=7)
FULL_WIDTH = NUMBER.translate({ord("0") + i: 0xFF10 + i for i in range(10)})
SPELLINGS = (
    *(NUMBER, FULL_WIDTH, f"{NUMBER[:1]}-{NUMBER[1:]}"),
    *(f" {NUMBER[:5]} {NUMBER[5:]} ", f"{FULL_WIDTH[:4]}－{NUMBER[4:]}"),
)  # fmt: skip
INSERT = "INSERT INTO hansha_alarmbox_credit_checks (client_id, corporation_number, credit_check_id) VALUES (1, ?, ?)"


@pytest.fixture
def home() -> Iterator[Path]:
    with quick_folder() as folder:
        yield folder


@pytest.fixture
def console(home: Path) -> Iterator[Console]:
    with quick_desk(home, LedgerVendor()) as desk:
        yield desk


@pytest.mark.parametrize("provider_id", [None, 77], ids=["pending", "success"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_second_live_row_is_refused(console: Console, home: Path, spelling: str, provider_id: int | None) -> None:
    """Another application that inserts a held number, in any spelling that SQL knows, is told so by the database."""
    console.credit_checks.purchase(PurchaseRequest(NUMBER, "1"))
    other = sqlite3.connect(home / "console.db")
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        other.execute(INSERT, (spelling, provider_id))
    other.close()


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_row_of_others_holds_the_claim(console: Console, home: Path, spelling: str) -> None:
    """What another application has inserted can't be bought a second time."""
    other = sqlite3.connect(home / "console.db", isolation_level=None)
    other.execute(INSERT, (spelling, None))
    other.close()
    with pytest.raises(ConsoleError) as caught:
        console.credit_checks.purchase(PurchaseRequest(NUMBER, "1"))
    assert caught.value.code == "already_purchased"
