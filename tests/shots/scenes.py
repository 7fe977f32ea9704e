"""The scenes of most screens and dialogs, one function each. Some scenes continue with the records that an earlier
scene has changed.
"""

from collections.abc import Callable, Mapping
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from console.domain.corporation_number import compute_check_digit
from console.domain.errors import ErrorCode
from console.providers.alarmbox import client
from console.services.process.context import act_as
from console.views.admin.page import AdminPage
from console.views.admin.switch_dialog import ReadOnlySwitchDialog
from console.views.audit.page import AuditPage
from console.views.credit_checks.page import CreditCheckPage
from console.views.documents.compare_page import PdfComparisonPage
from console.views.documents.pdf_page import PdfPage
from console.views.help.about_dialog import open_about_dialog
from console.views.help.help_dialog import open_help_dialog
from console.views.help.shortcuts_dialog import open_shortcuts_dialog
from console.views.home.first_tasks_panel import FirstTasksPanel
from console.views.left_open.unfinished_dialog import UnfinishedWorkDialog, open_unfinished_work_dialog
from console.views.lookup.page import LookupPage
from console.views.notifications.dialog import NotificationsDialog
from console.views.purchase.dialog import PurchaseDialog
from console.views.purchase.refetch_dialog import RefetchDialog
from console.views.records.resolve_dialog import ResolveDialog
from console.views.runtime.first_tasks import FIRST_START_PREFERENCE, FIRST_TASKS_ENDED_PREFERENCE, FirstTask
from console.views.runtime.routes import (
    AdminRoute,
    AuditRoute,
    CreditCheckRoute,
    HomeRoute,
    LookupRoute,
    PdfComparisonRoute,
    PdfRoute,
    QueuesRoute,
)
from console.views.runtime.tasks import Failure
from console.views.sign_in.privacy_cover import PrivacyCover
from console.views.sign_in.sign_in_form import SignInForm
from console.views.sign_in.unlock_form import UnlockForm
from console.views.widgets.controls.inputs import DropDownList
from console.views.widgets.window.dialog import DialogFrame
from tests.shots.stage import WindowStage, add_administrator

SceneFunction = Callable[[WindowStage], None]


def show_home(stage: WindowStage) -> None:
    for sample in (
        *stage.desk.list_checks("incomplete")[:2],
        *stage.desk.list_checks("unknown")[:2],
        *stage.desk.list_checks("complete")[:3],
    ):
        stage.show_route(CreditCheckRoute(sample.id))
    stage.show_route(HomeRoute())
    stage.take_picture("home")


def show_first_tasks(stage: WindowStage) -> None:
    """Take a picture of Home for a person who has opened the window for the first time and has looked at the help."""
    stage.show_route(HomeRoute())
    preferences, tasks = stage.opening.context.preferences, stage.opening.context.first_tasks
    preferences.store(FIRST_START_PREFERENCE, int(stage.opening.context.now().timestamp()))
    preferences.store(FIRST_TASKS_ENDED_PREFERENCE, None)
    tasks.mark_task_done(FirstTask.HELP)
    stage.find(FirstTasksPanel).buttons[FirstTask.SEARCH].setFocus()
    stage.take_picture("first-tasks")
    tasks.dismiss_tasks()


def show_queues(stage: WindowStage) -> None:
    for queue in ("review", "unknown", "disagree", "incomplete", "error"):
        stage.show_route(QueuesRoute(queue))
        stage.take_picture(f"queue-{queue}")


def show_company(stage: WindowStage) -> None:
    stage.show_route(LookupRoute())
    stage.take_picture("lookup-empty")
    stage.show_route(LookupRoute(stage.desk.list_checks("several_clients")[0].corporation_number))
    stage.take_picture("company")
    stage.show_route(
        LookupRoute(
            next(s for s in stage.desk.list_checks("incomplete") if s.column_values.get("work_at")).corporation_number
        )
    )
    stage.take_picture("company-open-matters")
    stage.show_route(LookupRoute(find_free_number(7)))
    stage.take_picture("company-none")
    page = stage.find(LookupPage)
    known = stage.desk.list_checks("complete")[0].corporation_number
    page.number_field.edit.selectAll()
    page.number_field.edit.insert(known[:5] + str((int(known[5]) + 1) % 10) + known[6:])
    stage.take_picture("lookup-wrong-digit")


