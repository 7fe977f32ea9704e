"""How many statements a guarded purchase sends to its database: each is a round trip on a server (decision 0056)."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from console.app import Console
from console.domain.records import PurchaseRequest
from tests.support.invented import numbers
from tests.support.ledger_vendor import LedgerVendor
from tests.support.places import Place

MOST = {"sqlite": 24, "mariadb": 25, "mysql": 25}
"""By engine; COMMIT is counted for servers alone. A further statement makes each purchase slower: a decision."""
AT_MOST_ONCE_A_SECOND = ("console_meta", "alembic_version", "information_schema")


@contextmanager
def counted(desk: Console) -> Iterator[list[str]]:
    """What the desk sends to its database within the block."""
    sent: list[str] = []
    engines = {id(engine): engine for engine in (desk.database.engine, desk.database._reader)}.values()

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith("BEGIN") and not any(name in statement for name in AT_MOST_ONCE_A_SECOND):
            sent.append(statement)

    def commit(_conn: object) -> None:
        if desk.database.is_server:
            sent.append("COMMIT")

    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
        event.listen(engine, "commit", commit)
    try:
        yield sent
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)
            event.remove(engine, "commit", commit)


@pytest.mark.engines("sqlite", "mariadb")
def test_a_purchase_sends_few_statements(place: Place, vendor: LedgerVendor) -> None:
    """Until it is recorded, without the detail and the PDF that follow."""
    with place.desk(vendor) as desk:
        desk._service_builder._refetch_service.follow_up = lambda *_: None  # type: ignore[method-assign]  # just here
        first, second = numbers(2, seed=56)
        desk.credit_checks.purchase(PurchaseRequest(first, "1"))  # connects
        with counted(desk) as sent:
            bought = desk.credit_checks.purchase(PurchaseRequest(second, "1"))
    assert bought.state == "success"
    print(f"{place.engine}: {len(sent)}")
    assert len(sent) <= MOST[place.engine], "\n".join(sent)
