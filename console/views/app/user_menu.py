"""The menu behind the person's name: who acts (where things are tried out), language, looks, lock, signing out."""

from PySide6.QtCore import QObject, QPoint, Signal, Slot
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu

from console import wording
from console.domain.records import Person
from console.views.frame import Frame
from console.views.look.theme import look
from console.views.seat import Seat

_SIZES = (100, 125, 150, 200)
_THEMES = ("system", "light", "dark", "high_contrast")
_DENSITIES = ("comfortable", "compact")


class PersonMenu(QObject):
    """Made anew each time it opens, so that what is checked is true.

    Signals:
        lock_wanted, sign_out_wanted
    """

    lock_wanted = Signal()
    sign_out_wanted = Signal()

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self._frame, self._seat = frame, frame.seat

    @Slot()
    def open(self) -> None:
        button = self._frame.top.operator
        menu = self.build()
        corner = button.mapToGlobal(QPoint(button.width(), button.height() + 2))
        menu.popup(QPoint(corner.x() - menu.sizeHint().width(), corner.y()))

    def build(self) -> QMenu:
        """The menu as it stands now."""
        say = self._seat.say
        menu = QMenu(self._frame.window)
        menu.setAccessibleName(say("menu.name"))
        menu.aboutToHide.connect(menu.deleteLater)
        if self._seat.settings.environment_word != "production" and self._seat.people:
            names = [(person.name, _person_words(self._seat, person)) for person in self._seat.people]
            self._choices(menu, say("menu.person"), names, self._seat.operator or "", "person")
        languages = [(code, say(f"language.{code}")) for code in wording.LANGUAGES]
        self._choices(menu, say("field.language"), languages, self._seat.language, "language")
        themes = [(name, say(f"theme.{name}")) for name in _THEMES]
        self._choices(menu, say("menu.theme"), themes, self._seat.theme or "system", "theme")
        rows = [(name, say(f"density.{name}")) for name in _DENSITIES]
        self._choices(menu, say("menu.density"), rows, look().density, "density")
        sizes = [(str(size), say("menu.percent", percent=size)) for size in _SIZES]
        self._choices(menu, say("menu.text_size"), sizes, str(round(look().scale * 100)), "size")
        menu.addSeparator()
        # The key in the words: as the action's own shortcut it would be a second one for the same key.
        menu.addAction(say("menu.lock")).triggered.connect(self.lock_wanted)
        if self._seat.settings.sign_in.is_server:
            leave = menu.addAction(say("menu.sign_out"))
            leave.triggered.connect(self.sign_out_wanted)
            if self._seat.acts:
                leave.setEnabled(False)
                leave.setText(say("menu.sign_out.busy"))
        return menu

    def _choices(self, menu: QMenu, title: str, choices: list[tuple[str, str]], current: str, kind: str) -> None:
        menu.addSection(title)
        heading = QAction(title, menu)
        heading.setEnabled(False)
        menu.addAction(heading)
        group = QActionGroup(menu)
        for value, words in choices:
            action = QAction(words, menu, checkable=True, checked=value == current)
            action.setData((kind, value))
            group.addAction(action)
            menu.addAction(action)
        group.triggered.connect(self._chosen)

    @Slot(QAction)
    def _chosen(self, action: QAction) -> None:
        kind, value = action.data()
        match kind:
            case "person":
                self._seat.become(value)
            case "language":
                self._seat.speak(value)
            case "theme":
                self._seat.theme = None if value == "system" else value
                look().choose(self._seat.theme)
            case "density":
                look().set_density(value)
            case "size":
                look().set_scale(int(value) / 100)


def _person_words(seat: Seat, person: Person) -> str:
    return seat.say("menu.person_line", name=person.name, roles=sorted(person.roles))
