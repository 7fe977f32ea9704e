"""The menu of the acting person. Its entries change the acting person (not in production), the language and the
appearance, lock the window, and sign the person out."""

from collections.abc import Sequence

from PySide6.QtCore import QObject, QPoint, Signal, SignalInstance, Slot
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu

from console.domain.records import Person
from console.views.app.appearance_choices import (
    DENSITY_CHOICES,
    SYSTEM_THEME,
    TEXT_SIZES_PERCENT,
    THEME_CHOICES,
    apply_and_store_density,
    apply_and_store_text_size,
    apply_and_store_theme,
)
from console.views.frame.main_window import WindowFrame
from console.views.help.command_keys import SHORTCUT_BY_COMMAND
from console.views.runtime.context import WindowContext
from console.views.theme.mixed_font_text import format_menu_entry
from console.views.theme.theme import current_appearance
from console.views.widgets.controls.menu import Menu
from console.wording.sentences import catalogue as wording


class PersonMenu(QObject):
    """Builds the menu of the acting person anew each time it opens, so that its check marks show the present
    settings.

    Signals:
    - lock_requested, link_requested, left_open_requested, notifications_requested, about_requested,
      sign_out_requested: the person has selected the menu entry of this name.
    """

    lock_requested = Signal()
    link_requested = Signal()
    left_open_requested = Signal()
    notifications_requested = Signal()
    about_requested = Signal()
    sign_out_requested = Signal()

    def __init__(self, frame: WindowFrame) -> None:
        super().__init__(frame)
        self._frame, self._context = frame, frame.context

    @Slot()
    def open(self) -> None:
        button = self._frame.top_bar.operator
        menu = self.build_menu()
        corner = button.mapToGlobal(QPoint(button.width(), button.height() + 2))
        menu.popup(QPoint(corner.x() - menu.sizeHint().width(), corner.y()))

    def build_menu(self) -> QMenu:
        """Build and return the menu; its check marks show the present settings."""
        translate = self._context.translate
        menu = Menu(self._frame.window)
        menu.setAccessibleName(translate("menu.name"))
        menu.aboutToHide.connect(menu.deleteLater)
        if self._context.settings.environment != "production" and self._context.people:
            name_choices = [(person.name, _format_person(self._context, person)) for person in self._context.people]
            self._add_setting_submenu(
                menu, translate("menu.person"), name_choices, self._context.operator or "", "person"
            )
        languages = [(code, translate(f"language.{code}")) for code in wording.LANGUAGES]
        self._add_setting_submenu(menu, translate("field.language"), languages, self._context.language, "language")
        themes = [(name, translate(f"theme.{name}")) for name in THEME_CHOICES]
        self._add_setting_submenu(menu, translate("menu.theme"), themes, self._context.theme or SYSTEM_THEME, "theme")
        densities = [(name, translate(f"density.{name}")) for name in DENSITY_CHOICES]
        self._add_setting_submenu(menu, translate("menu.density"), densities, current_appearance().density, "density")
        sizes = [(str(size), translate("menu.percent", percent=size)) for size in TEXT_SIZES_PERCENT]
        self._add_setting_submenu(
            menu, translate("menu.text_size"), sizes, str(round(current_appearance().scale * 100)), "size"
        )
        menu.addSeparator()
        self._add_command(menu, "copy_link", self.link_requested)
        if not self._context.find_missing_right_reason("read"):
            self._add_command(menu, "left_open", self.left_open_requested)
        self._add_command(menu, "notifications", self.notifications_requested)
        self._add_command(menu, "about", self.about_requested)
        self._add_command(menu, "lock", self.lock_requested)
        if self._context.settings.sign_in.is_server:
            sign_out_action = menu.addAction(translate("menu.sign_out"))
            sign_out_action.triggered.connect(self.sign_out_requested)
            if self._context.running_acting_calls:
                sign_out_action.setEnabled(False)
                sign_out_action.setText(translate("menu.sign_out.busy"))
        return menu

    def _add_command(self, menu: QMenu, command_name: str, requested: SignalInstance) -> None:
        """Add the entry of a command of the window, which emits `requested`. The entry only shows the shortcut of the
        command, because setting it on the action would register it a second time."""
        text, shortcut = self._context.translate(f"menu.{command_name}"), SHORTCUT_BY_COMMAND.get(command_name, "")
        menu.addAction(format_menu_entry(text, shortcut)).triggered.connect(requested)

    def _add_setting_submenu(
        self, menu: QMenu, title: str, choices: Sequence[tuple[str, str]], current_choice: str, setting_name: str
    ) -> None:
        """Add a submenu with the choices of the setting `setting_name`, such as "theme". `choices` are pairs of a
        value and its text. The title of the submenu is `title` followed by the text of the value `current_choice`, if
        `choices` has this value. All choices in one menu would need more height than many screens have.
        """
        present_text = dict(choices).get(current_choice)
        if present_text is not None:
            title = self._context.translate("menu.present", title=title, choice=present_text)
        submenu = menu.addMenu(title)
        submenu.setAccessibleName(title)
        group = QActionGroup(submenu)
        for value, choice_text in choices:
            action = QAction(choice_text, submenu, checkable=True, checked=value == current_choice)
            action.setData((setting_name, value))
            group.addAction(action)
            submenu.addAction(action)
        group.triggered.connect(self._apply_setting)

    @Slot(QAction)
    def _apply_setting(self, action: QAction) -> None:
        """Change the setting that the selected entry of the menu names (person, language, theme, density or text
        size) to the entry's value."""
        kind, value = action.data()
        match kind:
            case "person":
                self._context.change_operator(value)
            case "language":
                self._context.change_language(value)
            case "theme":
                apply_and_store_theme(self._context, value)
            case "density":
                apply_and_store_density(self._context, value)
            case "size":
                apply_and_store_text_size(self._context, int(value))


def _format_person(context: WindowContext, person: Person) -> str:
    return context.translate("menu.person_line", name=person.name, roles=sorted(person.roles))
