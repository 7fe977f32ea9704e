"""What every page stands on: the services once they are here, who acts, the language, and whom to tell."""

from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

import shiboken6
from PySide6.QtCore import QObject, Signal

from console import wording
from console.domain import tracing
from console.domain.clock import Clock
from console.domain.errors import ConsoleError
from console.domain.order_records import Order, Payment, Refund
from console.domain.permissions import ROLES_FOR, WORKER, may
from console.domain.records import CreditCheck, Person
from console.views.desk_api import Desk, Settings
from console.views.look.tokens import Language, ThemeName, Tone
from console.views.routes import Route
from console.views.standing import Gateway, Note, Reach, Standing, Visit
from console.views.tables.book import Page
from console.views.tables.paging import Fetch
from console.views.tasks import Failure, Runner, TaskHandle

__all__ = ["Note", "Reach", "Seat", "Standing", "Visit"]

T = TypeVar("T")
Call = Callable[[Desk], T]
_MOST_RECENT = 20
ALARMBOX = "alarmbox"


class Seat(QObject):
    """One per window. All of it is used from the GUI thread; calls go to worker threads and act as the person.

    Signals:
        arrived: the services are here.
        wanted(object): go to that Route. replaced(object): the same without a step to go back.
        left: go back.
        told(object): show that Note.
        changed(object): records have changed: a frozenset of (kind, id).
        standing_changed, reach_changed, visits_changed: look again at the attribute of that name.
        person_changed: somebody else acts from now on. people_changed: who may act is known.
        language_changed: every word is to be said anew.
        entry_refused(object): the database no longer takes the account in use; the Failure.
    """

    arrived = Signal()
    wanted = Signal(object)
    replaced = Signal(object)
    left = Signal()
    told = Signal(object)
    changed = Signal(object)
    standing_changed = Signal()
    reach_changed = Signal()
    visits_changed = Signal()
    person_changed = Signal()
    people_changed = Signal()
    language_changed = Signal()
    entry_refused = Signal(object)

    def __init__(self, settings: Settings, runner: Runner, clock: Clock, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.settings = settings
        self.runner = runner
        self._clock = clock
        self._desk: Desk | None = None
        self.language: Language = settings.language
        self.theme: ThemeName | None = None
        self.operator = settings.operator
        self.people: tuple[Person, ...] = ()
        self.people_known = False
        self.due_at: datetime | None = None
        self.standing = Standing()
        self.reach = Reach()
        self.visits: list[Visit] = []
        self._acts: list[TaskHandle] = []

    # -- the services

    @property
    def ready(self) -> bool:
        return self._desk is not None

    def take(self, desk: Desk) -> None:
        """The services have arrived."""
        self._desk = desk
        self.arrived.emit()

    def bound(self, call: Call[T], operator: str | None = None) -> Callable[[], T]:
        """The call for a worker thread, acting as the person who acts now, or as `operator`."""
        desk, name = self._desk, operator or self.operator
        if desk is None:
            raise RuntimeError("the services are not here yet")

        def work() -> T:
            with desk.acting(name), tracing.correlated():
                return call(desk)

        return work

    def read(
        self,
        call: Call[T],
        on_done: Callable[[T], None],
        on_failed: Callable[[Failure], None],
        *,
        owner: QObject,
        key: Hashable | None = None,
    ) -> TaskHandle:
        """A reading call; dropped when its page has gone."""
        return self.runner.run(
            self.bound(call), on_done, on_failed, owner=owner, key=key, lane="quick", cancellable=True
        )

    def act(
        self,
        call: Call[T],
        on_done: Callable[[T], None],
        on_failed: Callable[[Failure], None],
        *,
        owner: QObject,
        label: str,
        told: Callable[[T], Note],
        key: Hashable | None = None,
        asked: str = ALARMBOX,
    ) -> TaskHandle:
        """A call that acts: it goes on when its page has gone, and then `told` words what it brought. `asked` is the
        provider whose answer it waits for, "" for none.
        """

        began = self.monotonic()

        def done(value: T) -> None:
            self._answered(asked, self.monotonic() - began)
            if shiboken6.isValid(owner):
                on_done(value)
            else:
                self.told.emit(told(value))

        def failed(failure: Failure) -> None:
            self._answered(asked, self.monotonic() - began, failure)
            if shiboken6.isValid(owner):
                on_failed(failure)
            else:
                self.told.emit(Note(label, self.message(failure), "square_bang", "bad"))

        handle = self.runner.run(self.bound(call), done, failed, owner=self, label=label, key=key, lane="slow")
        self._acts = [act for act in self._acts if act.state in ("waiting", "running")]
        if handle.state in ("waiting", "running"):
            self._acts.append(handle)
        return handle

    @property
    def acts(self) -> tuple[TaskHandle, ...]:
        """What acts right now."""
        return tuple(act for act in self._acts if act.state in ("waiting", "running"))

    def fetch(self, call: Callable[[Desk, Any, int], Page]) -> Fetch:
        """For a PagedModel: `call(desk, cursor, limit)` in its worker, acting as the person who acts now."""

        def page(cursor: object | None, limit: int) -> Page:
            return self.bound(lambda desk: call(desk, cursor, limit))()

        return page

    # -- words

    def say(self, key: str, /, **facts: object) -> str:
        return wording.say(key, self.language, **facts)

    def message(self, failure: Failure) -> str:
        """What happened, what it means for the money, what to do."""
        detail = {**failure.detail, "support_code": failure.support_code}
        return wording.message(ConsoleError(failure.code, detail, exit_status=0), self.language)

    def now(self) -> datetime:
        return self._clock.now()

    def monotonic(self) -> float:
        """Seconds for measuring; from any thread."""
        return self._clock.monotonic()

    def age(self, at: datetime) -> str:
        return wording.format_age(wording.age_since(at, self.now()), self.language)

    def speak(self, language: Language) -> None:
        """Say everything in that language from now on."""
        if language != self.language:
            self.language = language
            self.language_changed.emit()

    # -- rights: the service decides; here is only what to say before anybody asks it

    @property
    def me(self) -> Person | None:
        """Who acts, as the database knows them; None while that isn't known, or where nobody of that name is."""
        return next((one for one in self.people if one.name == self.operator), None)

    def why_not(self, right: str) -> str:
        """Why the person can't do that now, with who may; "" when nothing speaks against it."""
        if self.reach.lost_since is not None:
            return self.say("reason.not_connected", since=self.reach.lost_since)
        return self.lacks(right)

    def lacks(self, right: str) -> str:
        """Why the person may not do that at all, whatever else holds; "" while the people aren't known yet."""
        person = self.me
        if not self.people_known or self.anybody_may or (person is not None and may(person, right)):
            return ""
        if person is None:
            return self.say("reason.unknown_person", name=self.operator or self.say("person.nobody"))
        others = self.others_who(right)
        if person.roles & ROLES_FOR[right]:
            return self.say("reason.may_not_buy_people" if others else "reason.may_not_buy", people=others)
        return self.needs(ROLES_FOR[right], others)

    @property
    def anybody_may(self) -> bool:
        """Without accounts, and while no operators are kept, anybody holds every role."""
        return not self.people and not self.settings.sign_in.is_server

    def needs(self, roles: Collection[str], people: Sequence[str]) -> str:
        """Which role it takes, and who has it as far as that is known."""
        known = [role for role in sorted(roles) if role != WORKER]
        if people:
            return self.say("reason.role_people", needs=known, people=people)
        return self.say("reason.role", needs=known)

    def others_who(self, right: str) -> list[str]:
        """The other people whose role admits that, by name."""
        return [person.name for person in self.people if person.name != self.operator and may(person, right)]

    # -- whereabouts

    def go(self, route: Route) -> None:
        self.wanted.emit(route)

    def tell(self, words: str, detail: str = "", shape: str = "check", tone: Tone = "good") -> None:
        self.told.emit(Note(words, detail, shape, tone))

    def visited(self, record: CreditCheck | Order | Payment | Refund) -> None:
        """Somebody opened a record; the newest visit to it counts."""
        opened = type(record), record.id
        others = [visit for visit in self.visits if (type(visit.record), visit.record.id) != opened]
        self.visits = [Visit(record, self.now()), *others][:_MOST_RECENT]
        self.visits_changed.emit()

    def become(self, operator: str) -> None:
        """Another person acts from now on."""
        if operator != self.operator:
            self.operator = operator
            self.visits = []
            self.person_changed.emit()

    # -- how things stand

    def know(self, people: tuple[Person, ...]) -> None:
        """Everybody who may act; nobody where no operators are kept."""
        self.people, self.people_known = people, True
        self.people_changed.emit()

    def due_ran(self) -> None:
        """The due tasks were run just now."""
        self.due_at = self.now()
        self.reach_changed.emit()

    def stand(self, standing: Standing) -> None:
        self.standing = standing
        self.standing_changed.emit()

    def reached(self, **facts: Any) -> None:
        """Keep what was learnt about who answers."""
        before, self.reach = self.reach, replace(self.reach, **facts)
        if before != self.reach:
            self.reach_changed.emit()

    def know_gateways(self, names: Iterable[str]) -> None:
        """The payment providers that are set up here; one that was asked already stays as it is."""
        asked = {one.name: one for one in self.reach.gateways}
        self.reached(gateways=tuple(asked.get(name, Gateway(name)) for name in sorted({*names, *asked})))

    def _answered(self, provider: str, seconds: float, failure: Failure | None = None) -> None:
        """An acting call is over: how long the provider took, or that it kept silent."""
        if not provider:
            return
        code = failure.code if failure else ""
        silent = code in ("provider_unreachable", "outcome_unknown") and not _no_call(failure)
        if code and not silent and code not in ("provider_refused", "provider_auth", "rate_limited"):
            return
        if provider == ALARMBOX:
            self.reached(provider_seconds=seconds, provider_at=self.now(), provider_silent=silent)
        else:
            others = {one.name: one for one in self.reach.gateways}
            others[provider] = Gateway(provider, seconds, self.now(), silent)
            self.reached(gateways=tuple(others[name] for name in sorted(others)))


def _no_call(failure: Failure | None) -> bool:
    """Whether it failed without asking the provider anything."""
    return failure is not None and failure.detail.get("reason") in ("no_list_call", "only_desk_knows")
