"""The search box over the window: it finds corporation numbers, company names, record ids, queues and commands."""

from collections.abc import Callable, Sequence
from datetime import date

from PySide6.QtCore import QObject, QTimer, Slot

from console.domain.number_input import InvalidCorporationNumber, parse_number
from console.domain.payments.records import Payment
from console.domain.records import CreditCheck
from console.domain.registry.corporations import RegistryMatches
from console.domain.registry.facts import PUBLISHER
from console.views.app.appearance_choices import choose_density, choose_theme
from console.views.app.main_window import Frame
from console.views.app.shortcuts_dialog import open_shortcuts_dialog
from console.views.app.unfinished_dialog import open_unfinished
from console.views.presenters import credit_checks as words
from console.views.presenters import records as case_words
from console.views.presenters.records import ShownRecord
from console.views.presenters.saved_views import count_text, view_shape
from console.views.queues.tabs import QUEUE_TABS
from console.views.registry.company_list import FoundCompany, list_found_companies
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import (
    AlertsRoute,
    ApprovalsRoute,
    LookupRoute,
    QueuesRoute,
    ReconcileRoute,
    ReconcileRunsRoute,
    RecordRoute,
    Route,
    SetAsidesRoute,
    queue_route,
)
from console.views.runtime.tasks import Failure
from console.views.theme.theme import current_appearance
from console.views.widgets.search_box import SearchBox
from console.views.widgets.search_results import ResultEntry, ResultGroup
from console.wording import catalogue as wording

_SEARCH_DELAY_MS = 60
_MAX_ENTRIES = 8


