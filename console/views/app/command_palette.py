"""The search box over the window. It finds companies, records, operations, alerts, pages and commands, and
completes search conditions. The services parse the text and search (`domain/lookup/search_query.py`); this module
shows the results.
"""

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from console.domain.lookup.completion import Completion, list_completions
from console.domain.lookup.number_input import InvalidCorporationNumber, parse_corporation_number
from console.domain.lookup.search_query import SearchProblemKind
from console.domain.lookup.search_result import SearchResult
from console.domain.payments.records import Payment
from console.domain.records import CreditCheck
from console.domain.registry.facts import REGISTRY_PUBLISHER
from console.views.app.window_commands import (
    FunctionByCommandName,
    WindowCommand,
    list_commands,
    list_recent_command_names,
    split_into_folded_words,
    store_recent_command,
)
from console.views.frame.main_window import WindowFrame
from console.views.presenters import alerts as alert_words
from console.views.presenters import credit_checks as words
from console.views.presenters import records as case_words
from console.views.presenters.records import ShownRecord
from console.views.presenters.search_completions import group_completions, list_condition_words
from console.views.registry.company_list import FoundCompany, list_found_companies
from console.views.runtime.announcer import announce
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import (
    AlertsRoute,
    CreditCheckRoute,
    LookupRoute,
    OperationRoute,
    QueuesRoute,
    Route,
)
from console.views.runtime.tasks import Failure, TaskHandle
from console.views.widgets.window.search_box import SearchBox, TextCompletion
from console.views.widgets.window.search_results import ResultEntry, ResultGroup
from console.wording.search import format_search_problem
from console.wording.sentences import catalogue as wording

_SEARCH_DELAY_MS = 40
"""Delay of a search if the person changes the text twice within this time: the search begins this long after the last
change. In any other case the search begins immediately after the change.
"""
_MAX_RECORDS_PER_KIND = 50
_MAX_ENTRIES_PER_GROUP = 8
_ALL_RECORDS_ENTRY_KEY = ""
"""The key of the entry that shows all found records in Lookup."""


