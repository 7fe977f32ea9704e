"""Completion of colleagues' names in a note: after `@` a list offers names, and a line below the field names the
people whom the note mentions."""

from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QCompleter, QListView

from console.domain.access.permissions import has_right, is_same_person
from console.domain.annotations.mentions import find_mentioned_names, find_unfinished_name
from console.views.runtime.context import WindowContext
from console.views.theme.theme import current_appearance
from console.views.widgets.controls.inputs import Field, MultiLineEdit
from console.wording.sentences import catalogue as wording

_POPUP_WIDTH_PX = 240


class MentionCompletion(QObject):
    """Offers the names of colleagues while the person types `@` and the beginning of a name into `field`. It offers
    only the names of people who have the right to read and write notes."""

    def __init__(self, context: WindowContext, field: Field) -> None:
        super().__init__(field)
        self._context, self._field = context, field
        self._author = context.operator or ""
        self._colleague_names = [
            person.name
            for person in context.people
            if has_right(person, "note") and not is_same_person(person.name, self._author)
        ]
        self._completer = QCompleter(self._colleague_names, self)
        self._completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.popup = QListView()
        self._completer.setPopup(self.popup)
        self.popup.setFont(current_appearance().font("body"))
        self.popup.setAccessibleName(context.translate("mention.choose"))
        if isinstance(field.edit, MultiLineEdit):
            self._text_edit = field.edit
            self._text_edit.completion_popup = self.popup
            self._completer.setWidget(self._text_edit)
            self._completer.activated[str].connect(self.insert_name)  # type: ignore[index]  # an overload
            self._text_edit.textChanged.connect(self.update_names)
            field.show_hint(self._format_mentions(""))

    @Slot()
    def update_names(self) -> None:
        """Offer the names that begin with the typed text after `@`, and show below the field the names of the people
        whom the note mentions."""
        cursor = self._text_edit.textCursor()
        text = self._text_edit.toPlainText()
        beginning = find_unfinished_name(_read_line_before(cursor))
        matching_names = [] if beginning is None else self._find_fitting_names(beginning)
        if beginning is None or not matching_names or any(is_same_person(name, beginning) for name in matching_names):
            self.popup.hide()
        else:
            self._offer_names(beginning)
            # Report no name as unknown while the person is still typing it.
            place = len(text.encode("utf-16-le")[: 2 * cursor.position()].decode("utf-16-le"))
            text = text[: place - len(beginning) - 1] + text[place:]
        self._field.show_hint(self._format_mentions(text))

    def _find_fitting_names(self, name_beginning: str) -> list[str]:
        return [name for name in self._colleague_names if name.casefold().startswith(name_beginning.casefold())]

    def _offer_names(self, name_beginning: str) -> None:
        self._completer.setCompletionPrefix(name_beginning)
        viewport_position = self._text_edit.viewport().pos()  # inside the padding of the field
        popup_rect = self._text_edit.cursorRect().translated(viewport_position)
        popup_rect.setWidth(current_appearance().icon_px(_POPUP_WIDTH_PX))
        self._completer.complete(popup_rect)
        self.popup.setCurrentIndex(self._completer.completionModel().index(0, 0))

    def _format_mentions(self, text: str) -> str:
        """Return the sentence that names the people whom the text mentions, followed by a sentence about the first
        mentioned name that is unknown. If the text contains no mention, return the sentence that says how to mention
        a colleague, or "" if there is none."""
        mentioned_names = find_mentioned_names(text, self._colleague_names, self._author)
        translate = self._context.translate
        sentences = [self.format_mentioned_people(text)]
        sentences += [translate("mention.unknown", name=name) for name in mentioned_names.unknown_names[:1]]
        how_to_mention = translate("mention.how_to") if self._colleague_names else ""
        return wording.join_sentences(sentences, translate) or how_to_mention

    def format_mentioned_people(self, text: str) -> str:
        """Return the sentence that names the people whom the text mentions; "" if it mentions nobody."""
        people = find_mentioned_names(text, self._colleague_names, self._author).people
        return self._context.translate("mention.will_tell", names=people) if people else ""

    @Slot(str)
    def insert_name(self, person_name: str) -> None:
        """Replace the typed beginning of a name by the whole name and a space."""
        cursor = self._text_edit.textCursor()
        beginning = find_unfinished_name(_read_line_before(cursor))
        if beginning is not None:
            cursor.movePosition(QTextCursor.MoveOperation.Left, QTextCursor.MoveMode.KeepAnchor, len(beginning))
            cursor.insertText(f"{person_name} ")
            self._text_edit.setTextCursor(cursor)


def _read_line_before(cursor: QTextCursor) -> str:
    """Return the text between the beginning of the cursor's line and the cursor. The function reads this text through
    the cursor, because Qt counts a character above U+FFFF, such as 𠮷, as two positions."""
    line = QTextCursor(cursor.block())
    line.setPosition(cursor.position(), QTextCursor.MoveMode.KeepAnchor)
    return line.selectedText()
