"""Vector drawings of all icons, including the icons of badges, in a box of 16 × 16 units. The program draws them
because the bundled fonts don't contain most of these signs.

A drawing is a string of strokes and, after `|`, filled shapes. The commands are those of SVG paths where SVG has such
a command: `M x y` move, `L x y …` lines, `C x1 y1 x2 y2 x y` curve, `Z` close. The other commands are `O x y r`
circle, `R x y w h r` rounded rectangle, and `A x y r start sweep` arc in degrees, anticlockwise from three o'clock.
"""

from dataclasses import dataclass
from functools import cache

from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainterPath

DRAWING_BY_ICON_NAME = {
    # Icons of badges, one per state.
    "ring": "O 8 8 5.25",
    "half_disc": "O 8 8 5.25 | A 8 8 5.25 90 180 Z",
    "disc": "| O 8 8 5.5",
    "cross": "M 4 4 L 12 12 M 12 4 L 4 12",
    "arrow_back": "M 6.5 3 L 3 6.5 L 6.5 10 M 3 6.5 L 10 6.5 C 12 6.5 13.25 7.8 13.25 9.5 C 13.25 11.4 "
    "12 12.75 10 12.75 L 7 12.75",
    "arrow_back_dashed": "M 6.5 3 L 3 6.5 L 6.5 10 M 3 6.5 L 10 6.5 C 11 6.5 11.9 6.9 12.5 7.5 "
    "M 13.2 9.6 C 13.2 10.3 12.9 11 12.4 11.6 M 10.4 12.75 L 9.6 12.75 M 7.4 12.75 L 6.6 12.75",
    "ring_slash": "O 8 8 5.25 M 4.3 4.3 L 11.7 11.7",
    "check": "M 3 8.5 L 6.4 12 L 13 4.5",
    "question": "M 5.25 5.8 C 5.25 4 6.4 2.9 8 2.9 C 9.7 2.9 10.8 4 10.8 5.5 C 10.8 7.4 8 7.6 8 9.9 | O 8 12.7 1",
    "hourglass": "M 4 2.75 L 12 2.75 M 4 13.25 L 12 13.25 M 5.25 2.75 L 5.25 4.6 L 8 8 L 5.25 11.4 L "
    "5.25 13.25 "
    "M 10.75 2.75 L 10.75 4.6 L 8 8 L 10.75 11.4 L 10.75 13.25 | M 8 9 L 10.2 12.6 L 5.8 12.6 Z",
    "not_equal": "M 3 6 L 13 6 M 3 10 L 13 10 M 10.4 3 L 5.6 13",
    "clock": "O 8 8 5.5 M 8 4.9 L 8 8.2 L 10.1 9.5",
    "dash": "M 5 8 L 11 8",
    "circle_arrow": "A 8 8.25 5.25 40 310 M 13.25 2.5 L 13.25 6.25 L 9.5 6.25",
    "square_bang": "R 2.75 2.75 10.5 10.5 2 M 8 5.25 L 8 8.5 | O 8 10.9 0.9",
    "person": "O 8 5.25 2.75 M 2.75 13.75 C 3.1 10.9 5.2 9.5 8 9.5 C 10.8 9.5 12.9 10.9 13.25 13.75",
    "people": "O 6 5.5 2.5 M 1.5 13.5 C 1.8 10.9 3.6 9.6 6 9.6 C 8.4 9.6 10.2 10.9 10.5 13.5 M 10 3.1 C 11.4 3.2 "
    "12.4 4.2 12.4 5.5 C 12.4 6.8 11.4 7.8 10 7.9 M 11.7 9.9 C 13.2 10.4 14.2 11.6 14.5 13.5",
    "two_sheets": "R 2.75 5.25 8 8 1 M 5.5 2.75 L 12.25 2.75 C 12.8 2.75 13.25 3.2 13.25 3.75 L 13.25 10.5",
    "open_ring_plus": "A 8 8.25 5.25 75 300 M 12.5 2.25 L 12.5 5.75 M 10.75 4 L 14.25 4",
    "ring_arrow": "O 8 8 5.75 M 5.25 8 L 10.5 8 M 8.4 5.8 L 10.6 8 L 8.4 10.2",
    "ring_check": "O 8 8 5.75 M 5.4 8.3 L 7.2 10.1 L 10.6 6.2",
    "ring_dot": "O 8 8 5.25 | O 8 8 1.6",
    # Icons of the window.
    "home": "M 2.5 8 L 8 2.75 L 13.5 8 M 4 6.75 L 4 13.25 L 12 13.25 L 12 6.75",
    "list": "M 6 4 L 13.5 4 M 6 8 L 13.5 8 M 6 12 L 13.5 12 | O 3 4 0.9 O 3 8 0.9 O 3 12 0.9",
    "search": "O 6.9 6.9 4.4 M 10.2 10.2 L 13.75 13.75",
    "approval": "R 2.5 2.5 11 11 1.5 M 5.25 8.25 L 7.2 10.2 L 10.9 6",
    "swap": "M 2.75 5.25 L 13 5.25 M 10.4 2.6 L 13 5.25 L 10.4 7.9 M 13.25 10.75 L 3 10.75 M 5.6 8.1 L "
    "3 10.75 L 5.6 13.4",
    "warning": "M 8 2.75 L 14 13.25 L 2 13.25 Z M 8 6.5 L 8 9.5 | O 8 11.4 0.85",
    "bars": "M 2.25 13.5 L 13.75 13.5 M 4.5 13.5 L 4.5 8.5 M 8 13.5 L 8 3.5 M 11.5 13.5 L 11.5 6.5",
    "audit": "R 3.5 2.25 9 11.5 1 M 6 5.5 L 10 5.5 M 6 8 L 10 8 M 6 10.5 L 10 10.5",
    "settings": "O 8 8 2.25 O 8 8 4.75 M 8 1.75 L 8 3.25 M 8 12.75 L 8 14.25 M 1.75 8 L 3.25 8 M 12.75 8 L 14.25 8",
    "copy": "R 5.5 5.5 8 8 1 M 3.5 10.5 C 2.9 10.5 2.5 10.1 2.5 9.5 L 2.5 3.5 C 2.5 2.9 2.9 2.5 3.5 2.5 "
    "L 9.5 2.5 C 10.1 2.5 10.5 2.9 10.5 3.5",
    "building": "M 3 13.5 L 3 2.75 L 9.5 2.75 L 9.5 13.5 M 9.5 6.5 L 13 6.5 L 13 13.5 M 1.75 13.5 L "
    "14.25 13.5 "
    "M 5.5 5.5 L 7 5.5 M 5.5 8 L 7 8 M 5.5 10.5 L 7 10.5",
    "document": "M 9.25 2.25 L 4.5 2.25 C 3.9 2.25 3.5 2.7 3.5 3.25 L 3.5 12.75 C 3.5 13.3 3.9 13.75 "
    "4.5 13.75 "
    "L 11.5 13.75 C 12.1 13.75 12.5 13.3 12.5 12.75 L 12.5 5.5 Z M 9.25 2.25 L 9.25 5.5 L 12.5 5.5",
    "card": "R 2.25 3.5 11.5 9 1 M 2.25 6.5 L 13.75 6.5",
    "note": "R 2.75 2.75 10.5 10.5 1 M 5.5 6 L 10.5 6 M 5.5 8.5 L 10.5 8.5 M 5.5 11 L 8 11",
    "lock": "R 3.25 7 9.5 6.5 1 M 5.25 7 L 5.25 5.25 C 5.25 3.6 6.4 2.5 8 2.5 C 9.6 2.5 10.75 3.6 10.75 "
    "5.25 L 10.75 7",
    "close": "M 4 4 L 12 12 M 12 4 L 4 12",
    "chevron_down": "M 4.5 6.25 L 8 9.75 L 11.5 6.25",
    "chevron_right": "M 6.25 4.5 L 9.75 8 L 6.25 11.5",
    "arrow_right": "M 2.75 8 L 13 8 M 9.4 4.4 L 13 8 L 9.4 11.6",
    "arrow_up": "M 8 13 L 8 3 M 4.5 6.5 L 8 3 L 11.5 6.5",
    "arrow_down": "M 8 3 L 8 13 M 4.5 9.5 L 8 13 L 11.5 9.5",
    "reload": "A 8 8.25 5.25 40 310 M 13.25 2.5 L 13.25 6.25 L 9.5 6.25",
    "columns": "R 2.25 3.25 11.5 9.5 1 M 6.1 3.25 L 6.1 12.75 M 9.9 3.25 L 9.9 12.75",
    "filter": "M 2.25 4.5 L 13.75 4.5 M 4.5 8 L 11.5 8 M 6.5 11.5 L 9.5 11.5",
    "shield": "M 8 2.25 L 13 4 L 13 8 C 13 11 11 13 8 14 C 5 13 3 11 3 8 L 3 4 Z",
    "terminal": "M 3 4.5 L 6.5 8 L 3 11.5 M 8.5 12 L 13 12",
    "minus": "M 3.5 8 L 12.5 8",
    "fit_width": "M 2.25 3 L 2.25 13 M 13.75 3 L 13.75 13 M 4.5 8 L 11.5 8 M 6.5 6 L 4.5 8 L 6.5 10 M 9.5 6 L 11.5 8 "
    "L 9.5 10",
    "fit_page": "R 3.25 1.75 9.5 12.5 1 M 8 4.25 L 8 11.75 M 6 6.25 L 8 4.25 L 10 6.25 M 6 9.75 L 8 11.75 L 10 9.75",
    "rotate": "R 3 6.5 6.5 7.25 1 M 6.5 3.5 L 9 3.5 C 11.6 3.5 13 5 13 7.5 L 13 10.5 M 10.75 8.5 L 13 10.75 L "
    "15.25 8.5",
    "export": "M 8 2.5 L 8 9.75 M 5 6.75 L 8 9.75 L 11 6.75 M 2.75 11 L 2.75 13.25 L 13.25 13.25 L 13.25 11",
    "plus": "M 8 3.5 L 8 12.5 M 3.5 8 L 12.5 8",
    "eye": "M 1.75 8 C 4.2 3.4 11.8 3.4 14.25 8 C 11.8 12.6 4.2 12.6 1.75 8 Z | O 8 8 2",
    "look_alike": "M 2.75 6 C 5 3.4 7.6 8.2 13.25 5.2 M 2.75 11 C 5 8.4 7.6 13.2 13.25 10.2",
    "offline": "M 2.5 2.5 L 13.5 13.5 M 4.6 12.6 L 6 11.2 M 5 8 L 8.6 11.4 M 5.2 8 L 8.4 11.2 M 7.5 5 L "
    "11 8.5 M 10 7 L 13.2 3.6",
}


