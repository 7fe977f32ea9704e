"""Child process that opens untrusted PDFs, with limits on memory, time, files, processes and pages.

`pdf_renderer` starts it with two pipes and no other access. It imports nothing of this program, so it starts fast and
has no data that a hostile PDF could steal. Protocol: first the document's length in 8 bytes (big-endian) and the
document. Then each request is one JSON line. Each answer is one JSON line, followed by as many payload bytes as its
member "bytes" says.

The limits of the process depend on the operating system:

- Linux: memory, processor time, no core file, no writes to files and no new process (rlimits). The kernel also
  refuses to open any file outside the folder of the fonts (Landlock), and to open a network connection or to start a
  program (seccomp), where it has these features.
- macOS: processor time, no core file, no writes to files and no new process (rlimits). macOS refuses to limit the
  memory. Files can be read, and connections opened.
- Windows: memory, processor time and no new process (job object). Files and connections aren't limited.

In addition, the parent kills the process if a request takes too long, on each system.
"""

import ctypes
import difflib  # here, because the confined process can't read the files of modules
import errno
import json
import math
import os
import struct
import sys
import time
import unicodedata
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import islice, pairwise
from typing import IO, Any

LARGEST_MEMORY_BYTES = 512 * 1024 * 1024
"""Limit of the child process's memory (bytes)."""
MAX_PAGES = 500
"""Largest number of pages of an accepted PDF."""
MAX_PIXELS = 6_000_000  # about A4 at 2,000 pixels across; 18 MB for the window
WIDEST_IMAGE_PIXELS = 4096
"""Largest width (pixels) of an image."""
TALLEST_IMAGE_PIXELS = 16_384
"""Largest height (pixels) of an image."""
MAX_MATCHES_OR_DIFFERENCES = 1000
"""Largest number of matches of one search that are returned, and of differences of one comparison that are shown. A
comparison with more differences returns one more than this, by which the caller sees that there are more.
"""
MAX_CHARACTERS_PER_PAGE = 100_000  # per page
MAX_WORDS = 4_000  # per page
LONGEST_WORD_CHARACTERS = 64  # characters; a longer one counts as several
_FIRST_CJK_CHARACTER_CODE = 0x2E80  # from here on: Chinese and Japanese characters
_NO_CHARACTER = 0
"""Code in place of the second half of a character that needs two UTF-16 codes."""
_UNKNOWN_CHARACTER = 0xFFFD
"""Code of a character without a meaning (U+FFFD)."""

_WIDE_LATIN_CODES = range(0xFF01, 0xFF5F)
_GRID_UNITS_PER_PAGE_SIDE = 1_000_000
"""Number of units into which the width and the height of a page are divided; PDFium returns a position in these
units."""

_LANDLOCK_CREATE_RULESET = 444
"""Number of the Linux system call landlock_create_ruleset, the same for x86-64 and ARM64."""
_LANDLOCK_ADD_RULE = 445
"""Number of the Linux system call landlock_add_rule, the same for x86-64 and ARM64."""
_LANDLOCK_RESTRICT_SELF = 446
"""Number of the Linux system call landlock_restrict_self, the same for x86-64 and ARM64."""
_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_LANDLOCK_READ_RIGHTS = 0b1100
"""Access rights of Landlock: to read files and to list folders."""
_REFUSED_SYSTEM_CALLS = {
    "x86_64": (0xC000003E, (30, 41, 56, 57, 58, 59, 250, 322, 425, 435)),
    "aarch64": (0xC00000B7, (196, 198, 219, 220, 221, 281, 425, 435)),
}
"""For each processor, its number in seccomp filters and the numbers of the refused system calls: shmat, socket,
clone, fork, vfork, execve, keyctl, execveat, io_uring_setup and clone3, in the order of x86-64. ARM64 has no fork and
no vfork. io_uring could open connections without `socket`; shmat and keyctl could read memory and keys of other
processes."""
_FIRST_X32_CALL = 0x40000000
"""Smallest number of the system calls of the x32 interface: x86-64 has the same system calls once more from this
number on.
"""

