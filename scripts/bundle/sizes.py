"""The sizes of the parts of the built application, compared with those of the last build that was looked at.

python -m scripts.bundle.sizes FOLDER      write the sizes of the parts of the application in FOLDER to `sizes.txt`
"""

import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

SIZES_FILE = Path(__file__).with_name("sizes.txt")
MIN_GROWTH_MEGABYTES = 0.1
_LARGE_FILE_MEGABYTES = 1.0


def measure_parts(folder: Path) -> dict[str, float]:
    """Return the megabytes (10^6 bytes) of each part of the application, the largest first. A part is a file of at
    least one megabyte, or the remaining files of a folder of the first two levels. Links aren't counted.
    """
    sizes: Counter[str] = Counter()
    for file in (one for one in folder.rglob("*") if one.is_file() and not one.is_symlink()):
        place, size = file.relative_to(folder), file.stat().st_size
        is_large = size >= _LARGE_FILE_MEGABYTES * 1e6
        sizes[place.as_posix() if is_large else "/".join((*place.parts[:-1][:2], "*"))] += size
    return {part: size / 1e6 for part, size in sizes.most_common()}


def read_sizes(file: Path = SIZES_FILE) -> dict[str, float]:
    """Return the stored megabytes of each part."""
    rows = (line.split(maxsplit=1) for line in file.read_text(encoding="utf-8").splitlines())
    return {part: float(megabytes) for megabytes, part in rows}


def write_sizes(folder: Path, file: Path = SIZES_FILE) -> None:
    """Store the sizes of the parts of the application in `folder`, without those below 0.1 MB."""
    parts = measure_parts(folder).items()
    rows = (f"{size:8.3f} {part}\n" for part, size in parts if size >= MIN_GROWTH_MEGABYTES)
    file.write_text("".join(rows), encoding="utf-8")


def describe_growth(parts: Mapping[str, float], stored_parts: Mapping[str, float]) -> list[str]:
    """Return one line for each part that is new, or at least 0.1 MB larger than in `stored_parts`, the largest growth
    first."""
    growth = {part: size - stored_parts.get(part, 0.0) for part, size in parts.items()}
    grown_parts = sorted(growth, key=lambda part: -growth[part])
    return [
        f"{part}: {stored_parts.get(part, 0.0):.1f} -> {parts[part]:.1f} MB"
        for part in grown_parts
        if growth[part] >= MIN_GROWTH_MEGABYTES
    ]


if __name__ == "__main__":
    write_sizes(Path(sys.argv[1]))
