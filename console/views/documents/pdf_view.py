"""The widget that paints one page of a PDF with marked search matches; it scrolls if the page is larger than the
widget.
"""

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QScrollArea, QWidget

from console.domain.documents.pdf_pages import Box, PageImage
from console.views.theme.painting import draw_frame
from console.views.theme.theme import current_appearance
from console.wording.line_breaks import keep_phrases_whole

_MARGIN_PX = 16
_MATCH_COLOUR = QColor(255, 232, 120)
_CURRENT_COLOUR = QColor(255, 190, 70)


class PdfView(QScrollArea):
    """Shows one page of a PDF on a grey background; the arrow keys and page keys scroll."""

    focus_ring = -2  # inside its edges

    def __init__(self, name: str) -> None:
        super().__init__()
        self._sheet = _PageSheet()
        self.setWidget(self._sheet)
        self.setWidgetResizable(False)
        self.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setBackgroundRole(QPalette.ColorRole.AlternateBase)
        self.setProperty("raised", True)

    def show_page(
        self, image: PageImage, width: int, boxes: Sequence[Box], current: Sequence[Box], name: str
    ) -> None:
        """Show the image of a PDF page, `width` px wide. `boxes` are the search matches and `current` the current
        match, as rectangles in fractions (0 to 1) of the page's width and height. `name` is the description for
        screen readers.
        """
        self._sheet.show_page(image, width, boxes, current)
        self.setAccessibleDescription(name)
        if current:
            left, top, right, bottom = current[0]
            x, y = (left + right) / 2 * self._sheet.width(), (top + bottom) / 2 * self._sheet.height()
            self.ensureVisible(round(x), round(y), 120, 160)

    def show_words(self, words: str) -> None:
        """Show a text in place of the PDF page, while the page is being read or because it can't be shown."""
        self._sheet.show_words(words)
        self.setAccessibleDescription(words)

    def scroll_to_top(self) -> None:
        self.verticalScrollBar().setValue(0)

    @property
    def words(self) -> str:
        return self._sheet.words

    @property
    def has_page(self) -> bool:
        return self._sheet.image is not None


class _PageSheet(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.image: QImage | None = None
        self.words = ""
        self._boxes: Sequence[Box] = ()
        self._current: Sequence[Box] = ()
        self.resize(480, 120)

    def show_page(self, page: PageImage, width: int, boxes: Sequence[Box], current: Sequence[Box]) -> None:
        # A copy is needed, because QImage doesn't keep the bytes of `page` alive.
        self.image = QImage(page.pixels, page.width, page.height, page.width * 3, QImage.Format.Format_RGB888).copy()
        self.words, self._boxes, self._current = "", boxes, current
        self.resize(width + 2 * _MARGIN_PX, round(width * page.height / page.width) + 2 * _MARGIN_PX)
        self.update()

    def show_words(self, words: str) -> None:
        self.image, self.words = None, words
        self.resize(QSize(720, 160))
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), current_appearance().colour("sunken"))
        sheet = QRectF(self.rect()).adjusted(_MARGIN_PX, _MARGIN_PX, -_MARGIN_PX, -_MARGIN_PX)
        if self.image is None:
            painter.setFont(current_appearance().font("body"))
            painter.setPen(current_appearance().colour("muted"))
            wrap = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(sheet, wrap, keep_phrases_whole(self.words))
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(sheet, self.image)
        # The colour of a match is multiplied with the page: black letters stay black, white paper takes the colour.
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Multiply)
        for boxes, colour in ((self._boxes, _MATCH_COLOUR), (self._current, _CURRENT_COLOUR)):
            for left, top, right, bottom in boxes:
                place = QRectF(
                    sheet.left() + left * sheet.width(),
                    sheet.top() + top * sheet.height(),
                    (right - left) * sheet.width(),
                    (bottom - top) * sheet.height(),
                )
                painter.fillRect(place, colour)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceOver)
        draw_frame(painter, sheet.adjusted(-1, -1, 1, 1), 0, current_appearance().colour("line"), None)
