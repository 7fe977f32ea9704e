"""The dialog with the help of the current page: the purpose of the page, and the meaning of some badges."""

from PySide6.QtWidgets import QGridLayout, QWidget

from console.views.app.main_window import Frame
from console.views.pages.base import Page
from console.views.widgets.badge import Badge
from console.views.widgets.base import TextLabel, make_column
from console.views.widgets.dialog import DialogFrame

_EXPLAINED_STATES = (
    ("credit_check", "success"),
    ("certainty", "unknown"),
    ("work", "scheduled"),
    ("work", "needs_review"),
    ("credit_check", "incomplete"),
)


def open_help_dialog(frame: Frame, page: Page | None) -> DialogFrame:
    """Open the help of `page` over the window and return the dialog. None shows the help of the home page."""
    context = frame.context
    dialog = DialogFrame(
        context.translate("screen.help"),
        cancel_text=context.translate("action.close"),
        close_name=context.translate("action.close"),
        parent=frame.window,
    )
    glossary = QGridLayout()
    glossary.setHorizontalSpacing(12)
    glossary.setColumnStretch(1, 1)
    for line, (state_kind, state) in enumerate(_EXPLAINED_STATES):
        glossary.addWidget(Badge.from_badge_key(f"{state_kind}.{state}", context.language), line, 0)
        glossary.addWidget(TextLabel(context.translate(f"glossary.{state_kind}.{state}"), wrap=True), line, 1)
    content = QWidget()
    about = TextLabel(context.translate(page.help_key if page else "help.home"), wrap=True)
    title = TextLabel(context.translate("help.words"), "panel_title", "muted")
    content.setLayout(make_column(about, title, glossary, gap=12))
    dialog.show_content(content)
    dialog.open()
    return dialog