_JOB_EXTENDED_LIMITS = 9
"""Number of the information class JobObjectExtendedLimitInformation of Windows: the extended limits of a job object.
"""
_JOB_LIMIT_FLAGS = 0x2 | 0x8 | 0x100 | 0x400
"""Flags of a job object of Windows: JOB_OBJECT_LIMIT_PROCESS_TIME, _ACTIVE_PROCESS, _PROCESS_MEMORY and
_DIE_ON_UNHANDLED_EXCEPTION. The last flag prevents the dialog about a crashed program."""

_pdfium_objects_in_use: list[object] = []


class PageRefused(Exception):
    """The child process refuses the document or one of its pages. The argument is the code of the reason, such as
    too_many_pages."""


def main(arguments: list[str]) -> int:
    """Run the child process until the parent closes the pipe; return 0. `arguments`: the seconds of processor time
    for each request, and the path of the folder with the fonts."""
    seconds, fonts = int(arguments[0]), arguments[1]
    source, target = _open_pipes()
    windows_job = _join_windows_job() if sys.platform == "win32" else None
    _limit_memory()
    _limit_processor_time(seconds, windows_job)
    pdfium = _load_pdfium(fonts)
    content = source.read(int.from_bytes(source.read(8), "big"))
    _forbid_file_writes_and_processes()
    _confine_on_linux(fonts)
    document = _OpenPdfDocument(pdfium, content)
    for line in source:
        _limit_processor_time(seconds, windows_job)
        answer_head, payload = _answer_request(document, json.loads(line))
        target.write(json.dumps({**answer_head, "bytes": len(payload)}).encode() + b"\n")
        target.write(payload)
        target.flush()
    return 0


