"""The widget with the facts of the corporation registry about one company: kind, address, other names, closure,
successors and predecessors."""

from collections.abc import Iterable

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from console.domain.registry.corporations import RegistryMatch
from console.domain.registry.facts import CorporationFacts, find_other_names
from console.domain.registry.watched_facts import is_only_about_closure
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import AlertsRoute
from console.views.widgets.base import TextLabel, discard_widget, make_column
from console.views.widgets.controls.buttons import ButtonKind, KeyButton, LinkButton, PaintedButton
from console.views.widgets.layout.flow_layout import make_flow_widget
from console.views.widgets.window.notification_bars import NotificationBar
from console.wording import registry as registry_words
from console.wording.sentences import catalogue as wording
from console.wording.sentences.formats import join_sentences

_MAX_SHOWN_PREDECESSORS = 3


class CorporationFactsView(QWidget):
    """Shows the facts of the corporation registry about one company. On a desk that has imported no registry, the
    widget says which facts a registry would add. The widget is hidden until it shows a company.

    Signals:
    - number_requested(str): the person opens the company with this corporation number.
    """

    number_requested = Signal(str)

    def __init__(self, context: WindowContext) -> None:
        super().__init__()
        self._context = context
        self._shown_facts: tuple[object, ...] = ()
        self._content: QWidget | None = None
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self.hide()

    @property
    def focus_stops(self) -> list[QWidget]:
        """The widgets of this view that can have the focus, in tab order."""
        return list(self._content.findChildren(PaintedButton)) if self._content is not None else []

    def show_facts(
        self, facts: CorporationFacts | None, our_names: Iterable[str | None], open_change: tuple[int, str] | None
    ) -> None:
        """Show the facts of the corporation registry; None if this desk has imported no registry. `our_names` are the
        names of the company in our records. The view also shows each of these names that differs from the official
        name. `open_change` is the open alert about a change of the company: its id and its text `observed`."""
        names = tuple(our_names)
        if (facts, names, open_change) == self._shown_facts:
            return
        self._shown_facts = (facts, names, open_change)
        if self._content is not None:
            self._layout.removeWidget(self._content)
            discard_widget(self._content)
            self._content = None
        if facts is None:
            hint = self._context.translate("lookup.no_registry_facts")
            widgets: list[QWidget] = [TextLabel(hint, "small", "muted", wraps_lines=True)]
        else:
            widgets = self._make_fact_widgets(facts, names, open_change)
        self._content = QWidget()
        self._content.setLayout(make_column(*widgets, gap_px=4))
        self._layout.addWidget(self._content)
        self.show()

    def _make_fact_widgets(
        self, facts: CorporationFacts, our_names: tuple[str | None, ...], open_change: tuple[int, str] | None
    ) -> list[QWidget]:
        translate, corporation = self._context.translate, facts.corporation
        source_text = TextLabel(
            registry_words.format_registry_source(facts.registry_date, translate), "small", "muted", wraps_lines=True
        )
        if corporation is None:
            unknown_text = translate("corporation.unknown_number", day=facts.registry_date.isoformat())
            return [NotificationBar(unknown_text, icon_name="question", tone="care", is_announced=False), source_text]
        kind_text = wording.capitalize_first_letter(translate(f"corporation.kind.{corporation.kind.value}"))
        address_text = registry_words.format_corporation_address(corporation, translate)
        kind_and_address = translate("corporation.kind_and_address", kind=kind_text, address=address_text)
        widgets: list[QWidget] = [TextLabel(kind_and_address, wraps_lines=True)]
        other_names = find_other_names(our_names, corporation)
        if other_names:
            name_text = translate("list.separator").join(other_names)
            widgets.append(
                TextLabel(translate("corporation.other_names", names=name_text), tone="care", wraps_lines=True)
            )
        # One bar if both would say the same: on the page of a company whose closure nobody has acknowledged.
        closure, closure_alert_id = corporation.closure, None
        if open_change is not None and closure is not None and is_only_about_closure(open_change[1], closure.day):
            closure_alert_id = open_change[0]
        if closure is not None:
            widgets.append(self._make_closure_bar(facts, closure_alert_id))
        if open_change is not None and closure_alert_id is None:
            widgets.append(self._make_change_bar(*open_change))
        if facts.predecessors:
            widgets.append(self._make_predecessor_links(facts.predecessors))
        return [*widgets, source_text]

    def _make_closure_bar(self, facts: CorporationFacts, alert_id: int | None) -> NotificationBar:
        """Return the bar with the day and the cause of the corporation's closure, with the corporations into which
        it was merged, and with a button that opens the last of them. `alert_id` is the open alert about the closure;
        the bar then says that nobody has acknowledged it, and has a button for the alert.
        """
        translate = self._context.translate
        bold_text = registry_words.format_corporation_closure_heading(facts, translate)
        successor_chain = translate("corporation.chain_arrow").join(
            registry_words.get_official_name(match.corporation, translate) for match in facts.successors
        )
        texts = [translate("corporation.merged_into", chain=successor_chain)] if successor_chain else []
        buttons = [self._make_successor_button(facts.successors[-1])] if facts.successors else []
        if alert_id is not None:
            texts.append(translate("corporation.closure_not_acknowledged"))
            # as high as the primary button beside it
            buttons.append(self._make_alert_button(alert_id, kind="default" if buttons else "inline"))
        button, second_button = (*buttons, None, None)[:2]
        return NotificationBar(
            bold_text,
            join_sentences(texts, translate),
            tone="care",
            icon_name="ring_slash",
            button=button,
            second_button=second_button,
            is_announced=False,
        )

    def _make_change_bar(self, alert_id: int, observed: str) -> NotificationBar:
        """Return the bar about a change of the corporation that nobody has acknowledged, with a button for its
        alert."""
        text = self._context.translate("why.complete_company_changed", observed=observed)
        button = self._make_alert_button(alert_id)
        return NotificationBar("", text, tone="care", icon_name="square_bang", button=button, is_announced=False)

    def _make_alert_button(self, alert_id: int, *, kind: ButtonKind = "inline") -> KeyButton:
        button = KeyButton(self._context.translate("action.open_alert"), kind=kind)
        button.setProperty("alert", alert_id)
        button.clicked.connect(self._open_alert)
        return button

    @Slot()
    def _open_alert(self) -> None:
        self._context.navigate(AlertsRoute(int(self.sender().property("alert"))))

    def _make_predecessor_links(self, matches: tuple[RegistryMatch, ...]) -> QWidget:
        translate = self._context.translate
        links = [self._make_predecessor_link(match) for match in matches[:_MAX_SHOWN_PREDECESSORS]]
        widgets: list[QWidget] = [TextLabel(translate("corporation.label.predecessor"), "small", "muted"), *links]
        if len(matches) > len(links):
            widgets.append(TextLabel(translate("corporation.more", n=len(matches) - len(links)), "small", "muted"))
        return make_flow_widget(*widgets, gap_px=12)

    def _make_successor_button(self, match: RegistryMatch) -> KeyButton:
        """Return the primary button that opens the page of the successor: a person who has looked up a merged company
        mostly needs its successor."""
        button = KeyButton(
            self._context.translate("corporation.open_successor") + self._format_note(match), "", "primary"
        )
        self._bind_to_number(button, match)
        return button

    def _make_predecessor_link(self, match: RegistryMatch) -> LinkButton:
        name = registry_words.get_official_name(match.corporation, self._context.translate)
        text = self._context.translate("corporation.predecessor_link", name=name)
        link = LinkButton(text + self._format_note(match), has_arrow=True)
        self._bind_to_number(link, match)
        return link

    def _format_note(self, match: RegistryMatch) -> str:
        """Return the note in brackets which says that we have records of this corporation; "" if we have none."""
        note = registry_words.format_own_records_note(match, self._context.translate)
        return self._context.translate("corporation.in_brackets", words=note) if note else ""

    def _bind_to_number(self, button: PaintedButton, match: RegistryMatch) -> None:
        """Let the button emit `number_requested` with the number of this corporation when it is pressed."""
        button.setAccessibleDescription(wording.format_corporation_number(match.corporation.number))
        button.setProperty("number", match.corporation.number)
        button.clicked.connect(self._emit_number_of_clicked_button)

    @Slot()
    def _emit_number_of_clicked_button(self) -> None:
        self.number_requested.emit(str(self.sender().property("number")))
