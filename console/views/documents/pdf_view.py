"""The widget that shows the image of one PDF page, with marked search matches or differences. It scrolls if the
page is larger than the widget."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QImage, QPainter, QPaintEvent, QPalette, QPen, QTransform
from PySide6.QtWidgets import QScrollArea, QWidget

from console.domain.documents.pdf_pages import PageBox, PageImage
from console.views.theme.design_tokens import Tone, tokens
from console.views.theme.painting import draw_frame
from console.views.theme.theme import current_appearance
from console.wording.sentences.line_breaks import keep_phrases_whole

_PAGE_MARGIN_PX = 16
_SEARCH_MATCH_COLOUR = QColor(255, 232, 120)
_CURRENT_SEARCH_MATCH_COLOUR = QColor(255, 190, 70)
_MARK_SIGNS = "+−≠"
_MARK_SIGN_COLUMN_WIDTH_PX = 14
_SIGN_AREA_SHARE_OF_PAGE_WIDTH = 0.08  # of the page's width: less than the left margin of a report


@dataclass(frozen=True, slots=True)
class PdfPageMark:
    """A mark at a rectangle of a PDF page, where two versions of the PDF differ. `box` is the rectangle, in fractions
    (0 to 1) of the page's width and height. `sign` (+, − or ≠) is painted at the left edge of the page; `tone`
    decides the colour. `is_current` is True if the mark belongs to the difference that is selected in the list."""

    box: PageBox
    sign: str
    tone: Tone
    is_current: bool = False


def rotate_box(box: PageBox, quarter_turns: int) -> PageBox:
    """Return the rectangle of `box` after the page was rotated clockwise by this number of quarter turns. All
    values are fractions (0 to 1) of the page's width and height."""
    left, top, right, bottom = box
    for _ in range(quarter_turns % 4):
        left, top, right, bottom = 1 - bottom, left, 1 - top, right
    return left, top, right, bottom


class PdfPageView(QScrollArea):
    """The widget that shows one PDF page on a grey background. The arrow keys and the page keys scroll it."""

    focus_ring_gap_px = -2  # inside its edges

    def __init__(self, accessible_name: str) -> None:
        super().__init__()
        self._sheet = _PdfPageSheet()
        self.setWidget(self._sheet)
        self.setWidgetResizable(False)
        self.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.setAccessibleName(accessible_name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setBackgroundRole(QPalette.ColorRole.AlternateBase)
        self.setProperty("raised", True)

    def show_page(
        self,
        image: PageImage,
        width_px: int,
        boxes: Sequence[PageBox],
        current_boxes: Sequence[PageBox],
        spoken_description: str,
        quarter_turns: int = 0,
    ) -> None:
        """Show the image of a PDF page, `width_px` px wide and turned clockwise by `quarter_turns` times 90 degrees,
        and scroll to the current match. `boxes` are the rectangles of all search matches on the page. `current_boxes`
        are the rectangles of the current match, one for each line of text that it covers; () if there is no current
        match. All rectangles are in fractions (0 to 1) of the unturned page's width and height. `spoken_description`
        is the description for screen readers."""
        current_boxes = [rotate_box(box, quarter_turns) for box in current_boxes]
        boxes = [rotate_box(box, quarter_turns) for box in boxes]
        self._sheet.show_page(image, width_px, boxes, current_boxes, quarter_turns=quarter_turns)
        self.setAccessibleDescription(spoken_description)
        if current_boxes:
            left, top, right, bottom = current_boxes[0]
            x, y = (left + right) / 2 * self._sheet.width(), (top + bottom) / 2 * self._sheet.height()
            self.ensureVisible(round(x), round(y), 120, 160)

    def show_marked_page(
        self, image: PageImage, width_px: int, marks: Sequence[PdfPageMark], spoken_description: str
    ) -> None:
        """Show the image of a PDF page, `width_px` px wide, with `marks`, and scroll to the current mark.
        `spoken_description` is the description for screen readers."""
        self._sheet.show_page(image, width_px, (), (), marks)
        self.setAccessibleDescription(spoken_description)
        current_box = next((mark.box for mark in marks if mark.is_current), None)
        if current_box is not None:
            left, top, right, bottom = current_box
            x, y = (left + right) / 2 * self._sheet.width(), (top + bottom) / 2 * self._sheet.height()
            self.ensureVisible(round(x), round(y), 80, 120)

    @property
    def marks(self) -> Sequence[PdfPageMark]:
        return self._sheet.marks

    def show_message(self, message: str) -> None:
        """Show a message in place of the PDF page, while the page is being read or because the program can't read
        it."""
        self._sheet.show_message(message)
        self.setAccessibleDescription(message)

    def scroll_to_top(self) -> None:
        self.verticalScrollBar().setValue(0)

    @property
    def page_size(self) -> QSize:
        """The size in px of the shown page, including its margins."""
        return self._sheet.size()

    @property
    def message_text(self) -> str:
        return self._sheet.message_text

    @property
    def has_page(self) -> bool:
        return self._sheet.image is not None


class _PdfPageSheet(QWidget):
    """The widget inside the scroll area that paints the page, its search matches and its marks, or a message."""

    def __init__(self) -> None:
        super().__init__()
        self.image: QImage | None = None
        self.message_text = ""
        self._boxes: Sequence[PageBox] = ()
        self._current_hit_boxes: Sequence[PageBox] = ()
        self.marks: Sequence[PdfPageMark] = ()
        self.resize(480, 120)

    def show_page(
        self,
        page: PageImage,
        width_px: int,
        boxes: Sequence[PageBox],
        current_boxes: Sequence[PageBox],
        marks: Sequence[PdfPageMark] = (),
        quarter_turns: int = 0,
    ) -> None:
        # A copy is needed, because QImage doesn't keep the bytes of `page` alive; a turned image is one.
        image = QImage(page.pixels, page.width_px, page.height_px, page.width_px * 3, QImage.Format.Format_RGB888)
        self.image = image.transformed(QTransform().rotate(90 * quarter_turns)) if quarter_turns else image.copy()
        self.message_text, self._boxes, self._current_hit_boxes, self.marks = "", boxes, current_boxes, marks
        height = round(width_px * self.image.height() / self.image.width())
        self.resize(width_px + 2 * _PAGE_MARGIN_PX, height + 2 * _PAGE_MARGIN_PX)
        self.update()

    def show_message(self, message: str) -> None:
        self.image, self.message_text, self.marks = None, message, ()
        self.resize(QSize(720, 160))
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), current_appearance().colour("sunken"))
        sheet = QRectF(self.rect()).adjusted(_PAGE_MARGIN_PX, _PAGE_MARGIN_PX, -_PAGE_MARGIN_PX, -_PAGE_MARGIN_PX)
        if self.image is None:
            painter.setFont(current_appearance().font("body"))
            painter.setPen(current_appearance().colour("muted"))
            wrap = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(sheet, wrap, keep_phrases_whole(self.message_text))
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(sheet, self.image)
        # The colour of a match is multiplied with the page: black letters stay black, white paper takes the colour.
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Multiply)
        for boxes, colour in (
            (self._boxes, _SEARCH_MATCH_COLOUR),
            (self._current_hit_boxes, _CURRENT_SEARCH_MATCH_COLOUR),
        ):
            for box in boxes:
                painter.fillRect(_convert_box_to_px(box, sheet), colour)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceOver)
        for box in self._current_hit_boxes:
            frame = _convert_box_to_px(box, sheet).adjusted(-2, -2, 2, 2)  # around the letters
            draw_frame(painter, frame, 0, QColor(tokens().get_colours("light")["text"]), None, 2)
        draw_frame(painter, sheet.adjusted(-1, -1, 1, 1), 0, current_appearance().colour("line"), None)
        signs = [sign for sign in _MARK_SIGNS if any(mark.sign == sign for mark in self.marks)]
        for mark in self.marks:
            _draw_mark(painter, mark, _convert_box_to_px(mark.box, sheet), sheet, signs)


