"""What is photographed of reconciliation: a run with every verdict, runs that are under way, broken off, unread."""

from collections.abc import Mapping
from datetime import timedelta

from console import demo_reconcile
from console.demo import SEED
from console.domain.dates import JST
from console.store import leases, reconciliations
from console.store.engine import Transaction
from console.store.leases import Holder
from console.views.dialogs.reconcile import ReconcileDialog
from console.views.pages.reconcile import ReconcilePage
from console.views.routes import ReconcileRoute, ReconcileRunsRoute
from tests.shots.scenes import Scene
from tests.shots.stage import Stage


def reconcile(stage: Stage) -> None:
    """Nothing yet; beginning one; its result; every part; broken off, running, failed; who may not."""
    seat = stage.opening.seat
    stage.go(ReconcileRoute())
    stage.shoot("reconcile-never")
    stage.go(ReconcileRunsRoute())
    stage.shoot("reconcile-runs-never")
    now = seat.now()
    demo_reconcile.history(stage.desk.console, stage.desk.sandbox, SEED, now, "op-a")
    _begin(stage)
    stage.go(ReconcileRoute(stage.desk.console.reconciliation.views.runs("paypay").items[0].id))
    page = stage.find(ReconcilePage)
    stage.until(lambda: page.table.current is not None)
    for row in range(page.rows.rowCount()):
        page.table.go_to(row)
        if page.current is not None and page.current.action == "probe":
            break
    stage.shoot("reconcile")
    for number, part in enumerate(("differ", "only_ours", "only_theirs", "refused"), 1):
        page.tabs.setCurrentIndex(number)
        stage.shoot(f"reconcile-{part}")
    page.tabs.setCurrentIndex(0)
    _others(stage)
    seat.become("aud-e")
    stage.go(ReconcileRoute())
    stage.shoot("reconcile-auditor")
    seat.become("op-a")


def _begin(stage: Stage) -> None:
    stage.go(ReconcileRoute())
    page = stage.find(ReconcilePage)
    page.begin.click()
    dialog = stage.find(ReconcileDialog)
    stage.until(dialog.act_button.isEnabled)
    stage.shoot("dialog-reconcile")
    dialog.last.edit.setText("2026-13-01")  # type: ignore[union-attr]  # a line
    dialog._edited()
    stage.shoot("dialog-reconcile-wrong-day")
    dialog.last.edit.setText(dialog.first.text())  # type: ignore[union-attr]
    dialog._edited()
    dialog.dry.setChecked(True)
    dialog.act_button.click()
    stage.until(lambda: not dialog.busy)
    stage.shoot("dialog-reconcile-dry")
    dialog.reject()
    stage.settle()
    page.begin.click()
    dialog = stage.find(ReconcileDialog)
    stage.until(dialog.act_button.isEnabled)
    dialog.act_button.click()
    stage.until(lambda: not dialog.busy)
    stage.shoot("dialog-reconcile-done")
    dialog.reject()
    stage.settle()


def _others(stage: Stage) -> None:
    """Runs as they stand when something went wrong, or goes on elsewhere."""
    desk = stage.desk.console._desk
    now = desk.now()

    def begin(tx: Transaction, back: int) -> reconciliations.Run:
        day = now.astimezone(JST).date() - timedelta(days=back)
        run_id = reconciliations.open(tx.conn, "paypay", day, day, "lead-b", now)
        run = reconciliations.find(tx.conn, run_id)
        assert run is not None
        return reconciliations.save(tx.conn, run, now, matched=1_204, position="x")

    broken = desk.write(lambda tx: begin(tx, 3))
    stage.go(ReconcileRoute(broken.id))
    stage.shoot("reconcile-broken-off")
    holder = Holder("lead-b", "desk-2", "host-2", 7, "session-2")
    lease = desk.write(lambda tx: leases.take(tx, "reconciliation_paypay", holder, now, 600.0))
    running = desk.write(lambda tx: begin(tx, 4))
    stage.go(ReconcileRoute(running.id))
    stage.shoot("reconcile-running")
    failed = desk.write(
        lambda tx: reconciliations.save(
            tx.conn, begin(tx, 5), now, state=reconciliations.FAILED, reason="provider_answer_unusable"
        )
    )
    stage.go(ReconcileRoute(failed.id))
    stage.shoot("reconcile-failed")
    stage.go(ReconcileRunsRoute())
    stage.shoot("reconcile-runs")
    if lease is not None:
        desk.write(lambda tx: leases.release(tx.conn, lease))


RECONCILE: Mapping[str, Scene] = {"reconcile": reconcile}
