"""Write the generated files of docs/reference.

python -m scripts.reference           # writes them
python -m scripts.reference --check   # writes nothing; exit status 1 if one of them differs from the code
"""

import sys

from scripts.reference.pages import REFERENCE_FOLDER, make_pages


def main() -> int:
    stale = [name for name, text in make_pages().items() if _read_page(name) != text]
    for name in stale:
        if "--check" in sys.argv:
            print(f"docs/reference/{name} is out of step with the code: run `python -m scripts.reference`.")
        else:
            (REFERENCE_FOLDER / name).write_text(make_pages()[name], "utf-8")
            print(f"Wrote docs/reference/{name}.")
    return 1 if stale and "--check" in sys.argv else 0


def _read_page(name: str) -> str:
    file = REFERENCE_FOLDER / name
    return file.read_text("utf-8") if file.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
