"""Whole windows on real services and a sandbox over HTTP, real threads included."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import shiboken6
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from console.app import Console
from console.domain.errors import ConsoleError
from console.domain.records import CreditCheck, PurchaseRequest
from console.sandbox.server import Sandbox
from console.views.look.theme import install, look
from tests.desk.hands import Person
from tests.support.desks import MovedClock, opened
from tests.support.furnished import TEAM
from tests.support.money_desks import providers

Sit = Callable[..., Person]


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def console(tmp_path: Path, sandbox: Sandbox, clock: MovedClock) -> Iterator[Console]:
    """A desk of three clients with its people."""
    with opened(tmp_path / "desk", sandbox, clock, CLIENTS="1,2,42", **providers(sandbox.url)) as desk:
        desk.add_samples((), TEAM, lambda _report, _revision: b"")
        yield desk


@pytest.fixture
def sit(qtbot: QtBot, qapp: QApplication, console: Console, clock: MovedClock) -> Iterator[Sit]:
    """Opens a window on the desk, and closes it at the end."""
    install(qapp, theme="light")
    people: list[Person] = []

    def down() -> Person:
        people.append(Person(qtbot, console, console.settings, clock))
        return people[-1]

    yield down
    for person in people:
        if shiboken6.isValid(person.window):
            person.opening.close()
    look().choose("light")


def buy(console: Console, number: str, client: str = "1") -> CreditCheck:
    return console.credit_checks.purchase(PurchaseRequest(number, client))


def buy_unknown(console: Console, sandbox: Sandbox, number: str) -> CreditCheck:
    """A purchase that is charged and never answered."""
    sandbox.control.fault("status_after_charge:500", call="purchase", number=number)
    with pytest.raises(ConsoleError) as caught:
        buy(console, number)
    record = caught.value.detail["record"]
    assert isinstance(record, CreditCheck)
    return record


def buy_without_pdf(console: Console, sandbox: Sandbox, number: str) -> CreditCheck:
    """Bought, and the PDF is missing until it is fetched again."""
    sandbox.control.fault("pdf_missing", call="pdf", number=number)
    return buy(console, number)


def provider_id(sandbox: Sandbox, number: str) -> int:
    """What the provider's own screen would show."""
    return int(sandbox.control.ledger(number)["entries"][-1]["id"])
