"""The scenes of the corporation registry: a search by name, a closed and a merged company, and a purchase."""

import tempfile
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

from console.sandbox.registry.changes import close_company, merge_company, rename_company
from console.sandbox.registry.files import write_difference_file, write_whole_file
from console.sandbox.registry.rows import make_company_row
from console.views.alerts.page import AlertsPage
from console.views.lookup.page import LookupPage
from console.views.purchase.dialog import PurchaseDialog
from console.views.runtime.routes import (
    AlertsRoute,
    ChangedCompaniesRoute,
    CreditCheckRoute,
    LookupRoute,
    QueuesRoute,
)
from tests.shots.scenes import SceneFunction, find_free_number
from tests.shots.stage import WindowStage

_TODAY = date(2026, 11, 20)


def show_registry(stage: WindowStage) -> None:
    """Take pictures of a search in the search box and on its page, of companies that were closed, merged or renamed,
    and of the registry's facts before a purchase."""
    lookup, now = stage.desk.console.lookup, stage.opening.context.now()
    live = [
        sample.corporation_number
        for sample in stage.desk.list_checks("complete")
        if any(
            check.is_live and (check.expired_at is None or check.expired_at > now)
            for check in lookup.find_records(sample.corporation_number).credit_checks
        )
    ]
    closed, merged, renamed, known = live[:4]
    successor = find_free_number(21)
    opened = {
        closed: make_company_row(closed, "株式会社みなも堂印刷", furigana="ミナモドウインサツ"),
        merged: make_company_row(merged, "有限会社みなも堂紙業", furigana="ミナモドウシギョウ"),
        renamed: make_company_row(renamed, "みなも堂商会株式会社"),
        known: make_company_row(known, "合同会社みなも堂", furigana="ミナモドウ"),
        successor: make_company_row(
            successor, "霧沢紙業ホールディングス株式会社", furigana="キリサワシギョウホールディングス"
        ),
    }
    changes = (
        close_company(opened[closed], _TODAY),
        merge_company(opened[merged], successor, _TODAY),
        rename_company(opened[renamed], "株式会社オリゾン測器", _TODAY),
    )
    with tempfile.TemporaryDirectory() as folder:
        whole = write_whole_file(Path(folder), _TODAY - timedelta(days=1), 2_000, 5, first_rows=opened.values())
        difference = write_difference_file(Path(folder), _TODAY, 20, 6, changes=changes)
        stage.desk.console.registry.import_files([whole])
        stage.desk.console.registry.import_files([difference])
    stage.show_route(AlertsRoute())
    page = stage.find(AlertsPage)
    stage.wait_until(lambda: page.table.current_item is not None)
    for row in range(page.table.rows.rowCount()):
        page.table.go_to_row(row)
        if page.current_incident is not None and page.current_incident.main_alert.rule_id == "corporation_changed":
            break
    stage.take_picture("alerts-company-changed")
    stage.show_route(ChangedCompaniesRoute())
    stage.take_picture("queue-companies")
    stage.show_route(QueuesRoute("unknown"))
    assert stage.opening.controller is not None
    stage.opening.controller.command_palette.open()
    box = stage.opening.controller.command_palette.search_box
    box.input.insert("みなも堂")
    stage.wait_until_idle()
    stage.take_picture("search-name")
    box.close()
    for name, text in (("found", "みなも堂"), ("closed", closed), ("merged", merged), ("renamed", renamed)):
        stage.show_route(LookupRoute(text))
        stage.take_picture(f"company-{name}")
    for name, number in (("closed", closed), ("merged", merged), ("renamed", renamed)):
        check = lookup.find_records(number).credit_checks[0]
        stage.show_route(CreditCheckRoute(check.id))
        stage.take_picture(f"credit-check-{name}")
    stage.show_route(LookupRoute(find_free_number(22)))
    stage.take_picture("company-not-in-registry")
    stage.show_route(LookupRoute(merged))
    stage.find(LookupPage).company_panel.open_purchase_dialog()
    dialog = stage.find(PurchaseDialog)
    stage.wait_until_idle()
    stage.take_picture("dialog-purchase-merged")
    dialog.reject()


REGISTRY_SCENES: Mapping[str, SceneFunction] = {"registry": show_registry}