class CommandPalette(QObject):
    """Connects the search box with the services. It lists matching commands immediately, and the other results
    after the services have answered. An answer to an earlier text is ignored.

    Signals:
    - result_opened: the person has typed a text and opened a result that isn't a command, such as a record.
    """

    result_opened = Signal()

    def __init__(self, frame: WindowFrame, function_by_command_name: FunctionByCommandName) -> None:
        super().__init__(frame)
        self._frame, self._context, self._function_by_command_name = frame, frame.context, function_by_command_name
        translate = self._context.translate
        hints = (
            (("↓", "↑"), translate("key.choose")),
            (("Enter",), translate("key.open")),
            (("Tab",), translate("search.complete_key")),
            (("Ctrl+Enter",), translate("search.all_key")),
            (("Esc",), translate("action.close")),
        )
        self.search_box = SearchBox(frame.window, translate("search.placeholder"), hints)
        self.search_box.setParent(self)
        self.search_box.text_changed.connect(self._search_text)
        self.search_box.result_picked.connect(self._open_result)
        self.search_box.result_refused.connect(self._show_refusal)
        self.search_box.closed.connect(self._stop_search)
        self.search_box.may_pick = self._may_open_result
        self.search_box.may_close = self._may_close
        self._search_timer = QTimer(self, singleShot=True)
        self._last_typed_at = float("-inf")
        self._search_timer.timeout.connect(self._search_records)
        self._search_task: TaskHandle | None = None
        self._typed_text = self._searched_text = ""
        self._opens_exact_match_later = False
        self._search_result: SearchResult | None = None
        self._found_records: Sequence[ShownRecord] = ()
        self._companies: tuple[FoundCompany, ...] = ()
        self._commands: dict[str, WindowCommand] = {}

    @Slot()
    def open(self) -> None:
        if not self.search_box.is_open and self._context.is_ready:
            self._load_commands()
            self.search_box.open()

    def _load_commands(self) -> None:
        commands = list_commands(
            self._frame, self._function_by_command_name, _find_corporation_number(self._typed_text)
        )
        self._commands = {command.name: command for command in commands}

    # -- search

    @Slot(str)
    def _search_text(self, text: str) -> None:
        """Store the changed text, show the check digit of a corporation number, and begin the search; an empty text
        isn't searched. If the previous change was less than _SEARCH_DELAY_MS milliseconds ago, the search begins
        _SEARCH_DELAY_MS milliseconds later, and only if the text doesn't change again meanwhile."""
        self._stop_search()
        typed_at = self._context.monotonic()
        is_quick_key = typed_at - self._last_typed_at < _SEARCH_DELAY_MS / 1000
        self._typed_text, self._last_typed_at = text, typed_at
        self._show_check_digit_result()
        if not text.strip():
            self._show_search_result(text, None)
        else:
            self._search_timer.start(_SEARCH_DELAY_MS if is_quick_key else 0)
            is_number = _find_corporation_number(text) is not None
            if is_number:  # Enter may open it before its results arrive: no result of an earlier text may be first
                self._search_result, self._found_records, self._companies = None, (), ()
                self._load_commands()
            has_completions = self.search_box.list.find_key_of_type(TextCompletion) is not None
            if is_number or has_completions or self._can_complete_value():  # no completion of an earlier text stays
                self._show_result_groups(keeps_current=False)

    @Slot()
    def _stop_search(self) -> None:
        """End the search that is running or is scheduled to begin soon, and remove the text about the search from the
        box."""
        self._search_timer.stop()
        self._opens_exact_match_later = False
        if self._search_task is not None:
            self._search_task.cancel()
        self.search_box.footer.status_label.show_text("")

    def _can_complete_value(self) -> bool:
        """Return True if the word at the cursor is a condition such as `state:` whose value can be completed. In
        this case the search box lists the completions first."""
        word = self._typed_text[: self.search_box.cursor_index].rpartition(" ")[2]
        return (":" in word or "：" in word) and bool(self._list_completions())

    def _list_completions(self) -> tuple[Completion, ...]:
        """Return the conditions that complete the word at the cursor."""
        list_words = partial(list_condition_words, context=self._context)
        return list_completions(self._typed_text, self.search_box.cursor_index, list_words)

    def _show_check_digit_result(self) -> None:
        """If the typed text is a corporation number, show it in groups of digits, with a text which says that its
        check digit is correct or wrong.
        """
        try:
            number = parse_corporation_number(self._typed_text)
        except InvalidCorporationNumber as invalid:
            has_wrong_digit = invalid.reason == "CHECK_DIGIT"
            grouped_number = wording.format_corporation_number(invalid.normalized or "") if has_wrong_digit else ""
            remark = self._context.translate("search.wrong_digit") if has_wrong_digit else ""
            self.search_box.show_interpretation(grouped_number, remark, "square_bang", "bad")
        else:
            remark = self._context.translate("search.digit_fits")
            self.search_box.show_interpretation(wording.format_corporation_number(number.value), remark)

    @Slot()
    def _search_records(self) -> None:
        """Search the records, companies, alerts and operations in a background thread, then show the results."""
        text, began_at = self._typed_text, self._context.monotonic()
        self.search_box.footer.status_label.show_text(self._context.translate("search.running"))
        self._search_task = self._context.run_read(
            lambda services: services.lookup.search(text, _MAX_RECORDS_PER_KIND),
            lambda search_result: self._show_search_result_and_duration(
                text, search_result, self._context.monotonic() - began_at
            ),
            lambda failure: self._show_failure(text, failure),
            caller=self,
            key=self,
        )

    def _show_search_result_and_duration(self, text: str, result: SearchResult, duration_seconds: float) -> None:
        if text == self._typed_text:
            self._show_search_result(text, result)
            self.search_box.footer.status_label.show_text(
                self._context.translate("search.took", seconds=f"{duration_seconds:.2f}")
            )

    def _show_search_result(self, text: str, result: SearchResult | None) -> None:
        """Show the results for `text`: commands, companies and records; only commands if `result` is None because no
        search was made. If Enter was pressed before the results arrived, open an exact match now."""
        is_same_text = self._searched_text == text
        self._search_result, self._searched_text = result, text
        self._found_records = tuple(result.records) if result is not None else ()
        is_company = result is not None and bool(result.query.words)
        self._companies = (
            list_found_companies(result.companies, self._found_records, self._context)
            if result and is_company
            else ()
        )
        self._load_commands()
        self._show_search_problems()
        self._show_result_groups(keeps_current=is_same_text)
        if self._opens_exact_match_later:
            self._opens_exact_match_later = False
            if result is not None and (
                result.exact_match is not None
                or self._list_exact_commands()
                or not (self._found_records or self._companies)
            ):
                self.search_box.pick_first_result()

    def _show_search_problems(self) -> None:
        """Show beside the input field which words of the text the search did not understand. Leave out a condition
        that the person is still typing and whose completions are listed."""
        problems = self._search_result.query.problems if self._search_result is not None else ()
        if problems and self._make_command_group().entries:  # "Colours: Dark" is a command
            problems = tuple(
                problem for problem in problems if problem.kind is not SearchProblemKind.UNKNOWN_OPERATOR
            )
        if self._list_completions():
            incomplete = (SearchProblemKind.UNKNOWN_OPERATOR, SearchProblemKind.UNKNOWN_VALUE)
            last_word = self._typed_text.split()[-1]
            problems = tuple(
                problem for problem in problems if problem.word != last_word or problem.kind not in incomplete
            )
        self.search_box.show_message(
            wording.join_sentences(
                (format_search_problem(problem, self._context.translate) for problem in problems),
                self._context.translate,
            )
        )

    def _show_failure(self, text: str, failure: Failure) -> None:
        if text == self._typed_text and failure.code != "cancelled":
            self._opens_exact_match_later = False
            self.search_box.footer.status_label.show_text("")
            self.search_box.show_message(self._context.format_failure(failure))  # too long for the line of shortcuts

    def _may_open_result(self) -> bool:
        """Return True if Enter may open a result now: the shown results belong to the typed text, or the text is a
        corporation number. Otherwise return False, and open an exact match as soon as the results arrive. If no
        search is running, because it has failed or the person has ended it, also begin the search again."""
        if self._searched_text == self._typed_text or _find_corporation_number(self._typed_text) is not None:
            return True
        self._opens_exact_match_later = True
        if not (self._is_searching or self._search_timer.isActive()):
            self._search_records()
        return False

    def _may_close(self) -> bool:
        """Return True if Esc may close the box. If a search is waiting for the database, end the search, show in the
        box that it was ended, and return False; the next Esc then closes the box."""
        if not self._is_searching:
            return True
        self._stop_search()
        sentence = self._context.translate("search.ended")
        self.search_box.footer.status_label.show_text(sentence)
        announce(self.search_box.input, sentence)
        return False

    @property
    def _is_searching(self) -> bool:
        return self._search_task is not None and self._search_task.state in ("waiting", "running")

    # -- results

    def _show_result_groups(self, *, keeps_current: bool) -> None:
        """Show the results, commands and completions for the text. While a new text is being searched, the results
        of the previous one stay; the commands and completions already belong to the new text. `keeps_current`
        is True if the selected entry stays selected.
        """
        has_text = bool(self._typed_text.strip())
        groups = self._make_result_groups() if has_text else self._make_recent_groups()
        commands, completions = self._make_command_group(), self._make_completion_groups()
        exact_commands = self._list_exact_commands()
        can_complete_value = self._can_complete_value()
        has_no_match = (
            has_text
            and self._searched_text == self._typed_text
            and not exact_commands
            and not any(group.entries for group in groups)
        )
        groups = [*completions, *groups] if can_complete_value else [*groups, *completions]
        groups.insert(0 if exact_commands else len(groups), commands)
        if has_no_match and not can_complete_value:  # a condition without its value was not searched
            groups.append(self._make_nothing_found_group())
        self.search_box.show_groups([group for group in groups if group.entries], keeps_current=keeps_current)

    def _make_nothing_found_group(self) -> ResultGroup:
        """Return the group that is shown if nothing matches. Its heading has the typed text and the time of the
        search; its entries explain which data was searched, and offer the next steps."""
        translate, search_result = self._context.translate, self._search_result
        registry_date = search_result.companies.registry_date if search_result is not None else None
        title = translate(
            "search.none",
            text=_shorten_typed_text(self._typed_text.strip()),
            at=self._context.now(),
            **({} if registry_date is None else {"day": registry_date}),
        )
        entries = [
            ResultEntry(LookupRoute(self._typed_text), "search", translate("search.none_where")),
            ResultEntry(QueuesRoute("review"), "list", translate("search.none_next")),
        ]
        if search_result is not None and search_result.is_partial:
            # the page, which Enter opens, also says how to search the older ones
            partial_entry = ResultEntry(LookupRoute(self._typed_text), "warning", translate("search.none_partial"))
            entries.insert(0, partial_entry)
        return ResultGroup(title, tuple(entries))

    def _make_completion_groups(self) -> list[ResultGroup]:
        """Return the groups with the conditions that complete the word at the cursor. Selecting an entry inserts it
        into the text. A plain number is completed to an amount only after its search results are shown. Before that,
        the Enter key must wait for the record with this number."""
        text = self._typed_text
        is_searched = self._searched_text == text
        completions = [
            completion
            for completion in self._list_completions()
            if is_searched or not text[completion.start : completion.end].isdecimal()
        ]
        return [
            ResultGroup(
                title,
                tuple(
                    ResultEntry(TextCompletion(*completion.apply(text)), "filter", completion.text, description)
                    for completion, description in described_completions
                ),
            )
            for title, described_completions in group_completions(completions, self._context)
        ]

    def _make_result_groups(self) -> list[ResultGroup]:
        """Return the groups of results in the order on screen: the exact match, the companies, their open records,
        then the other records, alerts and operations. The Enter key opens the first entry. If the text has found the
        records by their numbers and no company, their companies come after the records."""
        search_result = self._search_result
        exact_groups = [] if search_result is None else self._make_exact_match_groups(search_result)
        if search_result is None:
            return [*exact_groups, self._make_company_group()]
        is_company_found = bool(exact_groups) or any(map(self._is_found_by_text, self._companies))
        companies_first = is_company_found or _find_corporation_number(self._typed_text) is not None
        groups = [*exact_groups, *([self._make_company_group()] if companies_first else [])]
        shown_keys = {entry.key for group in exact_groups for entry in group.entries}
        has_words = bool(search_result.query.words)
        open_records = [record for record in self._found_records if has_words and case_words.is_record_open(record)]
        remaining_records = [
            record for record in self._found_records if not (has_words and case_words.is_record_open(record))
        ]
        groups.append(self._make_record_group("lookup.open_matters", open_records, shown_keys))
        for kind in search_result.records_by_kind:
            of_kind = [record for record in remaining_records if case_words.get_record_kind(record) == kind]
            groups.append(self._make_record_group(f"search.group.{kind}", of_kind, shown_keys))
        groups += [] if companies_first else [self._make_company_group()]
        groups += [self._make_alert_group(search_result), self._make_operation_group(search_result)]
        groups.append(self._make_all_records_group(search_result))
        return groups

    def _is_found_by_text(self, company: FoundCompany) -> bool:
        """True if the typed text has found this company: in the registry, or by a word of its name. False if it has
        only found a record of the company."""
        if company.is_registered:
            return True
        folded_name = "".join(split_into_folded_words(company.name))
        return any(word in folded_name for word in split_into_folded_words(self._typed_text))

    def _make_exact_match_groups(self, result: SearchResult) -> list[ResultGroup]:
        """Return a group with the record or operation whose identifier is exactly the typed text; no group if
        there is none."""
        if result.exact_match is None:
            return []
        kind, record_id = result.exact_match
        exact_groups = [
            match
            for match in self._found_records
            if (case_words.get_record_kind(match), match.id) == (kind, record_id)
        ]
        if not exact_groups:
            return [self._make_operation_group(result)]
        return [self._make_record_group(f"search.group.{kind}", exact_groups, frozenset())]

    def _make_record_group(
        self, title_key: str, records: Sequence[ShownRecord], shown_keys: "set[object] | frozenset[object]"
    ) -> ResultGroup:
        """Return a group with an entry for each of `records`, at most _MAX_ENTRIES_PER_GROUP. `title_key` is the
        wording key of its heading. An entry whose key is in `shown_keys` is left out, because another group already
        shows it."""
        entries = [self.make_record_entry(record) for record in records]
        entries = [entry for entry in entries if entry.key not in shown_keys]
        return ResultGroup(self._context.translate(title_key), tuple(entries[:_MAX_ENTRIES_PER_GROUP]))

    def _make_alert_group(self, result: SearchResult) -> ResultGroup:
        context = self._context
        entries = [
            ResultEntry(
                AlertsRoute(),
                "warning",
                alert_words.format_alert_rule(alert, context),
                alert.order_no or "",
                right_side_text=context.format_age(alert.detected_at),
            )
            for alert in result.alerts[:1]
        ]
        count = len(result.alerts)
        return ResultGroup(context.translate("search.alerts", n=count), tuple(entries))

    def _make_operation_group(self, result: SearchResult) -> ResultGroup:
        context = self._context
        entries = tuple(
            ResultEntry(
                OperationRoute(operation.id),
                "terminal",
                context.translate(f"operation.{operation.action}"),
                context.translate(f"state.operation.{operation.state.value}"),
                right_side_text=context.format_age(operation.started_at),
            )
            for operation in result.operations
        )
        return ResultGroup(context.translate("search.group.operation"), entries)

    def _make_all_records_group(self, result: SearchResult) -> ResultGroup:
        """Return a group with one entry, which opens the lookup page with all found records. Return an empty group if
        the search box already lists all found records."""
        translate = self._context.translate
        counts = [len(group.records) for group in result.records_by_kind.values()]
        has_more = any(group.has_more for group in result.records_by_kind.values())
        if not has_more and max(counts) <= _MAX_ENTRIES_PER_GROUP:
            return ResultGroup("", ())
        key = "search.rest_more" if has_more else "search.rest"
        entry = ResultEntry(
            _ALL_RECORDS_ENTRY_KEY, "arrow_right", translate(key, n=sum(counts)), key_cap="Ctrl+Enter"
        )
        return ResultGroup(translate("search.records"), (entry,))

    def _make_company_group(self) -> ResultGroup:
        """Return the group of companies: the companies of the found records and the companies of the corporation
        registry. If the typed text is a corporation number that no found company has, the first entry looks this
        number up."""
        records_by_number: dict[str, list[ShownRecord]] = {}
        for record in self._found_records:
            if number := case_words.get_corporation_number(record):
                records_by_number.setdefault(number, []).append(record)
        companies = self._companies
        entries = [
            _make_company_entry(self._context, company, records_by_number.get(company.corporation_number, ()))
            for company in companies[:_MAX_ENTRIES_PER_GROUP]
        ]
        typed_number = _find_corporation_number(self._typed_text)
        if typed_number is not None and all(company.corporation_number != typed_number for company in companies):
            entry_title = self._context.translate("search.look_up_number")
            entries.insert(
                0,
                ResultEntry(
                    LookupRoute(typed_number), "search", entry_title, wording.format_corporation_number(typed_number)
                ),
            )
        return ResultGroup(self._make_company_heading(), tuple(entries))

    def _make_company_heading(self) -> str:
        """Return the heading above the companies. If the corporation registry has all of these companies, the heading
        names the date and the publisher of the registry. Otherwise it doesn't, because the name of a company that the
        registry lacks comes from our records alone."""
        translate = self._context.translate
        registry_date = self._search_result.companies.registry_date if self._search_result is not None else None
        if registry_date is None or not all(company.is_registered for company in self._companies):
            return translate("search.corporation")
        return translate("search.corporation_of", day=registry_date.isoformat(), publisher=REGISTRY_PUBLISHER)

    def _make_recent_groups(self) -> list[ResultGroup]:
        """Return the group with the records that the person has opened recently; it is shown while no text is
        typed."""
        entries = tuple(self.make_record_entry(visit.record) for visit in self._context.visits)
        return [ResultGroup(self._context.translate("search.recent"), entries)]

    def _make_command_group(self) -> ResultGroup:
        """Return the group of commands whose title matches the text in Japanese or English. A command whose whole
        title is the text comes first, then the commands that the person has used most recently. The commands that
        aren't possible at present are the last ones, so that Enter runs a possible one, and so that the few lines
        aren't filled with commands that the person's role never allows."""
        typed_words = split_into_folded_words(self._typed_text)
        position_by_recent_name = {
            name: position for position, name in enumerate(list_recent_command_names(self._context))
        }
        commands = [command for command in self._commands.values() if command.matches(typed_words)]
        exact_commands = self._list_exact_commands()
        commands.sort(
            key=lambda command: (
                command not in exact_commands,
                bool(command.find_refusal()),
                position_by_recent_name.get(command.name, len(position_by_recent_name)),
            )
        )
        entries = tuple(self._make_command_entry(command) for command in commands[:_MAX_ENTRIES_PER_GROUP])
        return ResultGroup(self._context.translate("search.commands"), entries)

    def _list_exact_commands(self) -> list[WindowCommand]:
        """Return the commands whose whole title is the typed text: Enter runs such a command, or shows the reason why
        it isn't possible at present, whatever records and companies the search finds."""
        return [command for command in self._commands.values() if command.has_title(self._typed_text)]

    def _make_command_entry(self, command: WindowCommand) -> ResultEntry:
        return ResultEntry(
            command,
            command.icon,
            command.get_title(self._context.language),
            right_side_text=command.right_side_text,
            key_cap=command.shortcut,
            disabled_reason=command.find_refusal(),
        )

    def make_record_entry(self, record: ShownRecord) -> ResultEntry:
        """Return the search result entry of a record: its title, amount and state, and the time since it got this
        state.
        """
        context = self._context
        state_cell = words.make_state_cell(
            case_words.get_most_specific_badge_key(record, context.now()), context.language
        )
        since = record.state_since or case_words.get_creation_time(record)
        age, spoken_age = (context.format_age(since) if since else ""), words.format_spoken_age(since, context)
        if isinstance(record, CreditCheck):
            own_name = case_words.format_company_or_title(record, context)
            matching_name = find_matching_name(own_name, record.corporation_number, self._typed_text, self._companies)
            return ResultEntry(
                CreditCheckRoute(record.id),
                case_words.get_record_icon_name(record),
                case_words.format_short_title(record, context),
                matching_name,
                state=state_cell,
                right_side_text=age,
                right_side_spoken_text=spoken_age,
            )
        return ResultEntry(
            case_words.make_record_route(record),
            case_words.get_record_icon_name(record),
            case_words.format_record_title(record, context),
            amount=case_words.format_record_amount(record),
            provider=case_words.get_record_provider_name(record, context),
            state=state_cell,
            right_side_text=age,
            right_side_spoken_text=spoken_age,
        )

    # -- selection

    @Slot(object)
    def _show_refusal(self, entry: ResultEntry) -> None:
        """Show and announce the reason why a command isn't possible at present. The line of the command may have no
        room for the whole reason."""
        self.search_box.show_message("")  # the same reason is announced again
        self.search_box.show_message(
            self._context.translate("act.about", title=entry.title, message=entry.disabled_reason)
        )

    @Slot(object)
    def _open_result(self, key: object) -> None:
        """Open the picked result, whose row has the key `key`: run a command (a WindowCommand), or open the page of a
        record, company or alert (a route), or the list of all found records."""
        self._stop_search()
        if isinstance(key, WindowCommand):
            store_recent_command(self._context, key.name)
            key.run()
            return
        self._context.navigate(
            LookupRoute(self._typed_text) if key == _ALL_RECORDS_ENTRY_KEY else _require_route(key)
        )
        if self._typed_text.strip():
            self.result_opened.emit()