def show_records(stage: WindowStage) -> None:
    kinds = {
        "complete": stage.desk.list_checks("complete")[-1].id,
        "incomplete": next(s for s in stage.desk.list_checks("incomplete") if s.missing_parts == ("pdf",)).id,
        "unknown": stage.desk.list_checks("unknown")[0].id,
        "second-person": stage.desk.list_checks("half_decided")[0].id,
        "error": stage.desk.list_checks("error")[0].id,
        "renewed": stage.desk.list_checks("superseded")[0].id,
        "contradicted": stage.desk.list_checks("contradicted")[0].id,
        "running": stage.desk.list_checks("running")[0].id,
    }
    trail = tuple(kinds.values())
    for name, id in kinds.items():
        stage.show_route(CreditCheckRoute(id, trail, "queues"))
        stage.take_picture(f"record-{name}")


def show_record_tabs(stage: WindowStage) -> None:
    stage.show_route(CreditCheckRoute(stage.desk.list_checks("two_reports")[0].id))
    page = stage.find(CreditCheckPage)
    for name in ("documents", "history", "evidence", "audit"):
        page.tabs.show_tab(name)
        stage.take_picture(f"record-tab-{name}")
    page.tabs.show_tab("timeline")


def show_evidence_messages(stage: WindowStage) -> None:
    """Take pictures of three messages: an evidence pack was saved, its file name was refused because the file exists,
    and the timeline was copied."""
    record = stage.desk.list_checks("two_reports")[0]
    stage.show_route(CreditCheckRoute(record.id))
    page = stage.find(CreditCheckPage)
    with TemporaryDirectory() as folder:
        for name in ("evidence-pack", "evidence-pack-refused"):
            page.evidence.write_pack("credit-check", record.id, page.head.title.short_form, Path(folder, "case.zip"))
            stage.wait_until_idle()
            stage.take_picture(name)
    page.hide_bar("act")
    page.evidence.copy_timeline("credit-check", record.id, page.head.title.short_form)
    stage.wait_until(lambda: bool(stage.frame.toasts.visible_toasts))
    stage.take_picture("story-copied")


def show_pdf(stage: WindowStage) -> None:
    stage.show_route(PdfRoute(stage.desk.list_checks("complete")[0].id))
    page = stage.find(PdfPage)
    stage.wait_until(lambda: page.page_view.has_page)
    page.search_field.setText("credit check")
    QTest.keyClick(page.search_field, Qt.Key.Key_Return)
    stage.wait_until_idle()
    stage.take_picture("pdf")


def show_comparison(stage: WindowStage) -> None:
    """Take pictures of two versions of a PDF next to each other: as they are opened, and at the next difference, on
    the second page.
    """
    stage.show_route(PdfComparisonRoute(stage.desk.list_checks("two_reports")[0].id))
    page = stage.find(PdfComparisonPage)
    stage.wait_until(lambda: len(page.difference_table.all_rows) > 1 and bool(page.new_view.marks))
    stage.take_picture("pdf-compare")
    page.select_difference_by_step(1)
    stage.wait_until(lambda: page.page_index == 1 and bool(page.new_view.marks))
    stage.take_picture("pdf-compare-changed")


def show_audit(stage: WindowStage) -> None:
    stage.show_route(AuditRoute())
    stage.find(AuditPage).verify_button.click()
    stage.wait_until_idle()
    stage.take_picture("audit")


def show_admin(stage: WindowStage) -> None:
    stage.show_route(AdminRoute())
    page = stage.find(AdminPage)
    stage.wait_until(lambda: page.switch_table.current_item is not None)
    with act_as("lead-b"):
        stage.desk.console.read_only_switches.set_switch("paypay", True, "PayPay の障害（18 時まで）")
    page.read_data_again()
    stage.wait_until_idle()
    stage.take_picture("admin-read-only")
    page.context.change_operator("lead-b")  # who may use the switch
    stage.wait_until_idle()
    dialog = ReadOnlySwitchDialog(page.context, "everything", page.window(), is_on=True)
    dialog.open()
    dialog.reason_field.edit.setText("復旧の見込みなし")  # type: ignore[union-attr]  # a line
    stage.wait_until(dialog.main_button.isEnabled)
    stage.take_picture("admin-switch")
    dialog.reject()
    page.context.change_operator("op-a")
    page.tabs.setCurrentIndex(1)
    stage.wait_until_idle()
    stage.take_picture("admin-limits")
    stage.wait_until(lambda: page.health_table.current_item is not None)
    for place, name in ((3, "health"), (4, "schedules"), (5, "reasons")):
        page.tabs.setCurrentIndex(place)
        stage.wait_until_idle()
        stage.take_picture(f"admin-{name}")
    with act_as("lead-b"):
        stage.desk.console.read_only_switches.set_switch("paypay", False, "復旧")


