"""The language of the texts that Qt itself shows: the menu of a text input and Qt's own file dialogs."""

from PySide6.QtCore import QLibraryInfo, QObject, QTranslator
from PySide6.QtWidgets import QApplication

from console.views.theme.design_tokens import Language
from console.wording.sentences.catalogue import translate

_TRANSLATOR_NAME = "qtTexts"
_KEY_BY_QT_TEXT = {
    ("QFileDialog", "&Look in:"): "qt.look_in",
    ("QFileDialog", "Files of &type:"): "qt.file_type",
    ("QAbstractFileIconProvider", "Folder"): "qt.folder",
    ("QAbstractFileIconProvider", "File"): "qt.file",
    ("QAbstractFileIconProvider", "%1 File"): "qt.file_of_kind",
}
"""Maps each text of Qt's file dialogs that Qt's own Japanese translation file lacks to our wording key. A text is a
pair: its context in Qt's translation files, and the English text."""


class _MissingTexts(QTranslator):
    """Translates to the language `language` those texts of Qt that Qt's own translation file lacks."""

    def __init__(self, language: Language, parent: QObject) -> None:
        super().__init__(parent)
        self._language = language

    def isEmpty(self) -> bool:
        return False

    def translate(
        self, context: str, source_text: str, _disambiguation: str | None = None, _number: int = -1
    ) -> str | None:
        key = _KEY_BY_QT_TEXT.get((context, source_text))
        return translate(key, self._language) if key else None


def set_language_of_qt(language: Language) -> None:
    """Show Qt's own texts in this language from now on. For English, no translation file is loaded, because Qt's own
    texts are English."""
    app = QApplication.instance()
    if app is None:
        return
    for earlier_translator in app.findChildren(QTranslator, _TRANSLATOR_NAME):
        app.removeTranslator(earlier_translator)
        earlier_translator.deleteLater()
    translator = QTranslator(app)
    translator.setObjectName(_TRANSLATOR_NAME)
    folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
    if language != "en" and translator.load(f"qtbase_{language}", folder):
        app.installTranslator(translator)
        missing_texts = _MissingTexts(language, app)
        missing_texts.setObjectName(_TRANSLATOR_NAME)
        app.installTranslator(missing_texts)
