"""The language of the texts that Qt itself shows: the menu of a text input and Qt's own file dialogs."""

from PySide6.QtCore import QLibraryInfo, QTranslator
from PySide6.QtWidgets import QApplication

from console.views.theme.design_tokens import Language

_TRANSLATOR_NAME = "qtTexts"


def set_language_of_qt(language: Language) -> None:
    """Show Qt's own texts in this language from now on. Their English texts need no translation file."""
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
