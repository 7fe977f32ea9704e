"""Tests of links that macOS sends to the running application."""

import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

from pytestqt.qtbot import QtBot

from console.domain.links.link import Link
from console.settings.settings import Settings
from console.views.app.main import WindowOpener

_SEND_LINKS = """
from PySide6.QtCore import QUrl
from PySide6.QtGui import QFileOpenEvent

from console.domain.links.link import format_link
from console.views.links.application import LinkApplication

app = LinkApplication(["support-console"])
app.link_opened.connect(lambda link: print(format_link(link)))
for text in ("support-console:record/payment/5", "https://example.com/", "support-console:"):
    app.sendEvent(app, QFileOpenEvent(QUrl(text)))
"""


def test_a_link_from_macos_is_emitted_and_other_texts_are_ignored() -> None:
    """macOS sends a clicked link as an event. It runs in a process of its own, because a process has one QApplication
    and that of the tests is another."""
    done = subprocess.run([sys.executable, "-c", _SEND_LINKS], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "support-console:record/payment/5\n"), done.stderr


def test_a_link_is_shown_at_once_or_as_the_first_page(qtbot: QtBot) -> None:
    """A link that arrives before the services are open is the first page. A later link is shown at once."""
    opener: Any = WindowOpener(Settings.load(dict(os.environ)), lambda: None)  # type: ignore[arg-type, return-value]  # it opens none
    qtbot.addWidget(opener.window)
    first, later = (Link("record", number, "payment") for number in ("5", "6"))
    opener.show_link(first)
    assert opener._link == first
    shown = list[Link]()
    opener.controller = SimpleNamespace(link_handler=SimpleNamespace(show_link=shown.append))
    opener.show_link(later)
    assert (shown, opener._link) == ([later], first)