@dataclass(frozen=True, slots=True)
class IconDrawing:
    """The drawing of an icon in a box of 16 × 16 units: a path that is stroked (`stroke`) and a path that is
    filled (`fill`)."""

    stroke: QPainterPath
    fill: QPainterPath


@cache
def get_icon_drawing(icon_name: str) -> IconDrawing:
    """Return the drawing of the icon with this name.

    Raises KeyError for an unknown name.
    """
    stroke, _, fill = DRAWING_BY_ICON_NAME[icon_name].partition("|")
    return IconDrawing(_parse_path(stroke), _parse_path(fill))


def _parse_path(drawing: str) -> QPainterPath:
    """Return the path that a string of drawing commands describes (see the module's docstring)."""
    path = QPainterPath()
    command = ""
    numbers: list[float] = []
    for token in [*drawing.split(), "end"]:
        if token[0].isalpha():
            _add_path_command(path, command, numbers)
            command, numbers = token, []
        else:
            numbers.append(float(token))
    return path


def _add_path_command(path: QPainterPath, command: str, numbers: list[float]) -> None:
    match command:
        case "M":
            path.moveTo(numbers[0], numbers[1])
        case "L":
            for i in range(0, len(numbers), 2):
                path.lineTo(numbers[i], numbers[i + 1])
        case "C":
            path.cubicTo(*numbers)
        case "Z":
            path.closeSubpath()
        case "O":
            path.addEllipse(QRectF(numbers[0] - numbers[2], numbers[1] - numbers[2], 2 * numbers[2], 2 * numbers[2]))
        case "R":
            path.addRoundedRect(QRectF(numbers[0], numbers[1], numbers[2], numbers[3]), numbers[4], numbers[4])
        case "A":
            box = QRectF(numbers[0] - numbers[2], numbers[1] - numbers[2], 2 * numbers[2], 2 * numbers[2])
            path.arcMoveTo(box, numbers[3])
            path.arcTo(box, numbers[3], numbers[4])
