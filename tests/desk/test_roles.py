"""What each role sees in the window: nothing is hidden, what isn't theirs is greyed and says who may."""

from PySide6.QtWidgets import QWidget

from console.app import Console
from console.domain.permissions import ADMIN
from console.domain.records import Person as Operator
from console.sandbox.server import Sandbox
from console.views.dialogs.resolve import ResolveDialog
from console.views.pages.audit import AuditPage
from console.views.pages.home import HomePage
from console.views.pages.lookup import LookupPage
from console.views.pages.no_right import NoRightPage
from console.views.pages.queues import QueuesPage
from console.views.pages.record import RecordPage
from console.views.routes import AuditRoute, HomeRoute, LookupRoute, QueuesRoute, RecordRoute, Route
from console.views.widgets.bars import Bar
from console.views.widgets.buttons import KeyButton
from tests.desk.conftest import Sit, buy_unknown
from tests.desk.hands import Person
from tests.desk.test_window import nameless
from tests.support.desks import NUMBERS

NUMBER, FREE = NUMBERS[0], NUMBERS[1]
MAY_PROBE = "Needs the role approver, operator: lead-b, op-a, op-c."


def become(person: Person, name: str) -> None:
    person.opening.seat.become(name)
    person.rest()


def off(root: QWidget) -> dict[str, str]:
    """The buttons in sight that are off, with their reasons."""
    buttons = [button for button in root.findChildren(KeyButton) if button.isVisible()]
    return {button.text().rstrip("."): button.reason for button in buttons if not button.isEnabled()}


def bars_of(page: QWidget) -> str:
    return "\n".join(bar.accessibleName() for bar in page.findChildren(Bar) if bar.isVisible())


def test_an_administrator_is_told_why_and_what_to_do_instead(sit: Sit, console: Console) -> None:
    """No screen of records and no page that failed: the reason, who may, and the commands for them."""
    console.people.add(Operator("adm-f", frozenset({ADMIN}), may_buy=False))
    person = sit()
    person.page(HomePage)
    become(person, "adm-f")
    routes: list[Route] = [HomeRoute(), QueuesRoute("unknown"), LookupRoute(NUMBER), RecordRoute(1), AuditRoute()]
    for route in routes:
        person.frame.go(route)
        page = person.page(NoRightPage)
        person.rest()
        assert page.why.plain.startswith("Needs the role approver, auditor, operator")
        assert "lead-b" in page.why.plain
        assert "db accounts apply" in page.instead.plain
        assert nameless(person.window) == []
    assert person.frame.page is not None
    assert person.frame.page.place == "audit"
    become(person, "aud-e")
    person.page(AuditPage)
    become(person, "nobody-here")
    page = person.page(NoRightPage)
    assert page.why.plain == "nobody-here is not known to this database. Ask an administrator to add the name."


def test_an_auditor_looks_and_changes_nothing(sit: Sit, console: Console, sandbox: Sandbox) -> None:
    """Every button that acts is there and off, with who may; a key says the same in a bar."""
    record = buy_unknown(console, sandbox, NUMBER)
    person = sit()
    become(person, "aud-e")
    person.frame.go(QueuesRoute("unknown"))
    queues = person.page(QueuesPage)
    person.until(lambda: queues.preview.record is not None)
    shown = off(queues.preview)
    assert set(shown) == {"Resolve with evidence", "Probe"}
    assert shown["Probe"] == MAY_PROBE
    assert any(label.accessibleName() == MAY_PROBE for label in queues.preview.findChildren(QWidget))
    person.press("P")
    person.until(lambda: f"Not done {MAY_PROBE}" in bars_of(queues))
    person.frame.go(RecordRoute(record.id))
    page = person.page(RecordPage)
    person.until(lambda: page.view is not None)
    assert set(off(page.verbs.bar)) == {"Probe", "Re-fetch", "Resolve with evidence", "Renew", "Take", "Note"}
    assert off(page.verbs.bar)["Probe"] == MAY_PROBE
    person.frame.go(LookupRoute(FREE))
    lookup = person.page(LookupPage)
    person.rest()
    assert lookup.company.buy_button.reason == "Needs the role approver, operator: lead-b, op-a."
    become(person, "op-a")
    person.until(lookup.company.buy_button.isEnabled)


def test_an_operator_without_the_permission_to_buy(sit: Sit) -> None:
    """The role fits, the permission is missing: said so, with who has it."""
    person = sit()
    become(person, "op-c")
    person.frame.go(LookupRoute(FREE))
    lookup = person.page(LookupPage)
    person.rest()
    assert lookup.company.buy_button.reason == "You don't have the permission to buy. Those who do: lead-b, op-a."


def test_half_a_decision_waits_for_another_approver(sit: Sit, console: Console, sandbox: Sandbox) -> None:
    """Who began it can't end it, nor can an operator: both are told whom it takes; an approver may."""
    record = buy_unknown(console, sandbox, NUMBER)
    console.recovery.resolve("credit-check", record.id, "error", "not in their list")
    person = sit()
    expected = {
        "op-a": "The first decision was yours. Another approver is needed: lead-b.",
        "op-c": "Needs the role approver: lead-b.",
        "lead-b": "",
    }
    person.frame.go(RecordRoute(record.id))
    page = person.page(RecordPage)
    for name, reason in expected.items():
        become(person, name)
        page.acts.resolve(record, "op-a")
        dialog = person.dialog(ResolveDialog)
        dialog.form.kinds["text"].setChecked(True)
        field = dialog.form.text.edit
        person.until(field.isVisible)
        field.setFocus()
        person.until(field.hasFocus)
        person.type_in("x")
        assert dialog.form.unbought.accessibleDescription() == reason
        assert dialog.form.unbought.isEnabled() is not bool(reason)
        dialog.reject()
        person.no_dialog()
