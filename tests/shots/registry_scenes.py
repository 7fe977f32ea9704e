"""What is photographed of the corporation registry: search by name, a closed and a merged company, a purchase."""

import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from console.sandbox.registry.changes import close, merge, rename
from console.sandbox.registry.files import write_whole
from console.sandbox.registry.rows import company_row
from console.store.registry.import_files import import_registry_files
from console.views.lookup.page import LookupPage
from console.views.purchase.dialog import PurchaseDialog
from console.views.runtime.routes import LookupRoute, QueuesRoute
from tests.shots.scenes import Scene, free_number
from tests.shots.stage import Stage

_DAY = date(2026, 11, 20)


def registry(stage: Stage) -> None:
    """A search in the box and on the page; companies that were closed, merged and renamed; before a purchase."""
    closed, merged, renamed, known = (sample.number for sample in stage.desk.of("complete")[:4])
    successor = free_number(21)
    rows = (
        close(company_row(closed, "株式会社みなも堂印刷", furigana="ミナモドウインサツ"), date(2026, 10, 31)),
        merge(
            company_row(merged, "有限会社みなも堂紙業", furigana="ミナモドウシギョウ"), successor, date(2026, 9, 1)
        ),
        rename(company_row(renamed, "みなも堂商会株式会社"), "株式会社オリゾン測器", date(2026, 11, 2)),
        company_row(known, "合同会社みなも堂", furigana="ミナモドウ"),
        company_row(successor, "霧沢紙業ホールディングス株式会社", furigana="キリサワシギョウホールディングス"),
    )
    with tempfile.TemporaryDirectory() as folder:
        file = write_whole(Path(folder), _DAY, 2_000, 5, planted=rows)
        import_registry_files(stage.desk.console.settings.home / "registry", [file], on_progress=lambda _: None)
    stage.go(QueuesRoute("unknown"))
    assert stage.opening.controller is not None
    stage.opening.controller.command_palette.open()
    box = stage.opening.controller.command_palette.box
    box.input.insert("みなも堂")
    stage.settle()
    stage.shoot("search-name")
    box.close()
    for name, text in (("found", "みなも堂"), ("closed", closed), ("merged", merged), ("renamed", renamed)):
        stage.go(LookupRoute(text))
        stage.shoot(f"company-{name}")
    stage.go(LookupRoute(free_number(22)))
    stage.shoot("company-not-in-registry")
    stage.go(LookupRoute(merged))
    page = stage.find(LookupPage)
    page.company.open_purchase()
    dialog = stage.find(PurchaseDialog)
    stage.settle()
    stage.shoot("dialog-purchase-merged")
    dialog.reject()


REGISTRY: Mapping[str, Scene] = {"registry": registry}