def _open_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Return the pipes of standard input and standard output under new file descriptors, and connect the standard
    descriptors with the null device. So texts that a library prints can't get into the answers.
    """
    source, target = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null_device = os.open(os.devnull, os.O_RDWR)
    os.dup2(null_device, 0)
    os.dup2(null_device, 1)
    return source, target


def _limit_memory() -> None:
    """Limit the memory of this process to LARGEST_MEMORY_BYTES, where the system supports this limit. A crash writes
    no copy of the memory to the disk."""
    with suppress(ImportError):  # Windows has a job object instead
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with suppress(ValueError, OSError):  # macOS has this limit but refuses to set it
            resource.setrlimit(resource.RLIMIT_AS, (LARGEST_MEMORY_BYTES, LARGEST_MEMORY_BYTES))


def _forbid_file_writes_and_processes() -> None:
    """Prevent this process from writing to files and from starting another process, where the system supports this
    limit. Linux lets root start processes in spite of this limit."""
    with suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def _limit_processor_time(limit_seconds: int, windows_job: int | None) -> None:
    """Limit the processor time of this process: from now on it may use `limit_seconds` more. The parent process
    limits the real time. `windows_job` is the job object of this process on Windows."""
    allowed_seconds = math.ceil(time.process_time()) + limit_seconds
    if windows_job is not None:
        _limit_windows_job(windows_job, allowed_seconds)
    with suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (allowed_seconds, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _join_windows_job() -> int | None:
    """Put this process into a new job object of Windows, which has no limits yet, and return the handle of the job.
    Return None if Windows refuses."""
    from ctypes import wintypes

    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined]  # on Windows it exists
    kernel.CreateJobObjectW.argtypes = (wintypes.LPVOID, wintypes.LPCWSTR)
    kernel.CreateJobObjectW.restype = kernel.GetCurrentProcess.restype = wintypes.HANDLE
    kernel.AssignProcessToJobObject.argtypes = (wintypes.HANDLE, wintypes.HANDLE)
    job: int | None = kernel.CreateJobObjectW(None, None)
    return job if job and kernel.AssignProcessToJobObject(job, kernel.GetCurrentProcess()) else None


def _limit_windows_job(job: int, allowed_seconds: int) -> None:
    """Limit the only process of this job object: `allowed_seconds` of processor time since its start, and
    LARGEST_MEMORY_BYTES. No second process can be started in the job. If Windows refuses, the process continues
    without these limits."""
    from ctypes import wintypes

    class BasicLimits(ctypes.Structure):  # JOBOBJECT_BASIC_LIMIT_INFORMATION
        _fields_ = (
            ("PerProcessUserTimeLimit", ctypes.c_int64),
            ("PerJobUserTimeLimit", ctypes.c_int64),
            ("LimitFlags", ctypes.c_uint32),
            ("MinimumWorkingSetSize", ctypes.c_size_t),
            ("MaximumWorkingSetSize", ctypes.c_size_t),
            ("ActiveProcessLimit", ctypes.c_uint32),
            ("Affinity", ctypes.c_size_t),
            ("PriorityClass", ctypes.c_uint32),
            ("SchedulingClass", ctypes.c_uint32),
        )

    class ExtendedLimits(ctypes.Structure):  # JOBOBJECT_EXTENDED_LIMIT_INFORMATION
        _fields_ = (
            ("BasicLimitInformation", BasicLimits),
            ("IoInfo", ctypes.c_uint64 * 6),
            ("ProcessMemoryLimit", ctypes.c_size_t),
            ("JobMemoryLimit", ctypes.c_size_t),
            ("PeakProcessMemoryUsed", ctypes.c_size_t),
            ("PeakJobMemoryUsed", ctypes.c_size_t),
        )

    limits = ExtendedLimits(ProcessMemoryLimit=LARGEST_MEMORY_BYTES)
    limits.BasicLimitInformation.LimitFlags = _JOB_LIMIT_FLAGS
    limits.BasicLimitInformation.ActiveProcessLimit = 1
    limits.BasicLimitInformation.PerProcessUserTimeLimit = allowed_seconds * 10_000_000  # units of 100 ns
    set_limits = ctypes.windll.kernel32.SetInformationJobObject  # type: ignore[attr-defined]  # on Windows it exists
    set_limits.argtypes = (wintypes.HANDLE, ctypes.c_int, wintypes.LPVOID, wintypes.DWORD)
    set_limits(job, _JOB_EXTENDED_LIMITS, ctypes.addressof(limits), ctypes.sizeof(limits))


def _confine_on_linux(fonts: str) -> None:
    """Let the Linux kernel refuse from now on everything that this process doesn't need: all files except those in
    the folder `fonts`, network connections, and new programs. Each part is left out where the kernel doesn't support
    it. All modules must have been imported before.
    """
    processor = os.uname().machine if sys.platform == "linux" else ""
    if processor not in _REFUSED_SYSTEM_CALLS or sys.maxsize < 1 << 32:  # a 32-bit program has other system calls
        return
    libc = ctypes.CDLL(None)
    if _call_libc(libc.prctl, _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
        _refuse_files(libc.syscall, fonts)
        _refuse_system_calls(libc.prctl, *_REFUSED_SYSTEM_CALLS[processor])


def _refuse_files(syscall: Any, fonts: str) -> None:
    """Refuse by Landlock all files and folders except those in the folder `fonts`, which can be read. Newer kernels
    also refuse TCP connections, and signals to other processes."""
    abi = _call_libc(syscall, _LANDLOCK_CREATE_RULESET, 0, 0, 1)  # 1: return the version of Landlock
    if abi < 1:
        return
    file_right_count = 13 + (abi >= 2) + (abi >= 3) + (abi >= 5)
    refused = (ctypes.c_uint64 * 3)((1 << file_right_count) - 1, 0b11 * (abi >= 4), 0b11 * (abi >= 6))
    rules = _call_libc(syscall, _LANDLOCK_CREATE_RULESET, ctypes.addressof(refused), ctypes.sizeof(refused), 0)
    with suppress(OSError):  # without a folder of fonts
        folder = os.open(fonts, os.O_PATH | os.O_DIRECTORY)
        rule = ctypes.create_string_buffer(struct.pack("=Qi", _LANDLOCK_READ_RIGHTS, folder))
        _call_libc(syscall, _LANDLOCK_ADD_RULE, rules, 1, ctypes.addressof(rule), 0)
        os.close(folder)
    _call_libc(syscall, _LANDLOCK_RESTRICT_SELF, rules, 0)


def _refuse_system_calls(prctl: Any, processor: int, refused_calls: tuple[int, ...]) -> None:
    """Refuse the system calls with the numbers `refused_calls` with EPERM, by a seccomp filter. `processor` is the
    number by which filters know the processor of this machine (AUDIT_ARCH_…). A program can also make a call as for
    another processor, whose system calls have other numbers; all such calls are refused."""
    load, jump_if_equal, jump_if_at_least, give = 0x20, 0x15, 0x35, 0x06  # the operations of a filter
    refuse_at = 5 + len(refused_calls)
    steps = [
        (load, 0, 0, 4),  # the kind of processor
        (jump_if_equal, 0, refuse_at - 2, processor),
        (load, 0, 0, 0),  # the number of the system call
        (jump_if_at_least, refuse_at - 4, 0, _FIRST_X32_CALL),
        *((jump_if_equal, refuse_at - at - 1, 0, number) for at, number in enumerate(refused_calls, 4)),
        (give, 0, 0, 0x7FFF0000),  # SECCOMP_RET_ALLOW
        (give, 0, 0, 0x00050000 | errno.EPERM),  # SECCOMP_RET_ERRNO
    ]
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    pointer = ctypes.create_string_buffer(struct.pack("HP", len(steps), ctypes.addressof(program)))
    _call_libc(prctl, _PR_SET_SECCOMP, 2, ctypes.addressof(pointer), 0, 0)  # 2: by a filter


def _call_libc(function: Any, *arguments: int) -> int:
    """Call a function of the C library whose arguments are numbers and addresses of the full width. Return its
    result, -1 if the system refuses."""
    return int(function(*map(ctypes.c_long, arguments)))


def _load_pdfium(fonts: str) -> Any:
    """Return the module pypdfium2, set up with the fonts in the folder `fonts` instead of the system's fonts. So
    every desk renders the same image, also of Japanese text."""
    import pypdfium2

    raw_module = pypdfium2.raw
    raw_module.FPDF_DestroyLibrary()
    folders = (ctypes.POINTER(ctypes.c_char) * 2)()
    folders[0] = ctypes.cast(ctypes.c_char_p(os.fsencode(fonts)), ctypes.POINTER(ctypes.c_char))
    raw_module.FPDF_InitLibraryWithConfig(raw_module.FPDF_LIBRARY_CONFIG(version=2, m_pUserFontPaths=folders))
    _pdfium_objects_in_use.append(folders)  # the library may read them later
    return pypdfium2


def _answer_request(document: "_OpenPdfDocument", request: dict[str, Any]) -> tuple[dict[str, object], bytes]:
    """Execute one request and return the answer: the JSON object and the payload bytes. The member `do` of `request`
    is its name, such as `count`; the other members are its arguments. If the document can't be used, the object has
    the code of the reason under `refused`."""
    try:
        match request["do"]:
            case "count":
                return {"count": document.count_pages()}, b""
            case "image":
                return document.render_page(request["index"], request["width"])
            case "words":
                return {}, json.dumps(document.read_page_words(request["index"])).encode()
            case "compare":
                return {}, json.dumps(compare_words(request["old"], request["new"])).encode()
            case "text":
                return {}, document.read_page_text(request["index"]).encode("utf-8", "replace")
            case _:
                return {}, json.dumps(document.search(request["words"])).encode()
    except PageRefused as refusal:
        return {"refused": str(refusal)}, b""
    except MemoryError:
        return {"refused": "too_much_memory"}, b""
    except (document.pdfium.PdfiumError, ValueError, OverflowError):
        return {"refused": "unreadable"}, b""


class _OpenPdfDocument:
    """One PDF document, which is opened at the first request that needs it. Nothing in it is executed: its forms are
    never initialised, and its links aren't followed."""

    def __init__(self, pdfium: Any, content: bytes) -> None:
        self.pdfium = pdfium
        self._raw = pdfium.raw
        self._content = content
        self._document: Any = None

    def count_pages(self) -> int:
        """Return the number of pages. Raises PageRefused if the document can't be used."""
        return len(self._open_document())

    def render_page(self, page_index: int, width_px: int) -> tuple[dict[str, object], bytes]:
        """Return the image of the page with this index (from 0), `width_px` pixels wide, or smaller if it would be
        too large: {"width", "height"} in pixels, and its bytes, three (red, green, blue) for each pixel, row by row
        from the top.
        """
        with closing(self._load_page(page_index)) as page:
            bitmap = page.render(scale=_compute_image_scale(page, width_px), may_draw_forms=False, rev_byteorder=True)
            with closing(bitmap):
                row_bytes, stride = bitmap.width * 3, bitmap.stride
                view = memoryview(bitmap.buffer)
                rows = (view[start : start + row_bytes] for start in range(0, stride * bitmap.height, stride))
                return {"width": bitmap.width, "height": bitmap.height}, b"".join(rows)

    def read_page_text(self, page_index: int) -> str:
        """Return the text of the page with this index (from 0), at most MAX_CHARACTERS_PER_PAGE characters of it."""
        with closing(self._load_page(page_index)) as page, closing(page.get_textpage()) as text:
            return "".join(chr(code) for code in self._read_character_codes(text) if code != _NO_CHARACTER)

    def read_page_words(self, page_index: int) -> dict[str, object]:
        """Return {"words", "cut"}. "words" are the words of the page with the boxes around them, at most MAX_WORDS
        from the first MAX_CHARACTERS_PER_PAGE characters. "cut" is true if the page has more words or characters. A
        Chinese or Japanese character is a word of its own, because no spaces separate words in these languages.
        """
        with closing(self._load_page(page_index)) as page, closing(page.get_textpage()) as text:
            character_codes = self._read_character_codes(text)
            ranges = list(islice(_find_word_ranges(character_codes), MAX_WORDS + 1))
            words = [
                {
                    "text": "".join(map(chr, character_codes[first : last + 1]))[:LONGEST_WORD_CHARACTERS],
                    "boxes": self._list_boxes(page, text, first, last),
                }
                for first, last in ranges[:MAX_WORDS]
            ]
            return {"words": words, "cut": len(ranges) > MAX_WORDS or text.count_chars() > MAX_CHARACTERS_PER_PAGE}

    def search(self, typed_text: str) -> dict[str, object]:
        """Return {"hits", "unreadable"}. "hits" are the matches of the text `typed_text` with the index of their page
        and the boxes around them, at most MAX_MATCHES_OR_DIFFERENCES. Character width, case and line breaks are
        ignored. "unreadable" is the number of pages that can't be read."""
        searched_text = "".join(part for letter in typed_text for part in _make_comparable_form(letter))
        hits: list[dict[str, object]] = []
        unreadable_count = 0
        for index in range(self.count_pages() if searched_text else 0):
            try:
                hits += islice(self._search_page(index, searched_text), MAX_MATCHES_OR_DIFFERENCES - len(hits))
            except self.pdfium.PdfiumError:
                unreadable_count += 1
            if len(hits) == MAX_MATCHES_OR_DIFFERENCES:
                break
        return {"hits": hits, "unreadable": unreadable_count}

    def _search_page(self, page_index: int, searched_text: str) -> Iterator[dict[str, object]]:
        """Yield the index of the page and the boxes of each match in the page."""
        with closing(self._load_page(page_index)) as page, closing(page.get_textpage()) as text:
            for first, last in _find_match_ranges(searched_text, self._read_character_codes(text)):
                yield {"page": page_index, "boxes": self._list_boxes(page, text, first, last)}

    def _open_document(self) -> Any:
        """Return the document of pypdfium2, which the first call opens. Raises PageRefused if the document is
        encrypted, unreadable or has more than MAX_PAGES pages.
        """
        if self._document is None:
            try:
                document = self.pdfium.PdfDocument(self._content)
            except self.pdfium.PdfiumError as error:
                is_locked = error.err_code in (self._raw.FPDF_ERR_PASSWORD, self._raw.FPDF_ERR_SECURITY)
                raise PageRefused("encrypted" if is_locked else "unreadable") from None
            if len(document) > MAX_PAGES:
                raise PageRefused("too_many_pages")
            self._document = document
        return self._document

    def _load_page(self, page_index: int) -> Any:
        """Return the page of pypdfium2 with this index (from 0). Raises PageRefused (no_such_page) if the document
        has no such page.
        """
        if not 0 <= page_index < self.count_pages():
            raise PageRefused("no_such_page")
        return self._open_document()[page_index]

    def _read_character_codes(self, text: Any) -> list[int]:
        """Return the character codes of a page's text, at most MAX_CHARACTERS_PER_PAGE, as `_join_surrogate_pairs`
        returns them.
        """
        count = min(text.count_chars(), MAX_CHARACTERS_PER_PAGE)
        return _join_surrogate_pairs([self._raw.FPDFText_GetUnicode(text, index) for index in range(count)])

    def _list_boxes(self, page: Any, text: Any, first_character: int, last_character: int) -> list[list[float]]:
        """Return the boxes around the characters with these indexes, one for each line, as
        `_convert_to_fractional_box` returns them. `text` is the page's text of pypdfium2.
        """
        box_count = text.count_rects(first_character, last_character - first_character + 1)
        return [self._convert_to_fractional_box(page, text.get_rect(index)) for index in range(box_count)]

    def _convert_to_fractional_box(self, page: Any, corners: tuple[float, float, float, float]) -> list[float]:
        """Return a box of the page's coordinates (left, bottom, right, top) as [left, top, right, bottom] in
        fractions (0 to 1) of the visible page's width and height, counted from its upper left corner.
        """
        left, bottom, right, top = corners
        points = [
            self._convert_to_fractional_point(page, left, bottom),
            self._convert_to_fractional_point(page, right, top),
        ]
        x_values, y_values = zip(*points, strict=True)
        return [min(x_values), min(y_values), max(x_values), max(y_values)]

    def _convert_to_fractional_point(self, page: Any, x: float, y: float) -> tuple[float, float]:
        """Return a point of the page's coordinates as fractions (0 to 1) of the visible page's width and height. The
        page may be rotated and cropped.
        """
        device_x, device_y = ctypes.c_int(), ctypes.c_int()
        self._raw.FPDF_PageToDevice(
            page, 0, 0, _GRID_UNITS_PER_PAGE_SIDE, _GRID_UNITS_PER_PAGE_SIDE, 0, x, y, device_x, device_y
        )
        return _convert_to_page_fraction(device_x.value), _convert_to_page_fraction(device_y.value)


