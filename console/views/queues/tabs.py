"""The tabs of the queues, with the number of items of each. Unmatched notices and changed companies aren't
records, so their queues have pages of their own."""

from PySide6.QtCore import QSignalBlocker, Signal, Slot

from console.domain.queue_names import QUEUES_WITHOUT_RECORDS
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import QUEUE_TAB_NAMES, make_queue_route
from console.views.widgets.controls.tabs import TabBar
from console.wording.sentences import catalogue as wording


def list_queue_descriptions(context: WindowContext) -> list[str]:
    """Return one sentence per queue, in the order of the tabs. Each sentence explains which records the queue
    contains. The header of each page of a queue shows the sentence of the selected queue, and reserves room for the
    longest sentence."""
    return [context.translate(f"queue.{name}.hint") for name in QUEUE_TAB_NAMES]


class QueueTabs(TabBar):
    """The tabs of a page of queues: one tab per queue. `current_queue` is the name of the queue that the page shows.

    Signals:
    - queue_chosen(str): the person has selected the tab of another queue, and this page must show that queue. If a
      different page shows the selected queue, the tabs open that page and emit no signal.
    """

    queue_chosen = Signal(str)

    def __init__(self, context: WindowContext, current_queue: str) -> None:
        super().__init__(context.translate("screen.queues"))
        self._context, self._queue = context, current_queue
        for name in QUEUE_TAB_NAMES:
            self.add_tab(context.translate(f"queue.{name}.title"), data=name)
        self.show_queue(current_queue)
        self._show_counts()
        self.currentChanged.connect(self._choose_tab)
        context.work_counts_changed.connect(self._show_counts)

    def show_queue(self, queue_name: str) -> None:
        """Make the tab of this queue the current one without emitting `queue_chosen`."""
        self._queue = queue_name
        with QSignalBlocker(self):
            self.setCurrentIndex(QUEUE_TAB_NAMES.index(queue_name))
        self.update()

    @Slot(int)
    def _choose_tab(self, tab_index: int) -> None:
        name = QUEUE_TAB_NAMES[tab_index]
        if {name, self._queue}.intersection(QUEUES_WITHOUT_RECORDS):
            self._open_page(name)
        else:
            self._queue = name
            self.queue_chosen.emit(name)

    def _open_page(self, queue_name: str) -> None:
        """Open the page that shows the queue with this name, because the page with these tabs can't show it. If these
        tabs have the focus, the tabs of the opened page get the focus."""
        had_focus, window = self.hasFocus(), self.window()
        self.show_queue(self._queue)
        self._context.navigate(make_queue_route(queue_name))
        visible_tabs = next((tabs for tabs in window.findChildren(QueueTabs) if tabs.isVisible()), None)
        if had_focus and visible_tabs is not None:
            visible_tabs.setFocus()

    @Slot()
    def _show_counts(self) -> None:
        for number, name in enumerate(QUEUE_TAB_NAMES):
            count = self._context.work_counts.find_queue_count(name)
            self.set_count(number, wording.format_count(count.count, is_capped=count.is_capped) if count else "")