def show_search(stage: WindowStage) -> None:
    stage.show_route(QueuesRoute("unknown"))
    assert stage.opening.controller is not None
    stage.opening.controller.command_palette.open()
    box = stage.opening.controller.command_palette.search_box
    number = stage.desk.list_checks("several_clients")[0].corporation_number
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in number)
    box.input.insert(f"{wide[:5]}-{wide[5:9]}-{wide[9:]}")
    stage.wait_until_idle()
    stage.take_picture("search")
    box.close()


def show_menu(stage: WindowStage) -> None:
    assert stage.opening.controller is not None
    menu = stage.opening.controller.person_menu.build_menu()
    menu.popup(stage.window.mapToGlobal(QPoint(0, 0)))
    button = stage.frame.top_bar.operator
    corner = button.mapTo(stage.window, QPoint(button.width(), button.height() + 2))
    stage.take_picture_with_overlay("person-menu", menu, corner.x() - menu.width(), corner.y())
    menu.close()


def show_dialogs(stage: WindowStage) -> None:
    assert stage.opening.controller is not None
    stage.show_route(QueuesRoute("unknown"))
    _take_picture_of_dialog(stage, open_unfinished_work_dialog(stage.frame), "dialog-unfinished")
    left_open = open_unfinished_work_dialog(stage.frame)
    left_open.show_tab("own")
    _take_picture_of_dialog(stage, left_open, "dialog-left-open")
    _take_picture_of_dialog(stage, open_shortcuts_dialog(stage.frame, stage.frame.current_page), "dialog-keys")
    _take_picture_of_dialog(stage, open_help_dialog(stage.frame, stage.frame.current_page), "dialog-help")
    _take_picture_of_dialog(stage, open_about_dialog(stage.frame), "dialog-about")
    notifications = NotificationsDialog(stage.frame.context, stage.window, has_desktop=True)
    notifications.open()
    _take_picture_of_dialog(stage, notifications, "dialog-notifications")


def show_lock(stage: WindowStage) -> None:
    assert stage.opening.controller is not None
    stage.show_route(HomeRoute())
    stage.opening.controller.idle_lock.lock_window()
    stage.take_picture("locked")
    stage.opening.controller.idle_lock.unlock_window()


def show_sign_in(stage: WindowStage) -> None:
    """Take pictures of the sign-in with and without a keyring, empty and after a refusal with the help open."""
    for name, can_keep in (("sign-in", True), ("sign-in-no-keyring", False)):
        form = SignInForm(stage.opening.context, "db.example:3306/console", "", can_store_password=can_keep)
        stage.frame.window_cover.show_cover(PrivacyCover(stage.opening.context, form))
        form.focus_first_input()
        stage.take_picture(name)
        form.user_field.edit.setText("op-a")  # type: ignore[union-attr]  # a line
        form.show_failure(Failure(ErrorCode.BAD_PROFILE, {"problem": "access_denied"}))
        form.help_button.click()
        stage.take_picture(f"{name}-refused")
    stage.frame.window_cover.remove_cover()


def show_unlock(stage: WindowStage) -> None:
    """Take a picture of the form that unlocks a window on a server database; it asks for the password."""
    form = UnlockForm(stage.opening.context, stage.opening.context.now(), needs_password=True)
    stage.frame.window_cover.show_cover(PrivacyCover(stage.opening.context, form))
    form.focus_first_input()
    form.show_failure(None)
    stage.take_picture("locked-password")
    stage.frame.window_cover.remove_cover()


def show_missing_rights(stage: WindowStage) -> None:
    """Take pictures of an administrator's window, and of a queue in an auditor's window, which offer only the actions
    of these roles.
    """
    context = stage.opening.context
    with add_administrator(context) as administrator:
        for name, route in ((administrator, HomeRoute()), ("aud-e", QueuesRoute("unknown"))):
            context.change_operator(name)
            stage.show_route(route)
            stage.take_picture(f"role-{name}")