def _join_surrogate_pairs(codes: list[int]) -> list[int]:
    """Return the character codes of a text that PDFium gives as UTF-16. A character that UTF-16 stores as two codes
    (𠮷 in a name) has the index of its first code. At the index of the second code is _NO_CHARACTER, so that the
    indexes of all characters are the same as in PDFium. An invalid code becomes U+FFFD.
    """
    joined_codes = [code if code < 0x110000 and not 0xD800 <= code < 0xE000 else _UNKNOWN_CHARACTER for code in codes]
    for index, (code, next_code) in enumerate(pairwise(codes)):
        if 0xD800 <= code < 0xDC00 <= next_code < 0xE000:
            joined_codes[index] = 0x10000 + ((code - 0xD800) << 10) + (next_code - 0xDC00)
            joined_codes[index + 1] = _NO_CHARACTER
    return joined_codes


def _find_word_ranges(character_codes: list[int]) -> Iterator[tuple[int, int]]:
    """Yield, for each word in the text of a page, the indexes of its first and its last character. `character_codes`
    are the character codes of the text.
    """
    first = -1
    for index, code in enumerate(character_codes):
        character = chr(code)
        is_alone = code >= _FIRST_CJK_CHARACTER_CODE and code not in _WIDE_LATIN_CODES
        is_part = not character.isspace() and character.isprintable()
        if first >= 0 and (is_alone or not is_part or index - first >= LONGEST_WORD_CHARACTERS):
            yield first, index - 1
            first = -1
        if is_part and is_alone:
            yield index, index
        elif is_part and first < 0:
            first = index
    if first >= 0:
        yield first, len(character_codes) - 1


