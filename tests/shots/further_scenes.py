"""Scenes that the other modules don't have: tabs of a company, the list of reconciliations, an operation, and further
dialogs.
"""

from collections.abc import Mapping
from types import SimpleNamespace
from unittest.mock import patch

from console.domain.access.disabled_people import Disabling, PersonAccess
from console.domain.access.permissions import OPERATOR
from console.domain.alerts.incidents import IncidentState
from console.domain.desk_requests.records import LeftoverCredentials
from console.domain.payments.limits import Limit
from console.domain.records import CreditCheck, Person
from console.domain.registry.watched_facts import CORPORATION_CHANGE_RULE
from console.services.alerts.evaluate import AlertRuleEvaluator
from console.services.process.context import WORKER, act_as
from console.views.admin.limit_dialog import LimitDialog
from console.views.admin.page import AdminPage
from console.views.admin.person_dialogs import DisablePersonDialog, EnablePersonDialog
from console.views.alerts.incident_dialogs import (
    HandOverIncidentDialog,
    ReopenIncidentDialog,
    ResolveIncidentDialog,
)
from console.views.alerts.page import AlertsPage
from console.views.app.announcements_dialog import AnnouncementsDialog, open_announcements_dialog
from console.views.app.close_dialog import open_running_calls_dialog
from console.views.app.leftovers_dialog import LeftoverCredentialsDialog
from console.views.approvals.page import ApprovalsPage
from console.views.credit_checks.page import CreditCheckPage
from console.views.lookup.page import LookupPage
from console.views.records.note_dialog import HandOverDialog, NoteDialog
from console.views.refunds.decision_dialog import WithdrawDialog
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import (
    AdminRoute,
    AlertsRoute,
    ApprovalsRoute,
    CreditCheckRoute,
    LookupRoute,
    OperationRoute,
    QueuesRoute,
    ReconcileRunsRoute,
)
from console.views.runtime.status_values import PasswordRequest
from console.views.sign_in.password_dialog import open_password_dialog
from console.views.widgets.window.dialog import DialogFrame
from tests.shots.scenes import SceneFunction
from tests.shots.stage import WindowStage, add_administrator


def show_company_tabs(stage: WindowStage) -> None:
    stage.show_route(LookupRoute(stage.desk.list_checks("two_reports")[0].corporation_number))
    company = stage.find(LookupPage).company_panel
    for tab in company.company_tabs:
        company.tabs.setCurrentIndex(tab.tab_index)
        stage.take_picture(f"company-tab-{tab.name}")


def show_further_pages(stage: WindowStage) -> None:
    stage.show_route(ReconcileRunsRoute())
    stage.take_picture("reconcile-runs-done")
    unknown = (item.record for item in stage.desk.console.recovery.read_queue("unknown").items)
    check = next(record for record in unknown if isinstance(record, CreditCheck) and record.operation_id)
    stage.show_route(OperationRoute(check.operation_id or ""))
    stage.take_picture("operation")


def show_notes(stage: WindowStage) -> None:
    stage.show_route(CreditCheckRoute(stage.desk.list_checks("unknown")[0].id))
    page = stage.find(CreditCheckPage)
    assert page.details is not None
    ref = ("credit-check", page.details.record.id)
    collaboration = page.collaboration
    collaboration.open_note_dialog(*ref)
    _take_picture_of_dialog(stage, NoteDialog, "dialog-note")
    collaboration.open_hand_over_dialog(*ref)
    _take_picture_of_dialog(stage, HandOverDialog, "dialog-hand-over")


def show_incidents(stage: WindowStage) -> None:
    """Take pictures of an incident while it is handed over and resolved, of one that a colleague has acknowledged,
    and of a resolved one that can be reopened.
    """
    with act_as(WORKER):
        AlertRuleEvaluator(stage.desk.console._context).update_alerts()
    stage.show_route(AlertsRoute())
    page = stage.find(AlertsPage)
    # An acknowledged alert about a changed company is closed; another scene may have left one of them selected.
    stage.wait_until(
        lambda: page.table.go_to_item(lambda incident: incident.main_alert.rule_id != CORPORATION_CHANGE_RULE)
    )
    page.hand_over_current_incident()
    _take_picture_of_dialog(stage, HandOverIncidentDialog, "dialog-incident-hand-over")
    page.resolve_or_reopen_current_incident()
    _take_picture_of_dialog(stage, ResolveIncidentDialog, "dialog-incident-resolve")
    assert page.current_incident is not None
    with stage.desk.console.acting_as("lead-b"):
        ids = [alert.id for alert in page.current_incident.alerts if alert.resolved_at is None]
        stage.desk.console.alerts.acknowledge_alerts(ids, "店舗に電話します")
    page.read_data_again()
    stage.wait_until(lambda: page.current_incident is not None and page.current_incident.is_acknowledged)
    stage.wait_until_idle()
    stage.take_picture("alerts-acknowledged")
    stage.desk.console.incidents.resolve(page.current_incident.id, "店舗と合意済み")
    stage.show_route(AlertsRoute(page.current_incident.main_alert.id))
    page.read_data_again()
    stage.wait_until(
        lambda: page.current_incident is not None and page.current_incident.state is IncidentState.RESOLVED
    )
    stage.wait_until_idle()
    stage.take_picture("alerts-resolved")
    page.resolve_or_reopen_current_incident()
    _take_picture_of_dialog(stage, ReopenIncidentDialog, "dialog-incident-reopen")