def _convert_box_to_px(box: PageBox, sheet: QRectF) -> QRectF:
    """Return the rectangle of `box` (fractions of the page) in px, where `sheet` is the rectangle of the whole
    painted page in px."""
    left, top, right, bottom = box
    return QRectF(
        sheet.left() + left * sheet.width(),
        sheet.top() + top * sheet.height(),
        (right - left) * sheet.width(),
        (bottom - top) * sheet.height(),
    )


def _draw_mark(painter: QPainter, mark: PdfPageMark, mark_rect: QRectF, sheet: QRectF, signs: Sequence[str]) -> None:
    """Draw a mark: a frame and a sign, both in the colour of the mark's tone. The frame is thick if the mark is the
    current one. The sign is at the left edge of the page, where it covers no text. `signs` are all signs that occur
    on the page; each sign has a column of its own at the edge. On a small page, the columns and signs are smaller.
    `mark_rect` and `sheet` are the rectangles of the mark and the page in px. The page is always white, so the
    colours are those of the light theme."""
    colour = QColor(tokens().get_colours("light")[mark.tone])
    pen_px = 3 if mark.is_current else 1
    margin_px = pen_px / 2 + 1.5  # the pen, which is centred on the frame, covers no letter
    frame = mark_rect.adjusted(-margin_px, -margin_px, margin_px, margin_px)
    fill = QColor(colour)
    fill.setAlpha(70 if mark.is_current else 36)
    painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Multiply)  # black letters stay black
    painter.fillRect(frame, fill)
    painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceOver)
    painter.setPen(QPen(colour, pen_px))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(frame)
    full_width, height = (current_appearance().icon_px(side) for side in (_MARK_SIGN_COLUMN_WIDTH_PX, 24))
    width = min(full_width, sheet.width() * _SIGN_AREA_SHARE_OF_PAGE_WIDTH / max(len(signs), 1))
    font = QFont(current_appearance().font("caption"))
    font.setPixelSize(max(1, round(font.pixelSize() * width / full_width)))
    painter.setFont(font)
    left = sheet.left() + width * (signs.index(mark.sign) if mark.sign in signs else 0)
    painter.drawText(
        QRectF(left, frame.center().y() - height / 2, width, height), Qt.AlignmentFlag.AlignCenter, mark.sign
    )