def show_purchase(stage: WindowStage) -> None:
    """Take pictures of the dialog before a purchase, of four results (bought, bought with missing parts, refused, and
    unknown), and of a purchase that is still running.
    """
    control = stage.desk.sandbox.control
    endings = {
        "bought": None,
        "incomplete": ("pdf_missing", "pdf"),
        "refused": ("status:422", "purchase"),
        "unknown": ("reset_after_charge", "purchase"),
        "asking": ("hang", "purchase"),
    }
    for place, (name, fault) in enumerate(endings.items()):
        number = find_free_number(20 + place)
        if fault:
            control.add_fault(fault[0], call=fault[1], number=number, times="always")
        stage.show_route(LookupRoute(number, opens_purchase=True))
        dialog = stage.find(PurchaseDialog)
        if name == "bought":
            stage.take_picture("dialog-purchase-choose")
        choice = dialog.form.client_input
        assert isinstance(choice, DropDownList)
        choice.setCurrentIndex(1)
        dialog.form.purpose_boxes[0].setChecked(True)
        stage.wait_until(dialog.main_button.isEnabled)
        if name == "bought":
            stage.take_picture("dialog-purchase")
        if name == "asking":
            # a slow machine needs more than the usual time limit of the call until the picture is taken
            with patch.multiple(client, PURCHASE_READ_TIMEOUT_SECONDS=600.0, PURCHASE_BUDGET_SECONDS=600.0):
                dialog.main_button.click()
                stage.wait_until(lambda number=number: control.read_state()["held"] != [])  # type: ignore[misc]  # of this turn
            QTest.qWait(300)
            stage.opening.runner.is_idle = lambda: True  # type: ignore[method-assign]  # it is held on purpose
            stage.take_picture("dialog-purchase-asking")
            assert dialog.is_busy, "the picture shows the end of the call"
            del stage.opening.runner.is_idle
            control.release_calls()
        else:
            dialog.main_button.click()
        stage.wait_until(lambda dialog=dialog: not dialog.is_busy)  # type: ignore[misc]  # of this turn
        if name != "asking":
            stage.wait_until(
                lambda: bool(stage.find(LookupPage).company_panel.credit_checks)
            )  # the page behind has read it too
            stage.take_picture(f"dialog-purchase-{name}")
        dialog.cancel_button.click()
        stage.wait_until_idle()


def show_refetch(stage: WindowStage) -> None:
    stage.show_route(
        CreditCheckRoute(next(s for s in stage.desk.list_checks("incomplete") if s.missing_parts == ("pdf",)).id)
    )
    page = stage.find(CreditCheckPage)
    assert page.details is not None
    page.action_handlers.open_refetch_dialog(page.details.record)
    dialog = stage.find(RefetchDialog)
    stage.wait_until(dialog.main_button.isEnabled)
    stage.take_picture("dialog-refetch")
    dialog.main_button.click()
    stage.wait_until(lambda: not dialog.is_busy)
    stage.take_picture("dialog-refetch-done")
    dialog.cancel_button.click()


def show_resolve(stage: WindowStage) -> None:
    stage.show_route(CreditCheckRoute(stage.desk.list_checks("unknown")[1].id))
    page = stage.find(CreditCheckPage)
    assert page.details is not None
    page.action_handlers.open_resolve_dialog(page.details.record)
    dialog = stage.find(ResolveDialog)
    stage.take_picture("dialog-resolve-empty")
    dialog.form.kind_buttons["file"].setChecked(True)
    with TemporaryDirectory() as folder, chdir(folder):  # the picture shows a name, not a folder of this machine
        Path("alarmbox-list.pdf").write_bytes(b"%PDF-1.4\n")
        dialog.form.file_field.edit.setText("alarmbox-list.pdf")  # type: ignore[union-attr]  # a line
        dialog.form.not_bought_button.setChecked(True)
        dialog.form.reason_text_field.edit.setText("11 月 20 日の一覧にありません")  # type: ignore[union-attr]  # a line
        stage.wait_until(dialog.main_button.isEnabled)
        stage.take_picture("dialog-resolve")
        dialog.main_button.click()
        stage.wait_until(lambda: not dialog.is_busy)
    stage.take_picture("dialog-resolve-awaiting")
    dialog.cancel_button.click()


def _take_picture_of_dialog(stage: WindowStage, dialog: DialogFrame, name: str) -> None:
    if isinstance(dialog, UnfinishedWorkDialog):
        stage.wait_until_idle()
    stage.take_picture(name)
    dialog.reject()
    stage.wait_until_idle()


def find_free_number(serial: int) -> str:
    """Return a valid corporation number that no sample has. Each `serial` gives another number."""
    base = f"97{serial:010d}"
    return compute_check_digit(base) + base


MAIN_SCENES: Mapping[str, SceneFunction] = {
    "home": show_home,
    "queues": show_queues,
    "company": show_company,
    "records": show_records,
    "pdf": show_pdf,
    "compare": show_comparison,
    "audit": show_audit,
    "admin": show_admin,
    "sign_in": show_sign_in,
    "lock": show_lock,
    "unlock": show_unlock,
}
OTHER_SCENES: Mapping[str, SceneFunction] = {
    "record_tabs": show_record_tabs,
    "search": show_search,
    "menu": show_menu,
    "dialogs": show_dialogs,
    "purchase": show_purchase,
    "refetch": show_refetch,
    "resolve": show_resolve,
    "no_right": show_missing_rights,
    "proving": show_evidence_messages,
    "first_tasks": show_first_tasks,
}
