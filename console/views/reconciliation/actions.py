"""The actions with which a person begins a reconciliation run or resumes an interrupted one. Several pages offer
these actions."""

from PySide6.QtCore import QObject

from console.domain.reconciliation.service_results import ReconciliationRunItem
from console.domain.tasks.records import ReconcileReport
from console.views.pages.base import Page
from console.views.presenters import reconciliation as words
from console.views.records.actions import RecordActionHandlers
from console.views.runtime.context import WindowContext
from console.views.runtime.tasks import Failure
from console.views.widgets.window.notification_bars import NotificationBar

RECONCILE_RIGHT = "import"
"""The right that a person needs for a reconciliation, which imports payments."""


class ReconciliationActions(QObject):
    """The actions on reconciliation runs that one page offers. While the page resumes a run of a provider, it ignores
    a second "resume" for the same provider. Other windows and processes can't reconcile this provider at that time,
    because the service holds a lease."""

    def __init__(self, context: WindowContext, page: Page) -> None:
        super().__init__(page)
        self._context, self._page = context, page
        self._resumed_providers: set[str] = set()
        self._record_actions = RecordActionHandlers(context, page)

    def begin_run(self, provider: str = "") -> None:
        """Read the names of the providers that have a history, then open the dialog in which the person chooses the
        provider and the days. The dialog selects the provider `provider` at first; "" means that it selects none. Do
        nothing if the person can't use the right at present.
        """
        if self._context.find_disabled_reason(RECONCILE_RIGHT):
            return
        self._page.read_for_dialog(
            lambda services: services.reconciliation.views.providers(),
            lambda providers: self._open_dialog(providers, provider),
            self._page.show_reading_failure,
        )

    def _open_dialog(self, providers: tuple[str, ...], provider: str) -> None:
        from console.views.reconciliation.dialog import ReconcileDialog

        dialog = ReconcileDialog(self._context, providers, provider, self._page.window())
        dialog.run_ended.connect(self._page.read_data_again)
        dialog.open()

    def resume_run(self, run_item: ReconciliationRunItem) -> None:
        """Run the reconciliation of an interrupted run's provider and days again. The service continues after the
        last row that the interrupted run has compared. Do nothing if the person can't use the right at present, or
        while this page resumes a run of the same provider."""
        context, provider = self._context, run_item.provider
        if provider in self._resumed_providers or context.find_disabled_reason(RECONCILE_RIGHT):
            return
        self._resumed_providers.add(provider)
        lead = context.translate("reconcile.going_on", title=words.format_run_title(run_item, context))
        busy_bar = NotificationBar(
            lead, context.translate("reconcile.may_leave"), tone="progress", icon_name="circle_arrow"
        )
        self._page.show_bar("act", busy_bar)
        context.run_acting_call(
            lambda services, request_id: services.reconciliation.run(
                provider, run_item.from_day, run_item.to_day, request_id=request_id
            ),
            lambda report: self._show_report(provider, busy_bar, report),
            lambda failure: self._show_refusal(run_item, busy_bar, failure),
            caller=self,
            label=lead,
            make_toast=lambda report: words.make_run_toast(context, report),
            attempt=("reconcile", provider, run_item.from_day, run_item.to_day),
            key=("reconciliation", provider),
            provider="",
        )

    def _show_report(self, provider: str, busy_bar: NotificationBar, report: ReconcileReport) -> None:
        self._resumed_providers.discard(provider)
        self._page.hide_bar("act", only=busy_bar)  # the run of another provider may have replaced it
        self._context.toast_requested.emit(words.make_run_toast(self._context, report))
        self._page.refresh("asked")

    def _show_refusal(self, run_item: ReconciliationRunItem, busy_bar: NotificationBar, failure: Failure) -> None:
        """Show the failure in the bar or in a toast of the page. It names the run, because the page may show another
        one by now."""
        self._resumed_providers.discard(run_item.provider)
        self._page.hide_bar("act", only=busy_bar)
        self._record_actions.show_refusal(failure, words.format_run_title(run_item, self._context))
        self._page.refresh("asked")
