"""Pages of an untrusted PDF, rendered and searched in a child process that is killed when it takes too long.

ConsoleError `provider_answer_unusable`, detail.reason:
not_pdf · too_large · encrypted · unreadable · too_many_pages · page_size · no_such_page ·
too_much_memory · took_too_long · crashed · closed
"""

import io
import json
import math
import os
import signal
import subprocess
import sys
import weakref
from contextlib import suppress
from pathlib import Path
from shutil import copyfileobj
from threading import Lock, Timer
from typing import IO, Any, BinaryIO, NoReturn

from console.domain.errors import ConsoleError
from console.domain.pages import PageHit, PageImage
from console.paths import resources_dir
from console.store import pdf_child

LARGEST_BYTES = 32 * 1024 * 1024
SECONDS = 10
CHILD_ARGUMENT = "--pdf-child"
"""What a frozen program is called with to become the child: `pdf_child.main(sys.argv[2:])`."""

_LARGEST_ANSWER = 3 * 7_000_000
_LONGEST_LINE = 4096


class PdfPages:
    """One document, open in a child of its own until `close`. Safe from any thread, one request at a time.

    Each request has `seconds` of real time. A child that was killed or crashed is replaced at the next
    request, so one bad page doesn't hide the others.
    """

    def __init__(self, source: bytes | Path, *, seconds: float = SECONDS) -> None:
        """`source`: the document or its file, at most 32 MiB. Nothing is opened yet."""
        self._source = source
        self._seconds = seconds
        self._lock = Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._closed = False

    def page_count(self) -> int:
        head, _ = self._ask(do="count")
        return _number(head, "count")

    def page_image(self, index: int, width: int) -> PageImage:
        """The page, `width` dots across, or fewer where the picture would have more than 6 million dots."""
        head, pixels = self._ask(do="image", index=index, width=width)
        image = PageImage(_number(head, "width"), _number(head, "height"), pixels)
        if len(pixels) != image.width * image.height * 3:
            _refuse("crashed")
        return image

    def text(self, index: int) -> str:
        _, payload = self._ask(do="text", index=index)
        return payload.decode("utf-8", "replace")

    def search(self, words: str) -> tuple[PageHit, ...]:
        """Where the words stand, whatever their width, case and line breaks; at most 1,000 places."""
        _, payload = self._ask(do="search", words=words)
        try:
            return tuple(_hit(hit) for hit in json.loads(payload))
        except (ValueError, TypeError, LookupError, RecursionError):
            _refuse("crashed")

    def close(self) -> None:
        """End the child at once, also while another thread waits for it."""
        self._closed = True
        if self._child is not None:
            self._child.kill()
        with self._lock:
            self._end()

    def __enter__(self) -> "PdfPages":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, **request: object) -> tuple[dict[str, Any], bytes]:
        with self._lock:
            if self._closed:
                _refuse("closed")
            fresh = self._child is None
            child = self._child = self._child or self._start()
            watch = _Watch(child, self._seconds)
            try:
                if fresh:
                    _send(child, self._source)
                head, payload = _exchange(child, request)
            except (OSError, ValueError, EOFError, RecursionError):
                self._end()
                _refuse(self._cause(child, watch))
            finally:
                watch.stop()
        if "refused" in head:
            _refuse(str(head["refused"]))
        return head, payload

    def _start(self) -> subprocess.Popen[bytes]:
        _check(self._source)
        child = subprocess.Popen(
            _command(self._seconds),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        weakref.finalize(self, _finish, child)
        return child

    def _end(self) -> None:
        if self._child is not None:
            _finish(self._child)
            self._child = None

    def _cause(self, child: subprocess.Popen[bytes], watch: "_Watch") -> str:
        if self._closed:
            return "closed"
        out_of_time = watch.rang or child.returncode == -getattr(signal, "SIGXCPU", 0)
        return "took_too_long" if out_of_time else "crashed"


class _Watch:
    """Kills the child when its time is over, whatever it, or a pipe to it, is doing."""

    def __init__(self, child: subprocess.Popen[bytes], seconds: float) -> None:
        self.rang = False
        self._child = child
        self._timer = Timer(seconds, self._ring)
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> None:
        self._timer.cancel()
        self._timer.join()

    def _ring(self) -> None:
        self.rang = True
        self._child.kill()


def _check(source: bytes | Path) -> None:
    """What needs no parser: length and first bytes."""
    with _opened(source) as file:
        if file.seek(0, os.SEEK_END) > LARGEST_BYTES:
            _refuse("too_large")
        file.seek(0)
        if file.read(5) != b"%PDF-":
            _refuse("not_pdf")


def _opened(source: bytes | Path) -> BinaryIO:
    try:
        return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
    except OSError:
        _refuse("unreadable")


def _send(child: subprocess.Popen[bytes], source: bytes | Path) -> None:
    pipe = _pipe(child.stdin)
    with _opened(source) as file:
        length = file.seek(0, os.SEEK_END)
        file.seek(0)
        pipe.write(length.to_bytes(8, "big"))
        copyfileobj(file, pipe, 1 << 16)
    pipe.flush()


def _exchange(child: subprocess.Popen[bytes], request: dict[str, object]) -> tuple[dict[str, Any], bytes]:
    """One request and its answer. Whatever the child says is bounded, and checked before it is believed."""
    question, answer = _pipe(child.stdin), _pipe(child.stdout)
    question.write(json.dumps(request).encode() + b"\n")
    question.flush()
    head = json.loads(answer.readline(_LONGEST_LINE))
    length = head.get("bytes") if isinstance(head, dict) else None
    if not isinstance(length, int) or not 0 <= length <= _LARGEST_ANSWER:
        raise ValueError("not an answer of ours")
    payload = answer.read(length)
    if len(payload) != length:
        raise EOFError
    return head, payload


def _hit(said: dict[str, Any]) -> PageHit:
    boxes = []
    for box in said["boxes"]:
        left, top, right, bottom = map(float, box)
        boxes.append((left, top, right, bottom))
    return PageHit(int(said["page"]), tuple(boxes))


def _number(head: dict[str, Any], name: str) -> int:
    number = head.get(name)
    if not isinstance(number, int) or number < 1:
        _refuse("crashed")
    return number


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise EOFError
    return pipe


def _finish(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with suppress(OSError):  # what could not be sent to a dead child
                pipe.close()
    child.wait()


def _command(seconds: float) -> list[str]:
    """The child: by its file, which imports nothing of ours; a frozen program becomes it by an argument."""
    limits = [str(math.ceil(seconds)), str(resources_dir() / "fonts")]
    if getattr(sys, "frozen", False):
        return [sys.executable, CHILD_ARGUMENT, *limits]
    return [sys.executable, "-I", pdf_child.__file__, *limits]


def _environment() -> dict[str, str]:
    """Nothing of ours: no secret, no profile. Windows programs don't start without its system folder."""
    return {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}


def _refuse(reason: str) -> NoReturn:
    raise ConsoleError("provider_answer_unusable", {"reason": reason})