def _make_company_entry(context: WindowContext, company: FoundCompany, records: Sequence[ShownRecord]) -> ResultEntry:
    """Return the search result entry of a company. The text at the right is the first of these that exists: the
    word for its closure, the counts of its found payments and credit checks, the word for its records in this
    database, its prefecture and city.
    """
    check_count = sum(isinstance(record, CreditCheck) for record in records)
    payment_count = sum(isinstance(record, Payment) for record in records)
    counts = [("search.payments", payment_count), ("search.checks", check_count)]
    counts_text = context.translate("list.separator").join(context.translate(key, n=n) for key, n in counts if n)
    number_text = wording.format_corporation_number(company.corporation_number)
    right_side_text = company.closure_word or counts_text or company.our_records_word or company.prefecture_and_city
    return ResultEntry(
        LookupRoute(number_text), "building", company.name, number_text, right_side_text=right_side_text
    )


def find_matching_name(
    own_name: str, corporation_number: str, typed_text: str, companies: Sequence[FoundCompany]
) -> str:
    """Return the company name by which a search for `typed_text` has found a record. If `own_name`, the name in the
    record, contains one of the typed words, return `own_name`. Otherwise return the name that the company with this
    corporation number has in the found `companies`, such as its present name in the corporation registry; `own_name`
    if they don't contain the company.
    """
    folded_name = "".join(split_into_folded_words(own_name))
    if any(word in folded_name for word in split_into_folded_words(typed_text)):
        return own_name
    return next((company.name for company in companies if company.corporation_number == corporation_number), own_name)


def _find_corporation_number(text: str) -> str | None:
    """Return the 13 digits of the corporation number in `text`; None if `text` isn't a valid corporation number."""
    try:
        return parse_corporation_number(text).value
    except InvalidCorporationNumber:
        return None


def _require_route(key: object) -> Route:
    """Return `key`, the key of a picked result, if it is a Route.

    Raises TypeError for any other value.
    """
    if isinstance(key, Route):
        return key
    raise TypeError(f"not a route: {key!r}")


def _shorten_typed_text(text: str) -> str:
    """Return the typed text cut to 24 characters: the rest of its line is needed for the sentence about it."""
    return text if len(text) <= 24 else text[:23] + "…"
