"""The search over the window: corporation numbers, names, record numbers, queues and commands."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, QTimer, Slot

from console import wording
from console.domain.corporation_number import InvalidCorporationNumber, parse
from console.domain.order_records import Payment
from console.domain.records import CreditCheck
from console.views import case_words
from console.views import record_words as words
from console.views.case_words import Case
from console.views.dialogs.keys import open_keys
from console.views.dialogs.unfinished import open_unfinished
from console.views.frame import Frame
from console.views.look.theme import look
from console.views.pages.queue_rows import QUEUES
from console.views.routes import (
    AlertsRoute,
    ApprovalsRoute,
    LookupRoute,
    QueuesRoute,
    ReconcileRoute,
    ReconcileRunsRoute,
    RecordRoute,
    Route,
    SetAsidesRoute,
)
from console.views.tasks import Failure
from console.views.widgets.omnibox import Omnibox
from console.views.widgets.omnilist import OmniEntry, OmniGroup

_ASK_AFTER_MS = 60
_MOST = 8


class Finder(QObject):
    """Wires the search box to the services. Commands answer at once, records when they are read."""

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self._seat = frame.seat
        say = self._seat.say
        hints = (
            (("↑", "↓"), say("key.choose")),
            (("Enter",), say("key.open")),
            (("Ctrl+Enter",), say("search.all_key")),
            (("Esc",), say("action.close")),
        )
        self.box = Omnibox(frame.window, say("search.placeholder"), hints)
        self.box.setParent(self)
        self.box.typed.connect(self._typed)
        self.box.picked.connect(self._picked)
        self._timer = QTimer(self, singleShot=True, interval=_ASK_AFTER_MS)
        self._timer.timeout.connect(self._ask)
        self._text = ""
        self._found: Sequence[Case] = ()
        self._commands: dict[str, Callable[[], object]] = {
            "command.show_approvals": lambda: self._seat.go(ApprovalsRoute()),
            "command.show_reconcile": lambda: self._seat.go(ReconcileRoute()),
            "command.show_reconcile_runs": lambda: self._seat.go(ReconcileRunsRoute()),
            "command.show_alerts": lambda: self._seat.go(AlertsRoute()),
            "command.show_set_asides": lambda: self._seat.go(SetAsidesRoute()),
            "command.show_unfinished": lambda: open_unfinished(frame),
            "command.show_keys": lambda: open_keys(frame, frame.page),
            "command.switch_language": self._other_language,
            "command.switch_theme": self._other_theme,
            "command.switch_density": self._other_density,
        }

    @Slot()
    def open(self) -> None:
        if not self.box.visible and self._seat.ready:
            self.box.open()

    @Slot(str)
    def _typed(self, text: str) -> None:
        self._text = text
        self._finding()
        if not text.strip():
            self._found = ()
            self._show()
        else:
            self._timer.start()

    def _finding(self) -> None:
        """How a number was read, and whether its check digit fits, while it is being typed."""
        try:
            number = parse(self._text)
        except InvalidCorporationNumber as invalid:
            wrong = invalid.reason == "CHECK_DIGIT"
            shown = wording.format_number(invalid.normalized or "") if wrong else ""
            said = self._seat.say("search.wrong_digit") if wrong else ""
            self.box.show_finding(shown, said, "square_bang", "bad")
        else:
            said = self._seat.say("search.digit_fits")
            self.box.show_finding(wording.format_number(number.value), said)

    @Slot()
    def _ask(self) -> None:
        text, began = self._text, self._seat.monotonic()
        self._seat.read(
            lambda desk: desk.lookup.suggest(text, 20),
            lambda found: self._take(text, found, self._seat.monotonic() - began),
            self._failed,
            owner=self,
        )

    def _take(self, text: str, found: Sequence[Case], seconds: float) -> None:
        if text == self._text:
            self._found = found
            self._show()
            self.box.foot.count.say(self._seat.say("search.took", seconds=f"{seconds:.2f}"))

    def _failed(self, failure: Failure) -> None:
        self.box.foot.count.say(self._seat.message(failure))

    # -- what is shown

    def _show(self) -> None:
        typed = bool(self._text.strip())
        groups = self._answers() if typed else self._recent()
        groups.append(self._command_group())
        self.box.show_groups([group for group in groups if group.entries])

    def _answers(self) -> list[OmniGroup]:
        """Companies first, unless a record's own number was typed: Enter opens what was asked for."""
        companies, records = self._corporations(), self._records()
        exact = any(case_words.is_called(record, self._text) for record in self._found)
        return [*records, *companies] if exact else [*companies, *records]

    def _corporations(self) -> list[OmniGroup]:
        """Every company among the answers, and the number as typed where it is one."""
        by_number: dict[str, list[Case]] = {}
        for record in self._found:
            if number := case_words.number_of(record):
                by_number.setdefault(number, []).append(record)
        entries = [_company(self, number, records) for number, records in list(by_number.items())[:_MOST]]
        typed = _number(self._text)
        if typed is not None and typed not in by_number:
            none = self._seat.say("search.look_up_number")
            entries.insert(0, OmniEntry(LookupRoute(typed), "search", none, wording.format_number(typed)))
        return [OmniGroup(self._seat.say("search.corporation"), tuple(entries))]

    def _records(self) -> list[OmniGroup]:
        """Payments with their orders and refunds first, then credit checks."""
        checks = [record for record in self._found if isinstance(record, CreditCheck)]
        others = [record for record in self._found if not isinstance(record, CreditCheck)]
        others.sort(key=lambda one: (not case_words.is_called(one, self._text), not isinstance(one, Payment)))
        named = (("search.money", others), ("search.records", checks))
        return [
            OmniGroup(self._seat.say(key), tuple(self.entry(record) for record in found[:_MOST]))
            for key, found in named
        ]

    def _recent(self) -> list[OmniGroup]:
        entries = tuple(self.entry(visit.record) for visit in self._seat.visits[:_MOST])
        return [OmniGroup(self._seat.say("search.recent"), entries)]

    def _command_group(self) -> OmniGroup:
        say, wanted = self._seat.say, self._text.strip().casefold()
        entries = [
            OmniEntry(QueuesRoute(name), "list", say("search.open_queue", queue=name), right=self._count(name))
            for name in QUEUES
        ]
        entries += [OmniEntry(key, "terminal", say(key)) for key in self._commands]
        fitting = [entry for entry in entries if not wanted or wanted in entry.title.casefold()]
        return OmniGroup(say("search.commands"), tuple(fitting[:_MOST]))

    def _count(self, queue: str) -> str:
        found = self._seat.standing.count(queue)
        return wording.format_count(found.count, capped=found.capped) if found else ""

    def entry(self, record: Case) -> OmniEntry:
        seat = self._seat
        state = words.cell(case_words.most_telling(record, seat.now()), seat.language)
        begun = case_words.begun(record)
        at = wording.format_instant(begun, "day") if begun else ""
        if isinstance(record, CreditCheck):
            title, name = case_words.short(record, seat), _cut(case_words.name_of(record, seat))
            return OmniEntry(RecordRoute(record.id), "document", title, name, state=state, right=at)
        return OmniEntry(
            case_words.route_of(record), "card", case_words.title(record, seat), amount=case_words.amount(record),
            provider=case_words.provider(record, seat), state=state, right=at,
        )  # fmt: skip

    # -- what is picked

    @Slot(object)
    def _picked(self, key: object) -> None:
        if key == "":
            self._seat.go(LookupRoute(self._text))
        elif isinstance(key, str):
            self._commands[key]()
        else:
            self._seat.go(_route(key))

    def _other_language(self) -> None:
        self._seat.speak("en" if self._seat.language == "ja" else "ja")

    def _other_theme(self) -> None:
        self._seat.theme = "light" if look().theme == "dark" else "dark"
        look().choose(self._seat.theme)

    def _other_density(self) -> None:
        look().set_density("comfortable" if look().density == "compact" else "compact")


def _company(finder: Finder, number: str, records: Sequence[Case]) -> OmniEntry:
    seat = finder._seat
    checks = [record for record in records if isinstance(record, CreditCheck)]
    name = next((record.company_name for record in checks if record.company_name), wording.format_number(number))
    payments = sum(isinstance(record, Payment) for record in records)
    both = [("search.payments", payments), ("search.checks", len(checks))]
    count = seat.say("list.separator").join(seat.say(key, n=n) for key, n in both if n)
    return OmniEntry(LookupRoute(number), "building", name, wording.format_number(number), right=count)


def _number(text: str) -> str | None:
    try:
        return parse(text).value
    except InvalidCorporationNumber:
        return None


def _route(key: object) -> Route:
    if isinstance(key, Route):
        return key
    raise TypeError(f"not a route: {key!r}")


def _cut(name: str) -> str:
    """The detail has no room for more beside the state."""
    return name if len(name) <= 12 else name[:11] + "…"
