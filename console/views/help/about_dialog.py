"""The dialog "About": the versions of the program, of Qt and of the other libraries that it uses."""

from PySide6.QtCore import QLibraryInfo
from PySide6.QtWidgets import QGridLayout, QWidget

from console.services.monitoring.versions import read_versions
from console.views.frame.main_window import WindowFrame
from console.views.widgets.base import TextLabel, make_column
from console.views.widgets.window.dialog import DialogFrame


def open_about_dialog(frame: WindowFrame) -> DialogFrame:
    """Open the dialog "About" over the window and return it. The person can select and copy the versions."""
    translate = frame.context.translate
    dialog = DialogFrame(
        translate("about.title"),
        cancel_text=translate("action.close"),
        close_name=translate("action.close"),
        parent=frame.window,
    )
    versions = {**read_versions(), "qt": QLibraryInfo.version().toString()}
    grid = QGridLayout()
    grid.setHorizontalSpacing(12)
    grid.setVerticalSpacing(6)
    grid.setColumnStretch(1, 1)
    for line, (name, version) in enumerate(versions.items()):
        grid.addWidget(TextLabel(translate(f"about.{name}"), tone="muted"), line, 0)
        grid.addWidget(TextLabel(str(version), is_selectable=True), line, 1)
    content = QWidget()
    content.setLayout(make_column(grid, TextLabel(translate("about.licences"), wraps_lines=True), gap_px=12))
    dialog.show_content(content)
    dialog.open()
    return dialog
