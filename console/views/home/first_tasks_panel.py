"""The panel of the home page with the first tasks of a person who uses the window for the first time."""

from datetime import UTC, datetime

from PySide6.QtCore import Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QWidget

from console.views.help.command_keys import SHORTCUT_BY_COMMAND
from console.views.home.count_panels import CountLine, CountLineButton
from console.views.runtime.announcer import announce, join_spoken_text
from console.views.runtime.context import WindowContext
from console.views.runtime.first_tasks import MAX_FIRST_TASKS_SECONDS, FirstTask
from console.views.runtime.routes import QueuesRoute, TrainingRoute
from console.views.widgets.base import Surface, TextLabel, make_column, make_row
from console.views.widgets.controls.buttons import LinkButton
from console.views.widgets.layout.flow_layout import make_flow_widget

_SHORTCUT_BY_FIRST_TASK = {
    FirstTask.SEARCH: SHORTCUT_BY_COMMAND["search"],
    FirstTask.RECORD: "Enter",
    FirstTask.HELP: SHORTCUT_BY_COMMAND["help"],
}


class FirstTasksPanel(Surface):
    """The three tasks by which a new person learns to use the window. Each task has a line with its keyboard shortcut
    and with a mark if the task is done; a press on a line opens the page of the task. Below the lines are a link to
    the page of the training, and a button that removes the panel for ever. The panel is hidden before a person's
    first tasks begin and after they have ended. A screen reader announces the panel once, in the person's first
    window."""

    def __init__(self, context: WindowContext, parent: QWidget) -> None:
        super().__init__(parent, edge="all")
        self._context = context
        translate = context.translate
        self.setAccessibleName(translate("first_tasks.title"))
        self.end_time_label = TextLabel("", "small", "muted")
        head = Surface(self, edge="bottom")
        title = TextLabel(translate("first_tasks.title"), "panel_title")
        head.setLayout(make_row(title, None, self.end_time_label, margins=(16, 8, 16, 8)))
        self.buttons = {task: CountLineButton(self._make_task_line(task)) for task in FirstTask}
        self.buttons[FirstTask.SEARCH].clicked.connect(self._open_search)
        self.buttons[FirstTask.RECORD].clicked.connect(self._open_queue)
        self.buttons[FirstTask.HELP].clicked.connect(self._open_help)
        self.training_link = LinkButton(translate("first_tasks.training"), role="small")
        self.training_link.clicked.connect(self._open_training)
        self.end_button = LinkButton(translate("first_tasks.end"), role="small")
        self.end_button.clicked.connect(context.first_tasks.dismiss_tasks)
        footer = Surface(self, edge="top")
        links = make_flow_widget(self.training_link, self.end_button, gap_px=16)
        footer.setLayout(make_row(links, margins=(14, 4, 14, 4)))
        self.setLayout(make_column(head, *self.buttons.values(), footer, gap_px=0, margins=(1, 1, 1, 1)))
        context.first_tasks.changed.connect(self._show_tasks)
        self._show_tasks()

    @property
    def focus_stops(self) -> list[QWidget]:
        """The buttons of the panel, in tab order."""
        return [*self.buttons.values(), self.training_link, self.end_button]

    def _make_task_line(self, task: FirstTask) -> CountLine:
        is_done = self._context.first_tasks.is_task_done(task)
        state_text = self._context.translate("first_tasks.done" if is_done else "first_tasks.not_done")
        word = self._context.translate(f"first_tasks.{task}")
        icon_name, tone = ("ring_check", "good") if is_done else ("ring", "text")
        shortcut = _SHORTCUT_BY_FIRST_TASK[task]
        return CountLine(task, icon_name, tone, word, state_text, shortcut=shortcut)  # type: ignore[arg-type]  # a tone

    @Slot()
    def _show_tasks(self) -> None:
        tasks = self._context.first_tasks
        for task, button in self.buttons.items():
            button.show_line(self._make_task_line(task))
        end_sentence = datetime.fromtimestamp((tasks.first_start_time or 0) + MAX_FIRST_TASKS_SECONDS, UTC)
        self.end_time_label.show_text(self._context.translate("first_tasks.until", at=end_sentence))
        self.setVisible(tasks.is_running)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        tasks = self._context.first_tasks
        if tasks.is_first_window_of_person and not tasks.is_announced:
            tasks.is_announced = True
            announce(self, join_spoken_text(self.accessibleName(), self._context.translate("first_tasks.sentence")))

    @Slot()
    def _open_search(self) -> None:
        self._context.command_requested.emit("search")

    @Slot()
    def _open_queue(self) -> None:
        self._context.navigate(QueuesRoute("review"))

    @Slot()
    def _open_help(self) -> None:
        self._context.command_requested.emit("help")

    @Slot()
    def _open_training(self) -> None:
        self._context.navigate(TrainingRoute())
