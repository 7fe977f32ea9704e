"""Renders and searches pages of an untrusted PDF in a child process, which is killed if it takes too long.

A method of `PdfDocument` that can't answer raises ConsoleError `provider_answer_unusable`. Its detail.reason is:

- not_pdf: the first bytes aren't those of a PDF
- too_large: the file has more than LARGEST_PDF_BYTES
- encrypted: the PDF needs a password
- unreadable: the file can't be read, or it is no valid PDF
- too_many_pages: the PDF has more pages than the child process accepts
- page_size: the size of a page isn't valid, or even its smallest image would have too many pixels
- no_such_page: the PDF has no page with the index
- too_much_memory: the child process reached its limit of memory
- took_too_long: the request took more than its time limit, or more than the processor time of the child process
- crashed: the child process ended without an answer, or its answer has a wrong form
- closed: `close` was called
"""

import io
import json
import math
import os
import signal
import subprocess
import sys
import weakref
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from shutil import copyfileobj
from threading import Lock
from typing import IO, Any, BinaryIO, NoReturn

from console.domain.documents.pdf_pages import (
    PageBox,
    PageImage,
    PageSearch,
    PageSearchMatch,
    PageWord,
    PageWords,
    WordChange,
)
from console.domain.error_reasons import UnusableAnswerReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.process.daemon_threads import DaemonTimer
from console.domain.reason import ForeignText
from console.resource_paths import resources_dir
from console.store.documents import pdf_child_process

LARGEST_PDF_BYTES = 32 * 1024 * 1024
REQUEST_TIMEOUT_SECONDS = 10
"""Default time limit (seconds) of one request to the child process that draws pages."""
PDF_CHILD_OPTION = "--pdf-child"
"""First argument with which a frozen program starts as the child process and calls
`pdf_child_process.main(sys.argv[2:])`.
"""

_LARGEST_ANSWER_BYTES = 3 * 7_000_000
"""Largest accepted payload of an answer (bytes): an image of 7 million pixels with three bytes each."""
_LONGEST_LINE_BYTES = 4096
"""Longest accepted JSON line of an answer (bytes)."""


