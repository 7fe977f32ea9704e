"""Opens every PDF of a folder in a background thread, as the window does, and prints the result of each request as
JSON.

Arguments: `FOLDER SECONDS` (time limit of a request). The module runs as a process of its own, so that the measured
memory and the pauses of the main thread are not those of the test run.
"""

import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

from console.domain.documents.pdf_pages import PageImage
from console.domain.errors import ConsoleError
from console.store.documents.pdf_renderer import PdfDocument


def main(folder: Path, seconds: float) -> None:
    before = _read_peak_memory_mb()
    results: list[dict[str, object]] = []
    worker = Thread(target=_open_all_pdfs, args=(folder, seconds, results))
    worker.start()
    gaps = []
    while worker.is_alive():
        began = time.perf_counter()
        worker.join(0.005)
        gaps.append(time.perf_counter() - began)
    gap = sorted(gaps)[int(len(gaps) * 0.99)]
    report = {
        "results": results,
        "grown": _read_peak_memory_mb() - before,
        "gap": gap,
        "parses": "pypdfium2" in sys.modules,
    }
    print(json.dumps(report))


def _open_all_pdfs(folder: Path, seconds: float, results: list[dict[str, object]]) -> None:
    for file in sorted(folder.iterdir()):
        with PdfDocument(file, time_limit_seconds=seconds) as pages:
            for name, act in _make_calls(pages).items():
                began = time.perf_counter()
                said = _call_for_outcome(act)
                took = time.perf_counter() - began
                results.append({"file": file.stem, "act": name, "said": said, "took": took})
                if isinstance(said, str):
                    break  # nobody goes on with a document that was refused


def _make_calls(pages: PdfDocument) -> dict[str, Callable[[], object]]:
    """Return the calls that can be made with the PDF, by name."""
    return {
        "count": pages.count_pages,
        "image": lambda: pages.render_page(0, 1600),
        "search": lambda: pages.search("株式").matches,
    }


def _call_for_outcome(act: Callable[[], object]) -> object:
    try:
        got = act()
    except ConsoleError as refusal:
        return refusal.detail["reason"]
    if isinstance(got, PageImage):
        return [got.width_px, got.height_px, len(got.pixels)]
    return len(got) if isinstance(got, tuple) else got


def _read_peak_memory_mb() -> float:
    """Return the largest resident memory (MB) that this process has ever had. getrusage isn't used, because it also
    counts memory from before exec.
    """
    match = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert match is not None
    return int(match[1]) / 1024


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