def compare_words(old_words: list[str], new_words: list[str]) -> list[list[int | str]]:
    """Return the differences of the first MAX_WORDS words of two lists, each as [kind, begin and end in `old_words`,
    begin and end in `new_words`], by indexes from 0, the end excluded. The kind is replace, delete or insert, as in
    difflib. The width of characters is ignored. At most MAX_MATCHES_OR_DIFFERENCES differences are returned, and one
    further difference if there are more, so that the caller sees that the list is cut.

    The common words at the beginning and at the end of both lists are removed first, so that equal pages cost
    nothing. The comparison of the other words may reach the limit of processor time of the child process. Then the
    operating system ends the process, and the caller gets no answer.
    """
    old_words, new_words = (
        [unicodedata.normalize("NFKC", word) for word in words[:MAX_WORDS]] for words in (old_words, new_words)
    )
    shorter_length = min(len(old_words), len(new_words))
    equal_at_start = next(
        (place for place in range(shorter_length) if old_words[place] != new_words[place]), shorter_length
    )
    equal_at_end = next(
        (place for place in range(shorter_length - equal_at_start) if old_words[-1 - place] != new_words[-1 - place]),
        shorter_length - equal_at_start,
    )
    matcher = difflib.SequenceMatcher(
        None,
        old_words[equal_at_start : len(old_words) - equal_at_end],
        new_words[equal_at_start : len(new_words) - equal_at_end],
    )
    changes = (change for change in matcher.get_opcodes() if change[0] != "equal")
    return [
        [kind, *(equal_at_start + place for place in places)]
        for kind, *places in islice(changes, MAX_MATCHES_OR_DIFFERENCES + 1)
    ]