class CommandPalette(QObject):
    """Connects the search box with the services. It lists matching commands immediately, and matching records after
    the services have read them.
    """

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self._context = frame.context
        translate = self._context.translate
        hints = (
            (("↑", "↓"), translate("key.choose")),
            (("Enter",), translate("key.open")),
            (("Ctrl+Enter",), translate("search.all_key")),
            (("Esc",), translate("action.close")),
        )
        self.box = SearchBox(frame.window, translate("search.placeholder"), hints)
        self.box.setParent(self)
        self.box.typed.connect(self._search)
        self.box.picked.connect(self._open_entry)
        self._timer = QTimer(self, singleShot=True, interval=_SEARCH_DELAY_MS)
        self._timer.timeout.connect(self._read_matches)
        self._text = self._searched_text = ""
        self._matches: Sequence[ShownRecord] = ()
        self._companies: tuple[FoundCompany, ...] = ()
        self._registry_date: date | None = None
        self._commands: dict[str, Callable[[], object]] = {
            "command.show_approvals": lambda: self._context.navigate(ApprovalsRoute()),
            "command.show_reconcile": lambda: self._context.navigate(ReconcileRoute()),
            "command.show_reconcile_runs": lambda: self._context.navigate(ReconcileRunsRoute()),
            "command.show_alerts": lambda: self._context.navigate(AlertsRoute()),
            "command.show_set_asides": lambda: self._context.navigate(SetAsidesRoute()),
            "command.show_unfinished": lambda: open_unfinished(frame),
            "command.show_keys": lambda: open_shortcuts_dialog(frame, frame.current_page),
            "command.switch_language": self._switch_language,
            "command.switch_theme": self._switch_theme,
            "command.switch_density": self._switch_density,
        }

    @Slot()
    def open(self) -> None:
        if not self.box.is_open and self._context.is_ready:
            self.box.open()

    @Slot(str)
    def _search(self, text: str) -> None:
        self._text = text
        self._show_number_check()
        if not text.strip():
            self._matches, self._companies = (), ()
            self._show_results()
        else:
            self._timer.start()

    def _show_number_check(self) -> None:
        """Show the typed corporation number in groups of digits, and whether its check digit is right."""
        try:
            number = parse_number(self._text)
        except InvalidCorporationNumber as invalid:
            has_wrong_digit = invalid.reason == "CHECK_DIGIT"
            formatted = wording.format_number(invalid.normalized or "") if has_wrong_digit else ""
            remark = self._context.translate("search.wrong_digit") if has_wrong_digit else ""
            self.box.show_finding(formatted, remark, "square_bang", "bad")
        else:
            remark = self._context.translate("search.digit_fits")
            self.box.show_finding(wording.format_number(number.value), remark)

    @Slot()
    def _read_matches(self) -> None:
        text, began_at = self._text, self._context.monotonic()
        self._context.run_read(
            lambda services: (
                services.lookup.suggest_records(text, 20),
                services.registry.find(text, limit=_MAX_ENTRIES),
            ),
            lambda found: self._show_matches(text, *found, self._context.monotonic() - began_at),
            self._show_failure,
            owner=self,
        )

    def _show_matches(
        self, text: str, matches: Sequence[ShownRecord], companies: RegistryMatches, seconds: float
    ) -> None:
        if text == self._text:
            self._matches, self._searched_text = matches, text
            self._companies = list_found_companies(companies, matches, self._context)
            self._registry_date = companies.registry_date
            self._show_results()
            self.box.footer.count.show_text(self._context.translate("search.took", seconds=f"{seconds:.2f}"))

    def _show_failure(self, failure: Failure) -> None:
        self.box.footer.count.show_text(self._context.failure_message(failure))

    # -- results

    def _show_results(self) -> None:
        has_text = bool(self._text.strip())
        groups = self._result_groups() if has_text else self._recent_groups()
        if has_text and self._searched_text == self._text and not any(group.entries for group in groups):
            groups.append(self._nothing_group())
        groups.append(self._command_group())
        self.box.show_groups([group for group in groups if group.entries])

    def _nothing_group(self) -> ResultGroup:
        """Return the group that says that nothing was found, with the searched sources, the registry's date and the
        next steps.
        """
        translate = self._context.translate
        title = translate("search.none", text=_shorten_name(self._text.strip()), at=self._context.now())
        entries = (
            ResultEntry(LookupRoute(), "search", translate("search.none_where")),
            ResultEntry(QueuesRoute("review"), "list", translate("search.none_next")),
        )
        return ResultGroup(title, entries)

    def _result_groups(self) -> list[ResultGroup]:
        """Return the groups of results in the order on screen: companies before records. If the typed text is the
        exact number of a record, the records come first. Enter opens the first entry.
        """
        companies, records = self._corporation_groups(), self._record_groups()
        is_exact_id = any(case_words.is_named(record, self._text) for record in self._matches)
        return [*records, *companies] if is_exact_id else [*companies, *records]

    def _corporation_groups(self) -> list[ResultGroup]:
        """Return one group of results: the companies of the found records, and those of the registry. If the typed
        text is a corporation number and no found company has this number, the group also has an entry that looks the
        number up.
        """
        by_number: dict[str, list[ShownRecord]] = {}
        for record in self._matches:
            if number := case_words.number_of(record):
                by_number.setdefault(number, []).append(record)
        entries = [
            _company_entry(self._context, company, by_number.get(company.number, ()))
            for company in self._companies[:_MAX_ENTRIES]
        ]
        typed_number = _parsed_number(self._text)
        if typed_number is not None and all(company.number != typed_number for company in self._companies):
            entry_title = self._context.translate("search.look_up_number")
            entries.insert(
                0, ResultEntry(LookupRoute(typed_number), "search", entry_title, wording.format_number(typed_number))
            )
        return [ResultGroup(self._corporation_heading(), tuple(entries))]

    def _corporation_heading(self) -> str:
        """Return the heading of the companies. It names the registry and its date if there is one."""
        translate = self._context.translate
        if self._registry_date is None:
            return translate("search.corporation")
        return translate("search.corporation_of", day=self._registry_date.isoformat(), publisher=PUBLISHER)

    def _record_groups(self) -> list[ResultGroup]:
        """Return two groups of found records: first payments, orders and refunds, then credit checks."""
        checks = [record for record in self._matches if isinstance(record, CreditCheck)]
        money_records = [record for record in self._matches if not isinstance(record, CreditCheck)]
        money_records.sort(
            key=lambda record: (not case_words.is_named(record, self._text), not isinstance(record, Payment))
        )
        titled_records = (("search.money", money_records), ("search.records", checks))
        return [
            ResultGroup(
                self._context.translate(key), tuple(self.entry_of(record) for record in records[:_MAX_ENTRIES])
            )
            for key, records in titled_records
        ]

    def _recent_groups(self) -> list[ResultGroup]:
        entries = tuple(self.entry_of(visit.record) for visit in self._context.visits[:_MAX_ENTRIES])
        return [ResultGroup(self._context.translate("search.recent"), entries)]

    def _command_group(self) -> ResultGroup:
        translate, typed_text = self._context.translate, self._text.strip().casefold()
        entries = [
            ResultEntry(
                queue_route(name),
                "list",
                translate("search.open_queue", queue=name),
                right_text=self._count_text(name),
            )
            for name in QUEUE_TABS
        ]
        entries += [
            ResultEntry(
                QueuesRoute(view=one.view.id),
                view_shape(one),
                translate("search.open_view", name=one.view.name),
                right_text=count_text(one),
            )
            for one in self._context.saved_views
        ]
        entries += [ResultEntry(key, "terminal", translate(key)) for key in self._commands]
        matching_entries = [entry for entry in entries if not typed_text or typed_text in entry.title.casefold()]
        return ResultGroup(translate("search.commands"), tuple(matching_entries[:_MAX_ENTRIES]))

    def _count_text(self, queue: str) -> str:
        queue_count = self._context.work_counts.find_count(queue)
        return wording.format_count(queue_count.count, is_capped=queue_count.capped) if queue_count else ""

    def entry_of(self, record: ShownRecord) -> ResultEntry:
        context = self._context
        state = words.state_cell(case_words.most_specific_key(record, context.now()), context.language)
        created_at = case_words.began_at(record)
        time_text = wording.format_instant(created_at, "day") if created_at else ""
        if isinstance(record, CreditCheck):
            title, name = case_words.short_title(record, context), _shorten_name(case_words.name_of(record, context))
            return ResultEntry(RecordRoute(record.id), "document", title, name, state=state, right_text=time_text)
        return ResultEntry(
            case_words.route_of(record),
            "card",
            case_words.title(record, context),
            amount=case_words.amount_text(record),
            provider=case_words.provider_name(record, context),
            state=state,
            right_text=time_text,
        )

    # -- selection

    @Slot(object)
    def _open_entry(self, key: object) -> None:
        if key == "":
            self._context.navigate(LookupRoute(self._text))
        elif isinstance(key, str):
            self._commands[key]()
        else:
            self._context.navigate(_checked_route(key))

    def _switch_language(self) -> None:
        self._context.change_language("en" if self._context.language == "ja" else "ja")

    def _switch_theme(self) -> None:
        choose_theme(self._context, "light" if current_appearance().theme == "dark" else "dark")

    def _switch_density(self) -> None:
        choose_density(self._context, "comfortable" if current_appearance().density == "compact" else "compact")


def _company_entry(context: WindowContext, company: FoundCompany, records: Sequence[ShownRecord]) -> ResultEntry:
    """Return the entry of a company. The text at the right is its closure, the number of its found records, or its
    place.
    """
    checks = sum(isinstance(record, CreditCheck) for record in records)
    payments = sum(isinstance(record, Payment) for record in records)
    counts = [("search.payments", payments), ("search.checks", checks)]
    count = context.translate("list.separator").join(context.translate(key, n=n) for key, n in counts if n)
    number = wording.format_number(company.number)
    right_text = company.closure or count or company.ours or company.place
    return ResultEntry(LookupRoute(number), "building", company.name, number, right_text=right_text)


def _parsed_number(text: str) -> str | None:
    try:
        return parse_number(text).value
    except InvalidCorporationNumber:
        return None


def _checked_route(key: object) -> Route:
    if isinstance(key, Route):
        return key
    raise TypeError(f"not a route: {key!r}")


def _shorten_name(name: str) -> str:
    """Return a company name cut to 12 characters, because the state of the record needs the rest of the line."""
    return name if len(name) <= 12 else name[:11] + "…"
