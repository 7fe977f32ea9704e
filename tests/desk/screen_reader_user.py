"""Operates a window by the accessibility tree and the keyboard alone, as a person with a screen reader does, and
records the sentences that are spoken meanwhile.
"""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt
from PySide6.QtGui import QAccessible, QAccessibleActionInterface, QAccessibleInterface
from PySide6.QtWidgets import QApplication

from console.views.widgets.window.notification_bars import NotificationBar, ToastFrame
from tests.desk.window_person import Person
from tests.support.accessible_tree import Role, find_tree_problems, get_spoken_name, list_visible_nodes
from tests.support.announcements import SentAnnouncement

_MAX_TAB_PRESSES = 60
_LIST_ROLES = (Role.Table, Role.List, Role.PageTabList)
_VARYING_PARTS = (
    (re.compile(r", \d+$"), ""),  # the count of a queue
    (re.compile(r"\d{4}-\d\d-\d\d"), "‹day›"),
    (re.compile(r"\b\d\d-\d\d(?= \d\d:\d\d)"), "‹day›"),
    (re.compile(r"\d\d:\d\d(:\d\d)?"), "‹time›"),
    (re.compile(r"\d+(?= entries without a gap| 件の連続性)"), "‹n›"),
    (re.compile(r"\b(from|to) entry \d+"), r"\1 entry ‹n›"),
    (re.compile(r"(Entry|, 番号|最初は番号|最後は番号) \d+"), r"\1 ‹n›"),
    (re.compile(r"\b[0-9a-f]{4}…[0-9a-f]{4}\b"), "‹id›"),
    (re.compile(r"\d+(\.\d)? (seconds|minutes|second|minute)\b"), r"‹n› \2"),
    (re.compile(r"‹n› (second|minute)\b"), r"‹n› \1s"),
    (re.compile(r"\d+(\.\d)? (?=(秒|min|分|KB|MB|kB))"), "‹n› "),
)