def _compute_image_scale(page: Any, width_px: int) -> float:
    """Return the scale (pixels per PDF unit) at which the page's image is `width_px` pixels wide, or a smaller scale
    if that image would be too large.

    Raises PageRefused for a page of impossible size.
    """
    page_width, page_height = page.get_size()
    if not (0 < page_width < 1e6 and 0 < page_height < 1e6):
        raise PageRefused("page_size")
    scale: float = min(
        (min(max(width_px, 1), WIDEST_IMAGE_PIXELS) - 0.01) / page_width, TALLEST_IMAGE_PIXELS / page_height
    )
    pixel_count = math.ceil(page_width * scale) * math.ceil(page_height * scale)
    if pixel_count > MAX_PIXELS:
        scale *= math.sqrt(MAX_PIXELS / pixel_count)
    if math.ceil(page_width * scale) * math.ceil(page_height * scale) > MAX_PIXELS * 1.1:
        raise PageRefused("page_size")
    return scale


def _make_comparable_form(letter: str) -> str:
    """Return a letter in the form in which texts are compared: NFKD, case-folded, without blanks."""
    folded_letter = unicodedata.normalize("NFKD", letter).casefold()
    return "".join(part for part in folded_letter if not part.isspace() and part.isprintable())


def _find_match_ranges(searched_text: str, character_codes: list[int]) -> Iterator[tuple[int, int]]:
    """Yield, for each match of `searched_text` in the text of a page, the indexes of its first and its last
    character. `searched_text` is in comparable form (`_make_comparable_form`), `character_codes` are the character
    codes of the text. Matches don't overlap.
    """
    letters_with_index = [
        (part, index) for index, code in enumerate(character_codes) for part in _make_comparable_form(chr(code))
    ]
    comparable_text = "".join(part for part, _ in letters_with_index)
    at = comparable_text.find(searched_text)
    while at >= 0:
        end = at + len(searched_text)
        yield letters_with_index[at][1], letters_with_index[end - 1][1]
        at = comparable_text.find(searched_text, end)


def _convert_to_page_fraction(grid_units: int) -> float:
    """Return a position in grid units (millionths of the page's width or height) as a fraction (0 to 1) of that side.
    A position outside the page becomes 0 or 1."""
    return min(max(grid_units / _GRID_UNITS_PER_PAGE_SIDE, 0.0), 1.0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
