"""Help for the page in sight: what it is for, and what its words mean."""

from PySide6.QtWidgets import QGridLayout, QWidget

from console.views.frame import Frame
from console.views.pages.page import Page
from console.views.widgets.badge import Badge
from console.views.widgets.base import Words, column
from console.views.widgets.dialog import DialogFrame

_WORDS = (
    ("credit_check", "success"),
    ("certainty", "unknown"),
    ("work", "scheduled"),
    ("work", "needs_review"),
    ("credit_check", "incomplete"),
)


def open_help(frame: Frame, page: Page | None) -> DialogFrame:
    """Show it over the window."""
    seat = frame.seat
    dialog = DialogFrame(
        seat.say("screen.help"),
        cancel=seat.say("action.close"),
        close_name=seat.say("action.close"),
        parent=frame.window,
    )
    glossary = QGridLayout()
    glossary.setHorizontalSpacing(12)
    glossary.setColumnStretch(1, 1)
    for line, (axis, state) in enumerate(_WORDS):
        glossary.addWidget(Badge.of(f"{axis}.{state}", seat.language), line, 0)
        glossary.addWidget(Words(seat.say(f"glossary.{axis}.{state}"), wrap=True), line, 1)
    content = QWidget()
    about = Words(seat.say(page.help_key if page else "help.home"), wrap=True)
    title = Words(seat.say("help.words"), "panel_title", "muted")
    content.setLayout(column(about, title, glossary, gap=12))
    dialog.show_content(content)
    dialog.open()
    return dialog
