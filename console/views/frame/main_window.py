"""The bars around the current page (top bar, sidebar, status bar), the navigation between pages, and the history
of routes. WindowFrame puts them into the empty main window (`MainWindow`)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import shiboken6
from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeyEvent, QShortcut
from PySide6.QtWidgets import QAbstractButton, QApplication, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from console.domain.access.permissions import ADMIN
from console.domain.alerts.incidents import MAX_COUNTED_INCIDENTS
from console.domain.annotations.mentions import MAX_LISTED_MENTIONS
from console.views.frame.splash_window import MainWindow
from console.views.frame.status_bar import StatusBarCells
from console.views.pages.base import Page
from console.views.pages.no_right_page import NoRightPage, find_needed_right
from console.views.pages.scroll_container import PageScrollArea
from console.views.presenters.saved_views import make_saved_view_sidebar_entry, parse_saved_view_key
from console.views.runtime.announcer import Announcer
from console.views.runtime.context import Toast, WindowContext
from console.views.runtime.routes import (
    AdminRoute,
    AlertsRoute,
    ApprovalsRoute,
    AuditRoute,
    HomeRoute,
    LookupRoute,
    QueuesRoute,
    ReconcileRoute,
    RecordPageRoute,
    ReportsRoute,
    Route,
    TrainingRoute,
    get_record_ref,
)
from console.views.sign_in.hide_contents import CoveredWindow, WindowCover
from console.views.theme.design_tokens import tokens
from console.views.theme.theme import current_appearance
from console.views.widgets.base import TextLabel, clear_layout, make_column
from console.views.widgets.display.placeholders import SkeletonRows
from console.views.widgets.window.notification_bars import NotificationBar, ToastFrame, ToastStack
from console.views.widgets.window.sidebar import Sidebar, SidebarEntry
from console.views.widgets.window.window_bars import EnvironmentFrame, StatusBar, TopBar
from console.wording.sentences import catalogue as wording
from console.wording.sentences.formats import join_facts

ROUTE_BY_SIDEBAR_KEY: dict[str, Route] = {
    "home": HomeRoute(),
    "queues": QueuesRoute(),
    "lookup": LookupRoute(),
    "approvals": ApprovalsRoute(),
    "reconcile": ReconcileRoute(),
    "alerts": AlertsRoute(),
    "audit": AuditRoute(),
    "reports": ReportsRoute(),
    "admin": AdminRoute(),
    "training": TrainingRoute(),
}
_MENTIONS_ENTRY_KEY = "mentions"
_MAX_NAVIGATION_HISTORY_LENGTH = 50
_MAX_SIDEBAR_VIEWS = 10
_MIN_WINDOW_WIDTH_WITH_SIDEBAR_PX = 800  # width of the smallest window with a sidebar, at text size 1


@dataclass(slots=True)
class _NavigationHistoryEntry:
    """One entry of the navigation history: a route, and the widget that had the focus when the person left its
    page."""

    route: Route
    focus: QWidget | None = None


class _PageHolder(QWidget):
    """The scroll area of a page, and the widgets of the page below this area."""

    _page_with_bars: Page | None = None

    def take_keys(self, page: Page) -> None:
        """Let the keys of the page, also those that it answers with the reason of a refusal, work while a bar below
        the area has the focus."""
        self._page_with_bars = page
        for shortcut in page.findChildren(QShortcut, options=Qt.FindChildOption.FindDirectChildrenOnly):
            shortcut.setParent(self)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self._page_with_bars is not None:
            self._page_with_bars.keyPressEvent(event)
        else:
            super().keyPressEvent(event)


class WindowFrame(CoveredWindow):
    """Fills the empty main window (`MainWindow`) with the bars and the pages, and opens the page of a route.
    `make_page` is the function that creates a page when the person opens it for the first time.

    Signals:
    - closing: the window is about to close, or a new window replaces it after a sign-out.
    - mentions_requested: the person wants to see the notes that mention them.
    - page_shown: another route is shown, or the state of the page (`Page.get_screen_state`), such as its filter, has
      changed.
    """

    closing = Signal()
    mentions_requested = Signal()
    page_shown = Signal()
    window: MainWindow

    def __init__(self, window: MainWindow, context: WindowContext) -> None:
        super().__init__(window)
        self.window, self.context = window, context
        self.may_close: Callable[[], bool] = lambda: True
        self.make_page: Callable[[Route], Page] | None = None
        self._pages: dict[type, Page] = {}
        self._state_of_removed_page_by_route: dict[Route, Mapping[str, Any]] = {}
        """For each route whose page `rebuild_bars_and_page` has removed, the state of that page."""
        self._scroll_areas: dict[Page, PageScrollArea] = {}
        self._history: list[_NavigationHistoryEntry] = []
        self.window_cover = WindowCover(window)
        self.announcer = Announcer(window, context.now, lambda: self.window_cover.cover, lambda: self.current_route)
        self.toasts = ToastStack(
            window, find_lower_bars=self.find_lower_bars, find_side_area=self.find_free_sidebar_area
        )
        self.page_shown.connect(self.toasts.place_toasts, Qt.ConnectionType.QueuedConnection)
        self.page_shown.connect(self._fit_bar)
        self.window_cover.cover_removed.connect(self.announcer.announce_waiting_sentences)
        self.window_cover.cover_removed.connect(self._show_toasts_hidden_by_cover)
        self.window_cover.cover_shown.connect(self._show_window_title)
        self.window_cover.cover_removed.connect(self._show_window_title)
        self._toasts_held_back: list[Toast] = []
        self._build_bars()
        window.installEventFilter(self)
        self.closing.connect(self._leave_current_page)
        context.navigation_requested.connect(self.show_route)
        context.route_replacement_requested.connect(self.replace_route)
        context.back_requested.connect(self.go_back)
        context.services_opened.connect(self._show_training_entry)
        context.toast_requested.connect(self._show_toast)
        context.refusal_shown.connect(self.toasts.remove_file_toasts)
        context.work_counts_changed.connect(self._show_sidebar_counts)
        context.saved_views_changed.connect(self._show_sidebar_views)
        context.people_changed.connect(self._reopen_route_if_right_changed)
        context.person_changed.connect(self._reopen_route_if_right_changed)
        context.person_changed.connect(self.announcer.clear_announcements)
        context.person_changed.connect(self._remove_covered_toasts)
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._keep_focus_visible)
        self._clock_timer = QTimer(self, interval=1_000)
        self._clock_timer.timeout.connect(self._show_clock)
        self._clock_timer.start()

    # -- construction

    def _build_bars(self) -> None:
        context = self.context
        environment_word = context.settings.environment
        self._frame = frame = EnvironmentFrame(environment_word)
        self.top_bar = TopBar(
            context.translate("app.name"),
            context.translate(f"environment.{environment_word}"),
            environment_word,
            context.translate("search.placeholder"),
            context.operator or context.translate("person.nobody"),
            context.translate("screen.places"),
        )
        self.top_bar.page_menu_requested.connect(self._open_sidebar_menu)
        self.sidebar = Sidebar(self.list_sidebar_entries(), context.translate("screen.places"))
        self.sidebar.page_requested.connect(self._open_sidebar_entry)
        self.sidebar.bind_shortcuts(frame)
        self.page_stack = QStackedWidget()
        self.bar_layout = QVBoxLayout()
        self.status_bar = StatusBar()
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self.sidebar)
        content = QVBoxLayout()
        content.addLayout(self.bar_layout)
        content.addWidget(self.page_stack, 1)
        middle.addLayout(content, 1)
        frame.inner_layout.addWidget(self.top_bar)
        frame.inner_layout.addLayout(middle, 1)
        frame.inner_layout.addWidget(self.status_bar)
        self.window.setCentralWidget(frame)
        self._fit_sidebar()
        self._show_window_title()
        self._show_placeholder_rows()
        StatusBarCells(context, self.status_bar)
        self._show_clock()
        self._show_sidebar_counts()
        self._show_sidebar_views()

    def _fit_sidebar(self) -> None:
        """Show the sidebar. If the window is too narrow for it at the present text size, show a button instead, which
        opens the entries of the sidebar as a menu."""
        is_narrow = self.window.width() < _MIN_WINDOW_WIDTH_WITH_SIDEBAR_PX * current_appearance().scale
        self.sidebar.setVisible(not is_narrow)
        self.top_bar.show_page_menu_button(is_shown=is_narrow)

    @Slot()
    def _open_sidebar_menu(self) -> None:
        button = self.top_bar.page_menu
        self.sidebar.build_menu().popup(button.mapToGlobal(QPoint(0, button.height() + 2)))

    def list_sidebar_entries(self) -> list[SidebarEntry]:
        """Return the entries of the sidebar, from top to bottom."""
        translate = self.context.translate
        places = [
            SidebarEntry("home", "home", translate("screen.home"), "Alt+1"),
            SidebarEntry("queues", "list", translate("screen.queues"), "Alt+2"),
            SidebarEntry("lookup", "search", translate("screen.lookup"), "Alt+3"),
            SidebarEntry("approvals", "approval", translate("screen.approvals"), "Alt+4"),
            SidebarEntry("reconcile", "swap", translate("screen.reconcile"), "Alt+5"),
            SidebarEntry("alerts", "warning", translate("screen.alerts"), "Alt+6"),
            SidebarEntry("audit", "audit", translate("screen.audit"), "Alt+7"),
            SidebarEntry("reports", "bars", translate("screen.reports"), "Alt+8"),
            SidebarEntry("admin", "settings", translate("screen.admin"), "Alt+9"),
        ]
        if self.context.has_training:
            places.append(SidebarEntry("training", "ring_check", translate("screen.training"), "Alt+0"))
        return places

    @Slot()
    def _show_training_entry(self) -> None:
        """Add the entry "training" to the sidebar, if the opened services are the services of a training."""
        if self.context.has_training and not self.sidebar.has_entry("training"):
            self.sidebar.add_entry(self.list_sidebar_entries()[-1], self._frame)

    def _show_placeholder_rows(self) -> None:
        """Show placeholder rows in place of the page until the services are open."""
        placeholder = QWidget()
        box = QVBoxLayout(placeholder)
        margin = tokens().px("spacing", "page_margin")
        box.setContentsMargins(margin, 12, margin, 12)
        box.addWidget(TextLabel(self.context.translate("screen.home"), "title"))
        box.addWidget(SkeletonRows(6))
        box.addStretch(1)
        self.page_stack.addWidget(placeholder)
        self.sidebar.mark_current_entry("home")

    @Slot()
    def rebuild_bars_and_page(self) -> None:
        """Build the bars and the visible page again in the context's language. Every other page is built again
        when the person next opens it. The current route, the history and the states of the pages (filter, tab,
        selected row) stay."""
        self._leave_current_page()
        newest_routes = {type(entry.route): entry.route for entry in self._history}
        self._state_of_removed_page_by_route = {
            newest_routes[kind]: page.get_screen_state()
            for kind, page in self._pages.items()
            if kind in newest_routes
        }
        self._pages.clear()
        self._scroll_areas.clear()
        self._build_bars()
        if self.current_route is not None:
            self._show_page(self.current_route)

    # -- navigation

    @Slot(object)
    def show_route(self, route: Route, state: Mapping[str, Any] | None = None) -> None:
        """Open the page of `route`, and add the route to the history if it isn't the current one. `state` is the
        state of this page that `Page.get_screen_state` returned in an earlier window; None for the page's own
        state."""
        if self.current_route != route:
            if self._history:
                self._history[-1].focus = self.window.focusWidget()
            self._history = [*self._history[-_MAX_NAVIGATION_HISTORY_LENGTH:], _NavigationHistoryEntry(route)]
        self._show_page(route, state)

    @Slot()
    def go_back(self) -> None:
        """Open the previous route of the history; do nothing if there is no previous route. The list of the page has
        the same scroll position as before, and the focus returns to the widget that had it. If the person comes back
        from the page of a record of this list, the row of this record becomes the current row, even if the person has
        come to the record from another one with the key "[" or "]".
        """
        if len(self._history) > 1:
            left_route = self._history.pop().route
            history_entry = self._history[-1]
            self._show_page(history_entry.route)
            page, focus = self.current_page, history_entry.focus
            if page is not None and isinstance(left_route, RecordPageRoute) and left_route.trail:
                page.go_to_record(get_record_ref(left_route))
            if page is not None and focus is not None and shiboken6.isValid(focus) and page.can_focus(focus):
                focus.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot(object)
    def replace_route(self, route: Route) -> None:
        """Open the page of `route`, and replace the newest entry of the history with this route."""
        if self._history:
            self._history[-1].route = route
        self._show_page(route)

    @property
    def current_route(self) -> Route | None:
        """The route of the visible page; None before the first page is opened."""
        return self._history[-1].route if self._history else None

    @property
    def start_route(self) -> Route:
        """The route with which the acting person starts: to the home page or, for an administrator who may not see
        that page, to the administration page."""
        person = self.context.current_person
        is_barred = bool(self.context.find_missing_right_reason(find_needed_right(HomeRoute())))
        return AdminRoute() if is_barred and person is not None and ADMIN in person.roles else HomeRoute()

    @property
    def route_to_shown_contents(self) -> Route | None:
        """The route to the contents that the visible page shows at present; None before the first page is opened. It
        differs from `current_route` if the person has selected other contents on the page, such as another queue."""
        route, page = self.current_route, self.current_page
        return route if route is None or page is None else page.find_route_to_shown_contents(route)

    @property
    def current_page(self) -> Page | None:
        """The visible page; None before the services are open."""
        holder = self.page_stack.currentWidget()
        return next((page for page, area in self._scroll_areas.items() if area.parentWidget() is holder), None)

    def _show_page(self, route: Route, state: Mapping[str, Any] | None = None) -> None:
        """Show the page of the route in place of the visible page, and mark its sidebar entry. Then give the page the
        state `state`. If `state` is None and the page was just created, give it the state of the removed page that
        showed this route before, if such a page existed."""
        old_pages = [*self._pages.values()]
        page = self._find_or_make_page(route)
        if page is None:
            return
        if state is None and page not in old_pages:
            state = self._state_of_removed_page_by_route.pop(route, None)
        if page is not self.current_page:
            self._leave_current_page()
        area = self._scroll_areas[page]
        self._show_scroll_area(area)
        page.show_route(route)
        if state:
            page.restore_screen_state(state)
        self._show_window_title()
        self._mark_sidebar_entry(page)
        page.take_focus()
        area.scroll_to_top_and_focused_widget()
        self.page_shown.emit()

    def _show_scroll_area(self, area: PageScrollArea) -> None:
        """Show the page in `area` in place of the visible page, and restore the scroll position of the page that was
        visible. Qt changes this position, because it moves the focus to the next widget of that page when it hides
        the page.
        """
        previous_page, holder = self.current_page, area.parentWidget()
        previous_area = self._scroll_areas[previous_page] if previous_page is not None else None
        scrolled_px = previous_area.verticalScrollBar().value() if previous_area is not None else 0
        if holder is not None:
            self.page_stack.setCurrentWidget(holder)
        if previous_area is not None:
            previous_area.verticalScrollBar().setValue(scrolled_px)

    @Slot()
    def _leave_current_page(self) -> None:
        if self.current_page is not None:
            self.current_page.clean_up_after_visit()

    @Slot()
    def _mark_entry_of_changed_page(self) -> None:
        """Mark the sidebar entry of the visible page, because this page (the sender of the signal) may have changed
        its `sidebar_key`. Do nothing if the sender is another page."""
        if self.current_page is not None and self.current_page is self.sender():
            self._mark_sidebar_entry(self.current_page)

    def _mark_sidebar_entry(self, page: Page) -> None:
        """Mark the sidebar entry of `page`. If the page shows a saved view that has no entry, mark the entry of the
        queues."""
        is_view_without_entry = parse_saved_view_key(page.sidebar_key) and not self.sidebar.has_entry(
            page.sidebar_key
        )
        self.sidebar.mark_current_entry("queues" if is_view_without_entry else page.sidebar_key)

    def _find_or_make_page(self, route: Route) -> Page | None:
        """Return the page that shows routes of this class; create it at its first use. If the person lacks the right
        to see it, return the NoRightPage, which shows the reason. Return None before the services are open."""
        is_barred = bool(self.context.find_missing_right_reason(find_needed_right(route)))
        kind = NoRightPage if is_barred else type(route)
        if kind not in self._pages and self.make_page is not None:
            page = self._pages[kind] = NoRightPage(self.context) if is_barred else self.make_page(route)
            self._scroll_areas[page] = self._make_scroll_area(page)
            page.page_name_changed.connect(self._show_window_title)
            page.screen_state_changed.connect(self.page_shown)
            page.screen_state_changed.connect(self._mark_entry_of_changed_page)
        return self._pages.get(kind)

    def _make_scroll_area(self, page: Page) -> PageScrollArea:
        """Return a scroll area with `page`. In the stack of pages, the page's line of shortcuts is below this area,
        so that the line doesn't scroll away with the contents. The same is true of the bars at the end of a page."""
        holder = _PageHolder(self.page_stack)
        area = PageScrollArea(page, holder)
        for scroll_area in (area, page.get_own_scroll_area()):
            if scroll_area is not None:
                scroll_area.verticalScrollBar().rangeChanged.connect(self._fit_bar)
        holder_layout = make_column(area, page.hint_bar, gap_px=0)
        page_layout = page.layout()
        if page_layout is not None and page_layout.indexOf(page.bars_below) == page_layout.count() - 1:
            holder_layout.insertWidget(1, page.bars_below)
            holder.take_keys(page)
        holder_layout.setStretch(0, 1)
        holder.setLayout(holder_layout)
        self.page_stack.addWidget(holder)
        return area

    @Slot()
    def _reopen_route_if_right_changed(self) -> None:
        """Open the current route again if the acting person has gained or lost the right to see its page. If this
        route leads to the home page, open `start_route` instead: the administration page for an administrator who may
        not see the home page.
        """
        route, page = self.current_route, self.current_page
        if route is not None and page is not None:
            is_barred = bool(self.context.find_missing_right_reason(find_needed_right(route)))
            if is_barred != isinstance(page, NoRightPage):
                self.replace_route(self.start_route if route == HomeRoute() else route)

    @Slot(str)
    def _open_sidebar_entry(self, key: str) -> None:
        """Open the page of the sidebar entry with this key; for the entry of the mentions, emit
        `mentions_requested`."""
        if key == _MENTIONS_ENTRY_KEY:
            self.mentions_requested.emit()
            if self.current_page is not None:
                self._mark_sidebar_entry(self.current_page)
            return
        view = parse_saved_view_key(key)
        self.show_route(QueuesRoute(view_id=view) if view else ROUTE_BY_SIDEBAR_KEY[key])

    @Slot()
    def reload_page(self) -> None:
        """Read the data of the visible page again, and the people with their roles (F5 key)."""
        self.context.people_outdated.emit()
        if self.current_page is not None:
            self.current_page.refresh("asked")

    # -- bars around the pages

    @Slot()
    def _show_window_title(self) -> None:
        """Set the window's title: the name of the page, the name of the program, and the environment. While a cover
        hides the window, the title contains the name of the cover instead of the name of the page, because the name
        of the page may contain the name and state of a record."""
        translate = self.context.translate
        environment = translate(f"environment.{self.context.settings.environment}")
        program = translate("app.window_title", environment=environment)
        cover, page = self.window_cover.cover, self.current_page
        page_name = cover.accessibleName() if cover is not None else page.page_name if page is not None else ""
        self.window.setWindowTitle(wording.join_facts((page_name, program), translate))

    @Slot()
    def _show_clock(self) -> None:
        now = self.context.now()
        clock = self.context.translate("status.clock_minutes", at=wording.format_instant(now, "clock")[:5])
        if self.top_bar.clock.plain != clock:
            self.top_bar.clock.show_text(clock)
            self.context.minute_passed.emit()

    @Slot()
    def _show_sidebar_counts(self) -> None:
        """Show the counts of the sidebar entries: records that need a review together with changed companies and
        unmatched notices; refunds and proposals that the acting person may decide; open incidents with an alert that
        nobody has acknowledged; and the person's mentions. The entry of the mentions is below the home page and only
        exists while there is a mention.
        """
        waiting = self.context.work_counts.total_waiting_queue_count
        waiting_text = wording.format_count(waiting.count, is_capped=waiting.is_capped) if waiting.count else ""
        self.sidebar.set_count("queues", waiting_text)
        self.sidebar.set_explanation("queues", self._format_waiting_counts() if waiting.count else "")
        waiting_decision_count = self.context.work_counts.waiting_decision_count
        self.sidebar.set_count(
            "approvals", wording.format_count(waiting_decision_count) if waiting_decision_count else ""
        )
        incident_count = self.context.work_counts.waiting_incident_count
        shown_incident_count = wording.format_count(
            min(incident_count, MAX_COUNTED_INCIDENTS), is_capped=incident_count > MAX_COUNTED_INCIDENTS
        )
        self.sidebar.set_count("alerts", shown_incident_count if incident_count else "")
        mention_count = len(self.context.work_counts.mentions)
        mentions = wording.format_count(mention_count, is_capped=mention_count >= MAX_LISTED_MENTIONS)
        mentions_entry = SidebarEntry(
            _MENTIONS_ENTRY_KEY, "person", self.context.translate("screen.mentions"), "", mentions, is_nested=True
        )
        self.sidebar.show_nested_entries("home", [mentions_entry] if mention_count else [])

    def _format_waiting_counts(self) -> str:
        """Return a text with the queues whose waiting entries the sidebar counts together, each with its own number.
        Return "" if at most one queue has waiting entries, because the sidebar's number is then also the number of
        this queue.
        """
        translate, counts = self.context.translate, self.context.work_counts.waiting_queue_counts
        texts = []
        for count in counts:
            count_text = wording.format_count(count.count, is_capped=count.is_capped)
            texts.append(f"{translate(f'queue.{count.queue}.title')} {count_text}")
        return join_facts(texts, translate) if len(counts) > 1 else ""

    @Slot()
    def _show_sidebar_views(self) -> None:
        """Show the first ten saved views below the sidebar entry of the queues. The search box lists all saved
        views."""
        views = self.context.saved_views[:_MAX_SIDEBAR_VIEWS]
        self.sidebar.show_nested_entries(
            "queues", [make_saved_view_sidebar_entry(view, self.context.translate) for view in views]
        )
        if self.current_page is not None:
            self._mark_sidebar_entry(self.current_page)

    @Slot(object)
    def _show_toast(self, toast: Toast) -> None:
        if self.window_cover.is_covered:
            self._toasts_held_back.append(toast)
            return
        translate = self.context.translate
        if toast.subject_title and toast.detail:
            detail = translate("act.about", title=toast.subject_title, message=toast.detail)
        else:
            detail = toast.subject_title or toast.detail
        frame = ToastFrame(
            toast.message,
            detail,
            icon_name=toast.icon_name,
            tone=toast.tone,
            close_name=translate("action.close"),
            route=toast.route,
            topic=toast.topic,
        )
        if toast.tone == "bad":
            self.toasts.remove_file_toasts()
        if toast.path:
            if self.current_page is not None:
                self.current_page.hide_refusal_bar()  # an earlier refusal would contradict the success
            frame.add_file_buttons(toast.path, translate("action.copy_path"), translate("action.open_folder"))
        self.toasts.show_toast(frame)

    def find_lower_bars(self) -> list[QWidget]:
        """Return the bars that a toast must not cover: the lower bars of the visible page, and the status bar."""
        return [self.status_bar, *(self.current_page.lower_bars if self.current_page is not None else [])]

    def find_free_sidebar_area(self) -> QRect:
        """Return the part of the sidebar below its entries, in the coordinates of the window; an empty rectangle if
        the window has no room for the sidebar."""
        if not self.sidebar.isVisible():
            return QRect()
        free_area = self.sidebar.compute_free_area().adjusted(4, 0, -4, -8)
        return free_area.translated(self.sidebar.mapTo(self.window, QPoint(0, 0)))

    @Slot()
    def _remove_covered_toasts(self) -> None:
        """Remove the toasts of the previous person if another person unlocks the window."""
        if self.window_cover.is_covered and self.context.is_ready:
            self._toasts_held_back.clear()
            self.toasts.remove_all_toasts()

    @Slot()
    def _show_toasts_hidden_by_cover(self) -> None:
        """Show the toasts that arrived while the privacy cover hid the window."""
        toasts, self._toasts_held_back = self._toasts_held_back, []
        for toast in toasts:
            self._show_toast(toast)

    def show_bar(self, bar: NotificationBar | None) -> None:
        """Show a bar with a message about the whole window, above the page, in place of the previous bar. If `bar`
        is None, only remove the previous bar."""
        clear_layout(self.bar_layout)
        if bar is not None:
            self.bar_layout.addWidget(bar)
        self._fit_bar()

    @Slot()
    def _fit_bar(self) -> None:
        """Give the bar above the page, and those below it, the width of the contents of the page, which end before
        its scroll bar."""
        margins = (0, 0, 0, 0)
        page, scroll_bar_px = self.current_page, 0
        if page is not None:
            for area in (self._scroll_areas.get(page), page.get_own_scroll_area()):
                if area is not None and area.verticalScrollBar().maximum() > 0:
                    scroll_bar_px = area.verticalScrollBar().sizeHint().width()
            page.bars_below.leave_room_for_scroll_bar(scroll_bar_px)
        if self.bar_layout.count():
            margin = tokens().px("spacing", "page_margin")
            gap_below_px = page.gap_below_window_bar_px if page is not None else 0
            margins = (margin, 8, margin + scroll_bar_px, gap_below_px)
        self.bar_layout.setContentsMargins(*margins)

    # -- focus

    @Slot("QWidget*", "QWidget*")
    def _keep_focus_visible(self, old_widget: QWidget | None, new_widget: QWidget | None) -> None:
        """Give the focus to the page if the widget `old_widget`, which had the focus, was hidden or deleted. So a
        person at the keyboard always sees where the focus is. `new_widget` is the widget that has the focus now; None
        for no widget."""
        if not shiboken6.isValid(self.window):
            return  # the window is being destroyed, and its widgets lose the focus
        page = self.current_page
        if page is None or not self.window.isActiveWindow():
            return
        is_hidden = (
            old_widget is not None
            and shiboken6.isValid(old_widget)
            and page.is_part(old_widget)
            and not old_widget.isVisible()
        )
        if new_widget is None or is_hidden:
            QTimer.singleShot(0, page, page.take_focus if is_hidden else page.restore_focus)

    # -- keys and closing

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        """Handle the keys that no child widget has handled, a request to close the window, and a change of its size
        or style. Return True if Qt must not handle the event any further."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            return self._press_button_or_go_back(event)
        if event.type() == QEvent.Type.Close:
            return self._allow_or_refuse_close(event)
        if event.type() in (QEvent.Type.Resize, QEvent.Type.StyleChange):
            self._fit_sidebar()
        return False

    def _press_button_or_go_back(self, event: QKeyEvent) -> bool:
        """Press the focused button if the key is Enter; go back in the history if the key is Esc and no cover hides
        the window. Return True if the key had one of these two effects, or was an automatic repetition of Enter on a
        button."""
        focus = self.window.focusWidget()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and isinstance(focus, QAbstractButton):
            if not event.isAutoRepeat():
                focus.click()
            return True
        if event.key() == Qt.Key.Key_Escape and not self.window_cover.is_covered:
            self.go_back()
            return True
        return False

    def _allow_or_refuse_close(self, event: QEvent) -> bool:
        """If the window may close (`may_close`), emit `closing` and return False, so that Qt closes the window.
        Otherwise refuse the event and return True."""
        if self.may_close():
            self.closing.emit()
            return False
        event.ignore()
        return True
