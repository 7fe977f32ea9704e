"""Writes the evidence packs of several records of a list to one ZIP file (an evidence bundle)."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from console.views.exports.background_file import BackgroundFileWriter, ProgressCallback
from console.views.pages.base import Page
from console.views.runtime.context import Toast, WindowContext
from console.views.runtime.routes import RecordRef
from console.views.widgets.window.save_file import ask_for_save_path

if TYPE_CHECKING:
    from console.app import Console
    from console.services.evidence.pack_bundle import WrittenBundle

EVIDENCE_BUNDLE_RIGHT = "audit_any"
EVIDENCE_BUNDLE_SHORTCUT = "Ctrl+Shift+E"
EVIDENCE_BUNDLE_KEY_HINT = ((EVIDENCE_BUNDLE_SHORTCUT,), "key.evidence_bundle")
RecordReader = Callable[["Console"], Sequence[RecordRef]]
"""Function that returns kind and id of the records; it is called in a background thread."""


class EvidenceBundleExport(QObject):
    """Writes the evidence packs of selected records of one page to one file. Only one export runs at a time. A bar of
    the page shows the progress of the export and has a button that cancels it."""

    def __init__(self, context: WindowContext, page: Page) -> None:
        super().__init__(page)
        self._context, self._page = context, page
        self._file_writer = BackgroundFileWriter(
            context, page, "evidence_bundle", context.translate("action.evidence_bundle")
        )
        self._read_records: RecordReader | None = None

    @property
    def is_running(self) -> bool:
        """True while an evidence bundle is being written."""
        return self._file_writer.is_running

    def ask_path_and_write_bundle(self, read_records: RecordReader, count: int | None = None) -> None:
        """Ask the person for the path of a new file, then write the evidence packs of the records that
        `read_records` returns. `count` is the number of records; None if it isn't known. If the person lacks
        the right, show the reason. Do nothing while an export runs.
        """
        disabled_reason = self._context.find_disabled_reason(EVIDENCE_BUNDLE_RIGHT)
        if disabled_reason:
            self._page.show_key_refusal(disabled_reason)
        elif not self.is_running:
            self._read_records = read_records
            translate = self._context.translate
            title = translate("action.evidence_bundle") if count is None else translate("bundle.title", n=count)
            ask_for_save_path(
                self._page,
                title,
                "zip",
                self.write_bundle_to,
                f"evidence-{self._context.get_day_in_japan():%Y%m%d}.zip",
            )

    @Slot(str)
    def write_bundle_to(self, path: str) -> None:
        """Write one file at `path` with the evidence packs of the records that the function passed to
        `ask_path_and_write_bundle` returns. Do nothing if no function was passed, or while an export runs."""
        context, read_records = self._context, self._read_records
        if read_records is None or self.is_running:
            return

        def write_bundle(services: "Console", report_progress: ProgressCallback) -> "WrittenBundle":
            return services.recovery.write_evidence_bundle(read_records(services), Path(path), report_progress)

        def format_progress(written_count: int, pack_count: int) -> str:
            return context.translate("progress.evidence", done=written_count, of=pack_count)

        self._file_writer.write_file(write_bundle, self._make_bundle_toast, format_progress)

    @Slot()
    def cancel(self) -> None:
        """Cancel the export as soon as the present evidence pack is written. The toast at the end names the written
        file, or says that no file was written."""
        self._file_writer.cancel()

    def _make_bundle_toast(self, written_bundle: "WrittenBundle") -> Toast:
        translate = self._context.translate
        if not written_bundle.left_out:
            message = translate("bundle.told", size=written_bundle.bytes, n=written_bundle.packs)
            return Toast(message, written_bundle.file, path=written_bundle.file, subject_title="")
        message = translate(
            "bundle.told_part",
            size=written_bundle.bytes,
            packs=written_bundle.packs,
            n=len(written_bundle.left_out),
        )
        return Toast(message, written_bundle.file, "square_bang", "care", path=written_bundle.file, subject_title="")
