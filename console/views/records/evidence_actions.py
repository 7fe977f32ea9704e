"""The two actions that export the history of one record: copy its timeline as text, and write its evidence pack to a
file."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QGuiApplication

from console.views.records.actions import RecordActionHandlers
from console.views.runtime.context import Toast, WindowContext
from console.views.runtime.routes import make_route_to_record
from console.views.runtime.tasks import Failure
from console.views.widgets.window.save_file import ask_for_save_path

if TYPE_CHECKING:
    from console.services.evidence.pack import WrittenPack

EVIDENCE_EXPORT_ACTIONS = ("copy_story", "evidence_pack")
_SHORTCUTS_AND_ACTIONS = (("Ctrl+Shift+T", "copy_story"), ("Ctrl+Shift+E", "evidence_pack"))
EVIDENCE_EXPORT_KEY_HINTS = ((("Ctrl+Shift+E",), "key.evidence_pack"), (("Ctrl+Shift+T",), "key.copy_story"))
MAX_COPIED_EVENTS = 1_000
"""Largest number of events in a copied timeline. If the record has more events, the copy has the oldest of them, and
its last line says this. The evidence pack contains all events.
"""


class EvidenceExportActions(QObject):
    """The two export actions of one page: `copy_story` copies the timeline of a record to the clipboard, and
    `evidence_pack` writes the evidence pack of the record to a file. If a service refuses an action, a bar of the
    page shows the reason."""

    def __init__(
        self, context: WindowContext, action_handlers: RecordActionHandlers, press_button: Callable[[str], None]
    ) -> None:
        """`action_handlers` is the object that runs the other actions of the page, such as `probe`. `press_button` is
        called with the name of an action when the person types the shortcut of the action; it must do the same as a
        click on the action's button."""
        super().__init__(action_handlers)
        self._context, self._action_handlers = context, action_handlers
        for keys, name in _SHORTCUTS_AND_ACTIONS:
            action_handlers.page.bind_shortcut(keys, partial(press_button, name))
        self._records_in_progress: set[tuple[str, int]] = set()
        self._chosen_record: tuple[str, int, str] = ("", 0, "")

    def run_action_if_supported(self, name: str, kind: str, id: int, record_title: str) -> bool:
        """Run the action `name` on the record with this kind and id, and return True. Return False if `name` isn't
        one of EVIDENCE_EXPORT_ACTIONS. `record_title` is the title of the record in messages."""
        if name == "copy_story":
            self.copy_timeline(kind, id, record_title)
        elif name == "evidence_pack":
            self.ask_path_and_write_pack(kind, id, record_title)
        return name in EVIDENCE_EXPORT_ACTIONS

    # -- as text

    def copy_timeline(self, kind: str, id: int, record_title: str) -> None:
        """Copy the timeline of the record to the clipboard as text, with at most MAX_COPIED_EVENTS events.
        `record_title` is the title of the record in messages."""
        language = self._context.language
        self._context.run_read(
            lambda services: services.recovery.read_timeline(kind, id, MAX_COPIED_EVENTS).as_text(language),
            partial(self._copy_timeline_text, (kind, id), record_title),
            partial(self._action_handlers.show_failed_read, subject_title=record_title),
            caller=self,
            key=("story", kind, id),
        )

    def _copy_timeline_text(self, record_ref: tuple[str, int], record_title: str, text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        sentence, route = self._context.translate("story.copied"), make_route_to_record(*record_ref)
        self._context.toast_requested.emit(Toast(sentence, route=route, subject_title=record_title))

    # -- as a file

    def ask_path_and_write_pack(self, kind: str, id: int, record_title: str) -> None:
        """Ask the person for the path of a new file, then write the evidence pack of the record to it. Do nothing
        while a pack of the same record is being written. `record_title` is the title of the record in messages."""
        if (kind, id) in self._records_in_progress:
            return
        self._chosen_record = kind, id, record_title
        title, file_name = self._context.translate("action.evidence_pack"), f"evidence-{kind}-{id}.zip"
        ask_for_save_path(self._action_handlers.page, title, "zip", self._write_pack_to, file_name)

    @Slot(str)
    def _write_pack_to(self, path: str) -> None:
        self.write_pack(*self._chosen_record, Path(path))

    def write_pack(self, kind: str, id: int, record_title: str, path: Path) -> None:
        """Write the evidence pack of the record, which has the title `record_title`, to the file `path`, then show a
        toast with the record's title, and the file's name and size."""
        context, record_ref = self._context, (kind, id)
        self._records_in_progress.add(record_ref)

        def make_toast(written_pack: "WrittenPack") -> Toast:
            return _make_pack_toast(context, written_pack, record_ref, record_title)

        def show_failure(failure: Failure) -> None:
            self._records_in_progress.discard(record_ref)
            self._action_handlers.show_refusal_about_record(record_ref, record_title, failure)

        def show_pack_toast(written_pack: "WrittenPack") -> None:
            self._records_in_progress.discard(record_ref)
            context.toast_requested.emit(make_toast(written_pack))

        context.run_acting_call(
            lambda services, _: services.recovery.write_evidence_pack(kind, id, path),
            show_pack_toast,
            show_failure,
            caller=self,
            label=context.translate(
                "act.about", title=record_title, message=context.translate("action.evidence_pack")
            ),
            make_toast=make_toast,
            attempt=("evidence pack", kind, id, path),
            key=("pack", *record_ref),
            provider="",
        )


def _make_pack_toast(
    context: WindowContext, written_pack: "WrittenPack", record_ref: tuple[str, int], record_title: str
) -> Toast:
    path, route = written_pack.file, make_route_to_record(*record_ref)
    if written_pack.left_out:
        message = context.translate("pack.told_part", size=written_pack.bytes, n=len(written_pack.left_out))
        return Toast(message, path, "square_bang", "care", route, path, subject_title=record_title)
    message = context.translate("pack.told", size=written_pack.bytes, n=written_pack.files)
    return Toast(message, path, route=route, path=path, subject_title=record_title)