class PdfDocument:
    """One PDF document, open in a child process of its own until `close`.

    Thread-safe; one request runs at a time. Each request may take `time_limit_seconds` of real time. If the child
    process was killed or has crashed, the next request starts a new child process. So a page that crashes the process
    doesn't make the other pages unreadable.
    """

    def __init__(self, pdf_source: bytes | Path, *, time_limit_seconds: float = REQUEST_TIMEOUT_SECONDS) -> None:
        """`pdf_source`: the document's bytes or its file, at most 32 MiB. The child process is started by the first
        request.
        """
        self._source = pdf_source
        self._seconds = time_limit_seconds
        self._lock = Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._is_closed = False

    def count_pages(self) -> int:
        """Return the number of pages of the document."""
        answer_head, _ = self._ask_child(do="count")
        return _parse_positive_number(answer_head, "count")

    def render_page(self, page_index: int, width_px: int) -> PageImage:
        """Return an image of the page that is `width_px` pixels wide, or smaller if it would have more than 6 million
        pixels, or be wider than 4,096 or higher than 16,384 pixels. `page_index` counts from 0.
        """
        answer_head, pixels = self._ask_child(do="image", index=page_index, width=width_px)
        image = PageImage(
            _parse_positive_number(answer_head, "width"), _parse_positive_number(answer_head, "height"), pixels
        )
        if len(pixels) != image.width_px * image.height_px * 3:
            _raise_unusable(UnusableAnswerReason.PDF_READER_CRASHED)
        return image

    def read_page_text(self, page_index: int) -> str:
        """Return the text of the page with this index (from 0), at most 100,000 characters of it."""
        _, payload = self._ask_child(do="text", index=page_index)
        return payload.decode("utf-8", "replace")

    def read_page_words(self, page_index: int) -> PageWords:
        """Return the words of the page with this index (from 0), at most 4,000."""
        _, payload = self._ask_child(do="words", index=page_index)
        try:
            words_json = json.loads(payload)
            words = tuple(PageWord(str(word["text"]), _make_boxes(word["boxes"])) for word in words_json["words"])
            return PageWords(words, bool(words_json["cut"]))
        except (ValueError, TypeError, LookupError, RecursionError):
            _raise_unusable(UnusableAnswerReason.PDF_READER_CRASHED)

    def compare_words(self, old_words: Sequence[str], new_words: Sequence[str]) -> tuple[WordChange, ...]:
        """Return the differences of the first 4,000 words of two lists, at most 1,000. If there are more, one further
        difference is returned, so that the caller sees that the list is cut. The child process compares the lists, so
        that its limits of time and memory also protect against hostile words.
        """
        _, payload = self._ask_child(do="compare", old=list(old_words), new=list(new_words))
        try:
            return tuple(_make_word_change(change, len(old_words), len(new_words)) for change in json.loads(payload))
        except (ValueError, TypeError, LookupError, RecursionError):
            _raise_unusable(UnusableAnswerReason.PDF_READER_CRASHED)

    def search(self, typed_text: str) -> PageSearch:
        """Return the matches of the text `typed_text` in all pages that can be read, at most 1,000, and the number of
        pages that can't be read. Character width, case and line breaks are ignored.
        """
        _, payload = self._ask_child(do="search", words=typed_text)
        try:
            search_json = json.loads(payload)
            return PageSearch(tuple(map(_make_page_hit, search_json["hits"])), int(search_json["unreadable"]))
        except (ValueError, TypeError, LookupError, RecursionError):
            _raise_unusable(UnusableAnswerReason.PDF_READER_CRASHED)

    def close(self) -> None:
        """Kill the child process immediately, even if another thread waits for its answer. Every later request raises
        ConsoleError `provider_answer_unusable` (closed).
        """
        self._is_closed = True
        if self._child is not None:
            self._child.kill()
        with self._lock:
            self._end_child()

    def __enter__(self) -> "PdfDocument":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask_child(self, **request: object) -> tuple[dict[str, Any], bytes]:
        """Send one request to the child process, which is started if none runs. Return its answer: the JSON object
        and the payload bytes. Raises ConsoleError `provider_answer_unusable` if the child refuses the request or
        gives no valid answer.
        """
        with self._lock:
            self._require_open()
            is_new_child = self._child is None
            child = self._child = self._child or self._start_child()
            self._require_open()  # again: `close` may have run before it could see the new child process
            request_timer = _RequestTimer(child, self._seconds)
            try:
                if is_new_child:
                    _send_document(child, self._source)
                answer_head, payload = _exchange_messages(child, request)
            except (OSError, ValueError, EOFError, RecursionError):
                self._end_child()
                _raise_unusable(self._get_failure_reason(child, request_timer))
            finally:
                request_timer.stop()
        if "refused" in answer_head:
            _raise_unusable(ForeignText(str(answer_head["refused"])))
        return answer_head, payload

    def _require_open(self) -> None:
        """If `close` was called, end the child process and refuse the request."""
        if self._is_closed:
            self._end_child()
            _raise_unusable(UnusableAnswerReason.PDF_READER_CLOSED)

    def _start_child(self) -> subprocess.Popen[bytes]:
        """Start and return a child process, which gets no document yet. It is killed at the latest when this object
        is deleted. Raises ConsoleError `provider_answer_unusable` if the document is too large, no PDF or can't be
        opened.
        """
        _check_source(self._source)
        child = subprocess.Popen(
            _make_child_command(self._seconds),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_make_child_environment(),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        weakref.finalize(self, _end_process, child)
        return child

    def _end_child(self) -> None:
        if self._child is not None:
            _end_process(self._child)
            self._child = None

    def _get_failure_reason(
        self, child: subprocess.Popen[bytes], request_timer: "_RequestTimer"
    ) -> UnusableAnswerReason:
        """Return the reason for which the child process gave no valid answer."""
        if self._is_closed:
            return UnusableAnswerReason.PDF_READER_CLOSED
        is_out_of_time = request_timer.has_expired or child.returncode == -getattr(signal, "SIGXCPU", 0)
        return UnusableAnswerReason.TOOK_TOO_LONG if is_out_of_time else UnusableAnswerReason.PDF_READER_CRASHED


class _RequestTimer:
    """Kills the child process if one request takes longer than `time_limit_seconds`. `has_expired` is True once the
    timer has killed it.
    """

    def __init__(self, child: subprocess.Popen[bytes], time_limit_seconds: float) -> None:
        self.has_expired = False
        self._child = child
        self._timer = DaemonTimer(time_limit_seconds, self._kill_child)
        self._timer.start()

    def stop(self) -> None:
        self._timer.cancel()
        self._timer.join()

    def _kill_child(self) -> None:
        self.has_expired = True
        self._child.kill()


def _check_source(pdf_source: bytes | Path) -> None:
    """Check the length and the first bytes of the document, without parsing it. Raises ConsoleError
    `provider_answer_unusable` with the reason too_large (more than LARGEST_PDF_BYTES), not_pdf (the first bytes
    aren't those of a PDF) or unreadable (the file can't be opened)."""
    with _open_source(pdf_source) as file:
        if file.seek(0, os.SEEK_END) > LARGEST_PDF_BYTES:
            _raise_unusable(UnusableAnswerReason.TOO_LARGE)
        file.seek(0)
        if file.read(5) != b"%PDF-":
            _raise_unusable(UnusableAnswerReason.NOT_PDF)


def _open_source(pdf_source: bytes | Path) -> BinaryIO:
    try:
        return io.BytesIO(pdf_source) if isinstance(pdf_source, bytes) else pdf_source.open("rb")
    except OSError:
        _raise_unusable(UnusableAnswerReason.PDF_UNREADABLE)


def _send_document(child: subprocess.Popen[bytes], pdf_source: bytes | Path) -> None:
    """Send the document to the child process: its length in 8 bytes, then its content."""
    pipe = _require_pipe(child.stdin)
    with _open_source(pdf_source) as file:
        length = file.seek(0, os.SEEK_END)
        file.seek(0)
        pipe.write(length.to_bytes(8, "big"))
        copyfileobj(file, pipe, 1 << 16)
    pipe.flush()


def _exchange_messages(child: subprocess.Popen[bytes], request: dict[str, object]) -> tuple[dict[str, Any], bytes]:
    """Send one request to the child process and return its answer: the JSON line and the payload. Their sizes are
    checked, because the child isn't trusted. Raises ValueError, EOFError or RecursionError for a wrong answer;
    OSError if the child process has ended."""
    request_pipe, answer_pipe = _require_pipe(child.stdin), _require_pipe(child.stdout)
    request_pipe.write(json.dumps(request).encode() + b"\n")
    request_pipe.flush()
    answer_head = json.loads(answer_pipe.readline(_LONGEST_LINE_BYTES))
    length = answer_head.get("bytes") if isinstance(answer_head, dict) else None
    if not isinstance(length, int) or not 0 <= length <= _LARGEST_ANSWER_BYTES:
        raise ValueError("not an answer of ours")
    payload = answer_pipe.read(length)
    if len(payload) != length:
        raise EOFError
    return answer_head, payload


def _make_page_hit(answer: dict[str, Any]) -> PageSearchMatch:
    return PageSearchMatch(int(answer["page"]), _make_boxes(answer["boxes"]))


def _make_boxes(answer: list[list[float]]) -> tuple[PageBox, ...]:
    boxes = []
    for box in answer:
        left, top, right, bottom = map(float, box)
        boxes.append((left, top, right, bottom))
    return tuple(boxes)


def _make_word_change(answer: list[Any], old_count: int, new_count: int) -> WordChange:
    """Return one difference of words from its form in the child's answer. `old_count` and `new_count` are the
    numbers of compared words. Raises ValueError if the answer names words that don't exist."""
    _, *word_indexes = answer
    old_begin, old_end, new_begin, new_end = map(int, word_indexes)
    if not (0 <= old_begin <= old_end <= old_count and 0 <= new_begin <= new_end <= new_count):
        raise ValueError("no such words")
    return WordChange(slice(old_begin, old_end), slice(new_begin, new_end))


def _parse_positive_number(answer_head: dict[str, Any], name: str) -> int:
    """Return the number with the name `name` in the JSON object of the child's answer. Raises ConsoleError
    `provider_answer_unusable` (crashed) if it isn't a positive integer."""
    number = answer_head.get(name)
    if not isinstance(number, int) or number < 1:
        _raise_unusable(UnusableAnswerReason.PDF_READER_CRASHED)
    return number


def _require_pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise EOFError
    return pipe


def _end_process(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with suppress(OSError):  # unsent data for a child process that has ended
                pipe.close()
    child.wait()


def _make_child_command(time_limit_seconds: float) -> list[str]:
    """Return the command that starts the child process, which renders a PDF: Python with the child's file or, in a
    frozen program, the program itself with PDF_CHILD_OPTION. `time_limit_seconds` is the processor time that the
    child may use.
    """
    limits = [str(math.ceil(time_limit_seconds)), str(resources_dir() / "fonts")]
    if getattr(sys, "frozen", False):
        return [sys.executable, PDF_CHILD_OPTION, *limits]
    return [sys.executable, "-I", pdf_child_process.__file__, *limits]


def _make_child_environment() -> dict[str, str]:
    """Return the environment variables of the child process: only SYSTEMROOT, which Windows programs need to
    start, and none of this program's secrets and settings."""
    return {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}


def _raise_unusable(reason: UnusableAnswerReason | ForeignText) -> NoReturn:
    """Raise ConsoleError `provider_answer_unusable` with this reason."""
    raise ConsoleError(ErrorCode.PROVIDER_ANSWER_UNUSABLE, {"reason": reason})