def show_further_dialogs(stage: WindowStage) -> None:
    stage.show_route(QueuesRoute("unknown"))
    context, window = stage.opening.context, stage.window
    open_announcements_dialog(stage.frame)
    _take_picture_of_dialog(stage, AnnouncementsDialog, "dialog-notices")
    with add_administrator(context) as administrator:
        context.change_operator(administrator)
        stage.show_route(AdminRoute())
        LimitDialog(context, Limit("per_refund", "JPY", 1_000_000, 1_500_000, "adm-g"), window).open()
        _take_picture_of_dialog(stage, LimitDialog, "dialog-limit")
        page = stage.find(AdminPage)
        person = Person("op-a", frozenset({OPERATOR}), may_buy=True)
        disabling = Disabling(context.now(), "adm-g", "パソコンの盗難")
        page.people_table.show_rows(
            (
                PersonAccess(person, disabling, "adm-g"),
                PersonAccess(Person("op-b", frozenset({OPERATOR}), may_buy=False)),
            )
        )
        page.tabs.setCurrentIndex(2)
        stage.wait_until_idle()
        stage.take_picture("admin-people")
        DisablePersonDialog(context, PersonAccess(person), window).open()
        _take_picture_of_dialog(stage, DisablePersonDialog, "dialog-disable-person")
        EnablePersonDialog(context, PersonAccess(person, disabling, "adm-g"), window).open()
        _take_picture_of_dialog(stage, EnablePersonDialog, "dialog-enable-person")
    stage.show_route(QueuesRoute("unknown"))
    leftovers = LeftoverCredentials(("CONSOLE_SECRET_PAYPAY_API_KEY",), ("alarmbox", "paypay"))
    LeftoverCredentialsDialog(context, leftovers, window).open()
    _take_picture_of_dialog(stage, LeftoverCredentialsDialog, "dialog-leftovers")
    request = PasswordRequest(context.translate("act.limit"), True, window, lambda _: None, lambda: None)
    _take_picture_and_close(stage, open_password_dialog(context, request, window), "dialog-password")
    label = context.translate(
        "act.about",
        title=context.translate("case.title.payment", number="ORD-20261130-000006"),
        message=context.translate("action.probe"),
    )
    calls = (SimpleNamespace(label=label, state="running"),)
    with patch.object(WindowContext, "running_acting_calls", property(lambda _: calls)):
        _take_picture_and_close(stage, open_running_calls_dialog(stage.frame), "dialog-close")


def show_withdrawal(stage: WindowStage) -> None:
    stage.show_route(ApprovalsRoute())
    page = stage.find(ApprovalsPage)
    own = next(refund for refund in page.inbox.other_refunds if refund.maker == stage.opening.context.operator)
    page.action_handlers.open_withdraw_dialog(stage.desk.console.refunds.read_refund(own.id))
    _take_picture_of_dialog(stage, WithdrawDialog, "dialog-withdraw")


def _take_picture_of_dialog(stage: WindowStage, kind: type[DialogFrame], name: str) -> None:
    _take_picture_and_close(stage, stage.find(kind), name)


def _take_picture_and_close(stage: WindowStage, dialog: DialogFrame, name: str) -> None:
    stage.take_picture(name)
    dialog.reject()
    stage.wait_until_idle()


FURTHER_SCENES: Mapping[str, SceneFunction] = {
    "company_tabs": show_company_tabs,
    "further_pages": show_further_pages,
    "notes": show_notes,
    "incidents": show_incidents,
    "further_dialogs": show_further_dialogs,
    "withdrawal": show_withdrawal,
}
