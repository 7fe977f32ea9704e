"""The scenes of reconciliation: a run with every verdict, and runs that are in progress, stopped or without rows from
the provider.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from unittest.mock import patch

from console.cli.servers.demo import SAMPLE_SEED
from console.demo import reconciliation as demo_reconcile
from console.domain.calendar_days import JST
from console.domain.reconciliation.service_results import RunsPage
from console.services.reconciliation.run_reader import ReconciliationRunReader
from console.store.database.engine import Transaction
from console.store.operations import leases
from console.store.operations.leases import HoldingProcess
from console.store.reconciliation import runs as reconciliations
from console.views.money.payment_page import PaymentPage
from console.views.reconciliation.dialog import ReconcileDialog
from console.views.reconciliation.page import ReconcilePage
from console.views.runtime.routes import PaymentRoute, ReconcileRoute, ReconcileRunsRoute
from tests.shots.scenes import SceneFunction
from tests.shots.stage import WindowStage

RECONCILED_SAMPLE_KINDS = ("only_ours", "other_sum", "reconciled")
"""Kinds of sample payments that differ only in the provider's history."""


def show_reconciliation(stage: WindowStage) -> None:
    """Take pictures of the reconciliation page: before the first run, at the start of a run, and with its result and
    each part of the result. Further pictures have three payments of the run, stopped, running and failed runs, and a
    person without the right to reconcile."""
    context = stage.opening.context
    # a due task of the window may have reconciled the day before already
    with patch.multiple(ReconciliationRunReader, read_run=lambda *_: None, list_runs=lambda *_: RunsPage(())):
        stage.show_route(ReconcileRoute())
        stage.take_picture("reconcile-never")
        stage.show_route(ReconcileRunsRoute())
        stage.take_picture("reconcile-runs-never")
    now = context.now()
    demo_reconcile.prepare_reconciliation_days(stage.desk.console, stage.desk.sandbox, SAMPLE_SEED, now, "op-a")
    _begin_run(stage)
    stage.show_route(ReconcileRoute(stage.desk.console.reconciliation.views.list_runs("paypay").items[0].id))
    page = stage.find(ReconcilePage)
    stage.wait_until(lambda: page.table.current_item is not None)
    for row in range(page.rows.rowCount()):
        page.table.go_to_row(row)
        if page.current_difference is not None and page.current_difference.action == "probe":
            break
    stage.take_picture("reconcile")
    for number, part in enumerate(("differ", "only_ours", "only_theirs", "refused"), 1):
        page.tabs.setCurrentIndex(number)
        stage.take_picture(f"reconcile-{part}")
    page.tabs.setCurrentIndex(0)
    _show_compared_payments(stage, page)
    _show_other_runs(stage)
    context.change_operator("aud-e")
    stage.show_route(ReconcileRoute())
    stage.take_picture("reconcile-auditor")
    context.change_operator("op-a")


def _show_compared_payments(stage: WindowStage, page: ReconcilePage) -> None:
    """Take pictures of the pages of three payments that the run on `page` has compared: one that the provider's
    history doesn't contain, one of which it has another amount, and one that matches."""
    stage.wait_until_idle()
    different_ids = {item.payment.id for item in page.rows.iterate_loaded_rows() if item.payment is not None}
    for kind in RECONCILED_SAMPLE_KINDS:
        payment = stage.desk.list_payments(kind)[-1]
        assert (payment.id in different_ids) == (kind != "reconciled"), (kind, different_ids)
        stage.show_route(PaymentRoute(payment.id))
        payment_page = stage.find(PaymentPage)
        stage.wait_until(
            lambda shown=payment_page, id=payment.id: shown.details is not None and shown.details.record.id == id  # type: ignore[misc]  # of this turn
        )
        stage.take_picture(f"payment-{kind}")


def _begin_run(stage: WindowStage) -> None:
    stage.show_route(ReconcileRoute())
    page = stage.find(ReconcilePage)
    page.begin_button.click()
    dialog = stage.find(ReconcileDialog)
    stage.wait_until(dialog.main_button.isEnabled)
    stage.take_picture("dialog-reconcile")
    dialog.last_day_field.edit.setText("2026-13-01")  # type: ignore[union-attr]  # a line
    dialog._handle_typed_day()
    stage.take_picture("dialog-reconcile-wrong-day")
    dialog.last_day_field.edit.setText(dialog.first_day_field.text())  # type: ignore[union-attr]
    dialog._handle_typed_day()
    dialog.dry_run_box.setChecked(True)
    dialog.main_button.click()
    stage.wait_until(lambda: not dialog.is_busy)
    stage.take_picture("dialog-reconcile-dry")
    dialog.reject()
    stage.wait_until_idle()
    page.begin_button.click()
    dialog = stage.find(ReconcileDialog)
    stage.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    stage.wait_until(lambda: not dialog.is_busy)
    stage.take_picture("dialog-reconcile-done")
    dialog.reject()
    stage.wait_until_idle()


def _show_other_runs(stage: WindowStage) -> None:
    """Take pictures of a run that was interrupted, a run at another desk, and a failed run. Each run has compared
    rows of a daily file, which is stored as its evidence."""
    context, file_store = stage.desk.console._context, stage.desk.console.reconciliation._daily_file_stores["paypay"]
    now = context.now()
    finished_run = stage.desk.console.reconciliation.views.list_runs("paypay").items[0]
    file = file_store.list_files(reconciliations.RECONCILIATION_KIND, finished_run.id)[0]

    def insert_run(tx: Transaction, back: int) -> reconciliations.ReconciliationRun:
        day = now.astimezone(JST).date() - timedelta(days=back)
        run_id = reconciliations.open_run(tx.conn, "paypay", day, day, "lead-b", now)
        run = reconciliations.find(tx.conn, run_id)
        assert run is not None
        run_file = replace(
            file,
            day=day,
            sha256=hashlib.sha256(day.isoformat().encode()).hexdigest(),
            bytes=338_604,
            rows=2_911,
            paid_minor=9_215_400,
            refunded_minor=184_300,
        )
        file_store.store_evidence(tx, reconciliations.RECONCILIATION_KIND, run_id, run_file)
        return reconciliations.save_progress(tx.conn, run, now, matched=1_204, position="x")

    broken = context.write(lambda tx: insert_run(tx, 3))
    stage.show_route(ReconcileRoute(broken.id))
    stage.take_picture("reconcile-broken-off")
    holder = HoldingProcess("lead-b", "desk-2", "host-2", 7, "session-2")
    lease = context.write(lambda tx: leases.acquire(tx, "reconciliation_paypay", holder, now, 600.0))
    running = context.write(lambda tx: insert_run(tx, 4))
    stage.show_route(ReconcileRoute(running.id))
    details = stage.find(ReconcilePage).run_details
    assert details is not None
    assert details.files, "compared rows without a file that was read"
    stage.take_picture("reconcile-running")
    failed = context.write(
        lambda tx: reconciliations.save_progress(
            tx.conn, insert_run(tx, 5), now, state=reconciliations.FAILED_RUN_STATE, reason="provider_answer_unusable"
        )
    )
    stage.show_route(ReconcileRoute(failed.id))
    stage.take_picture("reconcile-failed")
    stage.show_route(ReconcileRunsRoute())
    stage.take_picture("reconcile-runs")
    if lease is not None:
        context.write(lambda tx: leases.release(tx.conn, lease))


RECONCILE_SCENES: Mapping[str, SceneFunction] = {"reconcile": show_reconciliation}
