"""Buying a credit check: the plan, the asking, and how it ended, in one window that never closes in between."""

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from console.domain.records import CreditCheck, Operation
from console.domain.results import PurchasePlan
from console.views.dialogs import purchase_outcome as outcome
from console.views.dialogs.purchase_form import PurchaseForm
from console.views.dialogs.steps import Patience, StepList, Steps
from console.views.routes import OperationRoute, RecordRoute
from console.views.seat import Note, Seat
from console.views.tasks import Failure
from console.views.widgets.dialog import DialogFrame


class PurchaseDialog(DialogFrame):
    """After the charge nothing is shown as an error; without an answer nothing is called failed."""

    def __init__(self, seat: Seat, plan: PurchasePlan, client: str | None, parent: QWidget) -> None:
        say = seat.say
        super().__init__(
            say("dialog.purchase.title", number=plan.corporation_number),
            company_of(plan),
            cancel=say("action.cancel"),
            act=say("dialog.purchase.act"),
            close_name=say("action.close"),
            parent=parent,
        )
        self._seat, self._plan = seat, plan
        self._steps = Steps(seat)
        self._record: CreditCheck | Operation | None = None
        self.form = PurchaseForm(seat, plan, client)
        self.form.changed.connect(self._look)
        self.form.record_wanted.connect(self._go_to)
        self.show_content(self.form)
        self.act_button.clicked.connect(self._buy)
        self._patience = Patience(self, seat)
        self._look()

    @Slot()
    def _look(self) -> None:
        """Another client: another title, and whether it can be bought."""
        say, kind = self._seat.say, "renew" if self.form.renewal else "buy"
        titles = {"renew": "dialog.purchase.renew_title", "buy": "dialog.purchase.title"}
        acts = {"renew": "dialog.purchase.renew_act", "buy": "dialog.purchase.act"}
        self.say_title(say(titles[kind], number=self._plan.corporation_number), company_of(self._plan))
        self.act_button.say(say(acts[kind]))
        why_not = self.form.why_not()
        if why_not:
            self.set_act_off(why_not)
        else:
            self.set_act_on(say("dialog.enter_cancels"))

    @Slot()
    def _buy(self) -> None:
        if self.busy:
            return
        seat, request, told = self._seat, self.form.request(), self._steps.told
        self.set_busy(seat.say("dialog.purchase.busy"))
        self.hint.say("")
        self.say_title(seat.say("dialog.purchase.asking_title"), self._whose())
        self.show_content(StepList(seat, self._steps))
        self._patience.start()
        seat.act(
            lambda desk: desk.credit_checks.purchase(request, told),
            self._bought,
            self._failed,
            owner=self,
            label=seat.say("act.purchase", number=request.corporation_number),
            told=lambda record: Note(
                seat.say("dialog.purchase.bought_title"), seat.say("record.title", id=record.id)
            ),
            key=("purchase", request.client_id, request.corporation_number),
        )

    # -- how it ended

    def _bought(self, record: CreditCheck) -> None:
        say = self._seat.say
        self._end(say("dialog.purchase.bought_title"), outcome.bought(self._seat, record, self._steps), record)

    def _failed(self, failure: Failure) -> None:
        seat, found = self._seat, failure.detail.get("record")
        record = found if isinstance(found, CreditCheck | Operation) else None
        if failure.code == "outcome_unknown":
            content = outcome.unknown(seat, self._plan, record, self._steps, failure)
            self._end(seat.say("dialog.purchase.unknown_title"), content, record)
            self.hint.say(seat.say("dialog.purchase.no_list_call"))
        else:
            content = outcome.refused(seat, record, failure)
            self._end(seat.say("dialog.purchase.refused_title"), content, record)

    def _end(self, title: str, content: QWidget, record: CreditCheck | Operation | None) -> None:
        say = self._seat.say
        self._patience.stop()
        self._record = record
        act = say("action.open_record") if record is not None else ""
        self.show_outcome(title, self._whose(), content, close=say("action.close"), act=act)
        if record is not None:
            self.act_button.clicked.connect(self._open_record)
            self.act_button.setFocus()

    def _whose(self) -> str:
        """Company, number and client, as asked for."""
        company, number = company_of(self._plan) or None, self._plan.corporation_number
        client = self._seat.say("record.client", client=self._client)
        return self._seat.say("dialog.purchase.subtitle", company=company, number=number, client=client)

    def set_busy(self, words: str) -> None:
        self._client = self.form.client_id  # the form goes when the asking begins
        super().set_busy(words)

    @Slot()
    def _open_record(self) -> None:
        record = self._record
        self.accept()
        if isinstance(record, CreditCheck):
            self._seat.go(RecordRoute(record.id))
        elif isinstance(record, Operation):
            self._seat.go(OperationRoute(record.id))

    @Slot(int)
    def _go_to(self, id: int) -> None:
        self.reject()
        self._seat.go(RecordRoute(id))


def company_of(plan: PurchasePlan) -> str:
    """The name as far as a record here knows it."""
    known = [*plan.live, *([plan.last] if plan.last else [])]
    return next((record.company_name for record in known if record.company_name), "")
