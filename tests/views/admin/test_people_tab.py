"""Tests of the tab with the people on the administration page: an administrator disables a person at once, and two
administrators enable the person."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from console.app import Console
from console.domain.access.disabled_people import PersonAccess
from console.domain.access.permissions import ADMIN, OPERATOR, WORKER
from console.domain.records import Person
from console.services.process.context import act_as
from console.views.admin.page import AdminPage
from console.views.admin.person_dialogs import DisablePersonDialog, EnablePersonDialog
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import AdminRoute
from console.views.widgets.base import TextLabel
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.inline_runner import InlineRunner
from tests.support.quick_desks import open_quick_desk
from tests.views.runtime.test_lost_answers import ServicesWithLostAnswers

REASON = "the laptop was stolen"
ROLES = {"adm-f": ADMIN, "adm-g": ADMIN, "night": WORKER, "op-a": OPERATOR, "op-b": OPERATOR}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Console]:
    with open_quick_desk(tmp_path / "desk", InMemoryAlarmBox()) as opened:
        for person in opened.people.list_enabled_people():
            assert person.name not in ROLES, person
        for name, role in ROLES.items():
            opened.people.add_person(Person(name, frozenset({role}), may_buy=False))
        yield opened


@pytest.fixture
def open_page(desk: Console, qtbot: QtBot, appearance: object) -> Callable[..., AdminPage]:
    """Return a function that opens the page for a person, with the tab of the people."""

    def open_page_of(person: str, services: object = desk) -> AdminPage:
        context = WindowContext(desk.settings, InlineRunner(), desk._context.clock)
        context.operator = person
        context.store_services(services)  # type: ignore[arg-type]  # the services, looked up by name
        page = AdminPage(context)
        qtbot.addWidget(page)
        page.show()
        page.show_route(AdminRoute())
        page.tabs.setCurrentIndex(2)
        return page

    return open_page_of


def select_person(page: AdminPage, name: str) -> PersonAccess:
    """Select the person in the table, and return the selected row."""
    page.people_table.go_to_row([row.person.name for row in page.people_table.all_rows].index(name))
    selected = page.people_table.current_item
    assert isinstance(selected, PersonAccess)
    return selected


def test_the_button_says_why_a_person_stays(desk: Console, open_page: Callable[..., AdminPage]) -> None:
    """The button is disabled with a reason for the acting person, for a worker, for a person whom the accounts file
    has disabled, and for a person whom the acting person has already requested to enable."""
    desk.accounts.apply_account_file(
        '{"operators": [{"name": "op-b", "roles": ["operator"], "disabled": true}]}', lambda _: None
    )
    with act_as("adm-f"):
        page = open_page("adm-f")
        for name, key in (("adm-f", "own"), ("night", "worker"), ("op-b", "by_file")):
            select_person(page, name)
            assert page.person_button.shown_reason == page.context.translate(f"admin.person.{key}")
        for name in ("adm-g", "op-a"):
            select_person(page, name)
            assert page.person_button.shown_reason == ""
        desk.disabled_people.disable("op-a", REASON)
        desk.disabled_people.enable("op-a")
        page.read_data("entered")
        select_person(page, "op-a")
        assert page.person_button.shown_reason == page.context.translate("admin.person.own_request")
        assert REASON in page.detail_label.plain


def test_the_last_administrator_sees_that_nobody_can_confirm(
    desk: Console, open_page: Callable[..., AdminPage]
) -> None:
    """While the acting administrator is the only one, the button to enable a person is disabled and has the reason;
    a person can be disabled nevertheless."""
    with act_as("adm-f"):
        desk.disabled_people.disable("adm-g", REASON)
        page = open_page("adm-f")
        page.context.replace_people(desk.people.list_enabled_people())
        select_person(page, "adm-g")
        assert page.person_button.shown_reason == page.context.translate("admin.person.alone")
        select_person(page, "op-a")
        assert page.person_button.shown_reason == ""


def test_a_dialog_ends_only_the_disabling_that_it_shows(desk: Console, open_page: Callable[..., AdminPage]) -> None:
    """While an administrator looks at the dialog, two others have enabled the person and one of them has disabled the
    person again: the request is refused, and the dialog says so."""
    desk.people.add_person(Person("adm-h", frozenset({ADMIN}), may_buy=False))
    with act_as("adm-f"):
        desk.disabled_people.disable("op-a", REASON)
        page = open_page("adm-f")
        dialog = EnablePersonDialog(page.context, select_person(page, "op-a"), page)
    for name in ("adm-g", "adm-h"):
        with act_as(name):
            desk.disabled_people.enable("op-a")
    with act_as("adm-h"):
        desk.disabled_people.disable("op-a", "again")
    with act_as("adm-f"):
        dialog.submit_form()
        shown_texts = [label.plain for label in dialog.findChildren(TextLabel)]
        assert page.context.translate("error.stale_view.operator") in shown_texts
        assert any(text.startswith("adm-h disabled this person") and "again" in text for text in shown_texts)
        assert dialog.main_button.text() == "Request enabling"
        page.read_data("entered")
        assert select_person(page, "op-a").proposed_by is None
        dialog.submit_form()
        page.read_data("entered")
        assert select_person(page, "op-a").proposed_by == "adm-f"


def test_a_person_without_the_role_sees_who_has_it(desk: Console, open_page: Callable[..., AdminPage]) -> None:
    """An operator sees the people and who is disabled, and beside the button who may change that."""
    with act_as("adm-f"):
        desk.disabled_people.disable("op-b", REASON)
    with act_as("op-a"):
        page = open_page("op-a")
        page.context.replace_people(desk.people.list_enabled_people())
        select_person(page, "op-b")
        assert "adm-g" in page.person_button.shown_reason
        assert REASON in page.detail_label.plain
        assert page.detail_label.plain.startswith("Disabled by adm-f")


def test_one_administrator_disables_and_another_enables(desk: Console, open_page: Callable[..., AdminPage]) -> None:
    """A second click after a lost answer repeats the call with the same request id. Two administrators then enable
    the person, and the dialog of the second one says that the person may act at once."""
    services = ServicesWithLostAnswers(desk)
    with act_as("adm-f"):
        page = open_page("adm-f", services)
        access = select_person(page, "op-a")
        for services.loses in (True, False):
            dialog = DisablePersonDialog(page.context, access, page)
            dialog.reason_field.edit.setText(REASON)  # type: ignore[union-attr]  # a line
            dialog.submit_form()
        ids = {request_id for service, _, request_id in services.sent if service == "disabled_people"}
        assert len(ids - {None}) == 1
        page.read_data("entered")
        access = select_person(page, "op-a")
        assert access.disabling is not None
        assert (access.disabling.by, access.disabling.reason) == ("adm-f", REASON)
        EnablePersonDialog(page.context, access, page).submit_form()
    with act_as("adm-g"):
        page = open_page("adm-g", services)
        confirmation = EnablePersonDialog(page.context, select_person(page, "op-a"), page)
        assert confirmation.main_button.text() == page.context.translate("dialog.person.enable.confirm")
        confirmation.submit_form()
        page.read_data("entered")
        assert select_person(page, "op-a").disabling is None