class ShownTimes(QObject):
    """Records when Qt first shows each bar and toast. Also records the end of each pass of the event loop in which
    this happens or in which `record_event_loop_pass` is called. Tests compare these times with the times at which the
    sentences are spoken.
    """

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[tuple[str, float]] = []
        self._pass_ends: list[float] = []

    def record_event_loop_pass(self) -> None:
        """Post an event that records when the running code returns to the event loop. The event is handled before all
        other posted events.
        """
        QCoreApplication.postEvent(self, QEvent(QEvent.Type.User), Qt.EventPriority.HighEventPriority.value)

    def is_same_event_loop_pass(self, one: float, other: float) -> bool:
        """True if the code did not return to the event loop between the two recorded times."""
        return not any(min(one, other) < end <= max(one, other) for end in self._pass_ends)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.User:
            self._pass_ends.append(time.monotonic())
            return True
        return super().event(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show and isinstance(watched, NotificationBar | ToastFrame):
            self._record_first_showing(watched)
        return False

    def _record_first_showing(self, message: NotificationBar | ToastFrame) -> None:
        if not message.property("noted"):
            message.setProperty("noted", True)
            self.shown.append((message.accessibleName(), time.monotonic()))
            self.record_event_loop_pass()


@dataclass
class ScreenReaderUser:
    """A simulated person with a screen reader at a window. Each action is written to `transcript` with all sentences
    that were spoken until its end.
    """

    person: Person
    heard_announcements: list[SentAnnouncement]
    transcript: list[str] = field(default_factory=list)
    longest_delay: float = 0.0
    """The longest time, in seconds, that the event loop worked from a key or press to the sentence that the person
    waited for. Other threads and other processes of a busy machine don't count.
    """
    _acted_at: float = 0.0
    _written_count: int = 0
    """Number of announcements in `heard_announcements` that are already in the transcript or were left out of it."""
    _action_start_index: int = 0

    def get_text(self, key: str, **facts: object) -> str:
        """Return the text with the wording key `key` in the language of the window, with these facts."""
        return self.person.opening.context.translate(key, **facts)

    def begin_action(self, title: str) -> None:
        """Begin the next action of the transcript. Sentences spoken before this call belong to the previous
        action.
        """
        self.person.wait_until_read()
        self.write_spoken_sentences()
        self._action_start_index = len(self.heard_announcements)
        self.transcript += ["", f"## {title}", ""]

    def press(self, keys: str, times: int = 1) -> None:
        self.write_spoken_sentences()
        self.transcript.append(f"- keys: {keys}" + (f" ×{times}" if times > 1 else ""))
        self._acted_at = time.thread_time()
        self.person.press(keys, times)

    def type_text(self, text: str) -> None:
        self.write_spoken_sentences()
        self.transcript.append(f"- types: {text}")
        self._acted_at = time.thread_time()
        self.person.type_in(text)

    def activate_node(self, role: QAccessible.Role, name: str) -> None:
        """Activate the node of this role and name by its accessibility action, as a screen reader presses a
        button.
        """
        self.find_node(role, name)
        self.write_spoken_sentences()
        self.transcript.append(f"- presses: {role.name} “{_replace_varying_parts(name)}”")
        actions = self.find_node(role, name).actionInterface()
        assert actions is not None
        self._acted_at = time.thread_time()
        toggles = role in (Role.RadioButton, Role.CheckBox)
        kind = QAccessibleActionInterface
        actions.doAction(kind.toggleAction() if toggles else kind.pressAction())

    def choose_entry(self, name: str) -> None:
        """Choose an entry of the open menu by the arrow keys and Enter."""
        self._move_down_to(name)
        self.person.press("Return")
        self.person.wait_until(lambda: QApplication.activePopupWidget() is None)

    def open_submenu(self, name: str) -> None:
        """Open the submenu whose name begins with `name` in the open menu, by the arrow keys."""
        menu = QApplication.activePopupWidget()
        self._move_down_to(name)
        self.person.press("Right")
        self.person.wait_until(lambda: QApplication.activePopupWidget() not in (menu, None))

    def _move_down_to(self, name: str) -> None:
        self.find_node(Role.MenuItem, name)
        self.transcript.append(f"- chooses: {_replace_varying_parts(name)}")
        self._acted_at = time.thread_time()
        for _ in range(_MAX_TAB_PRESSES):
            focused = [get_spoken_name(node) for node in self.iterate_nodes() if node.state().focused]
            if any(text.startswith(name) for text in focused):
                return
            self.person.press("Down")
        raise AssertionError(f"no way by the arrows to {name!r}")

    def tab_to_node(self, role: QAccessible.Role, name: str) -> None:
        """Press Tab until the node of this role and name has the focus."""
        self.find_node(role, name)
        self.write_spoken_sentences()
        self.transcript.append(f"- goes by Tab to: {role.name} “{_replace_varying_parts(name)}”")
        for _ in range(_MAX_TAB_PRESSES):
            focused = [node for node in self.iterate_nodes() if node.state().focused and node.role() == role]
            if any(get_spoken_name(node).startswith(name) for node in focused):
                return
            self.person.press("Tab")
        raise AssertionError(f"no way by Tab to {role.name} {name!r}")

    def find_node(self, role: QAccessible.Role, name: str) -> QAccessibleInterface:
        """Return the visible, enabled node of this role whose name begins with `name`, in the dialog or window in
        front.
        """

        def find_visible_node() -> QAccessibleInterface | None:
            for node in self.iterate_nodes():
                state = node.state()
                if node.role() == role and not state.disabled and get_spoken_name(node).startswith(name):
                    return node
            return None

        try:
            self.person.wait_until(lambda: find_visible_node() is not None)
        except Exception as error:
            there = [(node.role().name, get_spoken_name(node)) for node in self.iterate_nodes()]
            raise AssertionError(f"no {role.name} {name!r} that is enabled among {there}") from error
        node = find_visible_node()
        assert node is not None
        return node

    def iterate_nodes(self) -> Iterator[QAccessibleInterface]:
        """Yield the visible nodes of the menu, dialog or window in front, parents before their children. Of a
        table, only the focused cell is yielded."""
        front = QApplication.activePopupWidget() or self.person.wait_for_active_window()
        yield from list_visible_nodes(QAccessible.queryAccessibleInterface(front))

    def wait_for_focus(self, role: QAccessible.Role, beginning: str) -> None:
        """Wait until a node of this role has the focus and its name begins with `beginning`. Add the node to the
        transcript.
        """

        def list_focused_names() -> list[str]:
            nodes = (node for node in self.iterate_nodes() if node.role() == role and node.state().focused)
            names = (get_spoken_name(node) for node in nodes)
            return [name for name in names if name.startswith(beginning)]

        self.person.wait_until(lambda: list_focused_names() != [])
        self.person.wait_until_read()
        self.write_spoken_sentences()
        self.transcript.append(f"- is at: {role.name} “{_replace_varying_parts(list_focused_names()[0])}”")

    def wait_for_sentence(self, beginning: str) -> str:
        """Wait until a sentence that begins with `beginning` has been spoken in the present action, and return the
        sentence.
        """

        def has_announced_sentence() -> SentAnnouncement | None:
            return next(
                (
                    one
                    for one in self.heard_announcements[self._action_start_index :]
                    if one.sentence.startswith(beginning)
                ),
                None,
            )

        try:
            self.person.wait_until(lambda: has_announced_sentence() is not None)
        except Exception as error:
            rest = [one.sentence for one in self.heard_announcements[self._written_count :]]
            raise AssertionError(f"never heard {beginning!r}, but {rest}") from error
        one = has_announced_sentence()
        assert one is not None
        self.longest_delay = max(self.longest_delay, one.processor_seconds - self._acted_at)
        self.write_spoken_sentences()
        return one.sentence

    def wait_for_title(self, beginning: str) -> None:
        """Wait until the title of the window begins with `beginning`, and add the title to the transcript, because a
        screen reader speaks it when the page changes.
        """
        self.person.wait_until(lambda: self.person.window.windowTitle().startswith(beginning))
        self.person.wait_until_read()
        self.write_spoken_sentences()
        self.transcript.append(f"- title: {_replace_varying_parts(self.person.window.windowTitle())}")

    def write_spoken_sentences(self) -> None:
        waiting, loading = self.get_text("dialog.busy"), self.get_text("screen.reading").rstrip(".。")
        progress = (
            self.get_text("bulk.told.begins"),
            self.get_text("bulk.told.here"),
            "BS-1: ",
            f"{waiting} ",
            loading,
        )
        for one in self.heard_announcements[self._written_count :]:
            if one.sentence.startswith(progress):
                continue  # how often a run reports, and whether a wait is told, depends on the speed of the machine
            self.transcript.append(
                f"- hears{' at once' if one.is_urgent else ''}: {_replace_varying_parts(one.sentence)}"
            )
        self._written_count = len(self.heard_announcements)

    # -- what must hold on every screen

    def check_tree(self) -> None:
        """Check that every control has a name, that no visible text is a placeholder, and that exactly one node has
        the focus.
        """
        self.person.wait_until_read()
        self.person.wait_for_active_window()
        nodes = list(self.iterate_nodes())
        assert find_tree_problems(nodes) == []
        focused = [(node.role(), get_spoken_name(node)) for node in nodes if node.state().focused]
        own = [one for one in focused if one[0] not in _LIST_ROLES] or focused
        assert len(own) == 1, f"focus in {focused} of {QApplication.focusWidget()} after {self.transcript[-4:]}"


def _replace_varying_parts(text: str) -> str:
    """Return the text with placeholders instead of times, days, ids and sizes, which differ from run to run."""
    for pattern, mark in _VARYING_PARTS:
        text = pattern.sub(mark, text)
    return text
