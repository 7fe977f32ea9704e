"""Edits the word catalogues: adds a sentence in both languages, or sorts the sentences. Also finds the sentences that
contain a text, and the keys that the program's source doesn't use.

python -m scripts.words add KEY JAPANESE ENGLISH
python -m scripts.words sort
python -m scripts.words find TEXT
python -m scripts.words unused
"""

import json
import re
import sys
from collections.abc import Mapping, Sequence

from console.resource_paths import resources_dir
from scripts import word_use

LANGUAGES = ("ja", "en")


def read_sentences(language: str) -> dict[str, str]:
    """Return all sentences of one language, by key."""
    words: dict[str, str] = json.loads((resources_dir() / "words" / f"{language}.json").read_text(encoding="utf-8"))
    return words


def format_catalogue(sentences: Mapping[str, str]) -> str:
    """Return the text of a catalogue's file: sorted by key, with one sentence per line."""
    return json.dumps(sentences, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def write_sentences(language: str, sentences: Mapping[str, str]) -> None:
    """Replace the file of the catalogue of this language atomically, so that no reader gets a half-written file."""
    file = resources_dir() / "words" / f"{language}.json"
    draft = file.with_suffix(".draft")
    draft.write_text(format_catalogue(sentences), encoding="utf-8")
    draft.replace(file)


def list_unused_keys(sentences: Mapping[str, str]) -> list[str]:
    """Return the keys, sorted, that the program's source doesn't use and whose family (the first word of the key) no
    sentence uses in a placeholder such as `{roles:@role}`.
    """
    used_keys = word_use.find_keys(
        resources_dir().parent / "console", frozenset(key.split(".")[0] for key in sentences)
    )
    named = re.findall(r"[@|]([a-z_]+)", "".join(sentences.values()))
    return [
        key
        for key in sorted(sentences)
        if key.split(".")[0] not in named and not any(one.covers_key(key.removesuffix(".full")) for one in used_keys)
    ]


def main(arguments: Sequence[str]) -> int:
    match arguments:
        case ["add", key, *sentences] if len(sentences) == len(LANGUAGES):
            for language, sentence in zip(LANGUAGES, sentences, strict=True):
                write_sentences(language, read_sentences(language) | {key: sentence})
        case ["sort"]:
            for language in LANGUAGES:
                write_sentences(language, read_sentences(language))
        case ["find", text]:
            japanese, english = map(read_sentences, LANGUAGES)
            for key in sorted(japanese):
                if any(text in part for part in (key, japanese[key], english.get(key, ""))):
                    print(f"{key}\n  {japanese[key]}\n  {english.get(key, '')}")
        case ["unused"]:
            print("\n".join(list_unused_keys(read_sentences(LANGUAGES[0]))))
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
