"""The generated files of docs/reference, by name."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from scripts.reference.json_schema import make_json_schema
from scripts.reference.metrics import make_metrics_page
from scripts.reference.settings import make_settings_page

REFERENCE_FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"


@cache
def make_pages() -> Mapping[str, str]:
    """Return the text of each generated file, made from the present code."""
    return {
        "json.schema.json": _format_one_definition_a_line(),
        "settings.md": make_settings_page(),
        "metrics.md": make_metrics_page(),
    }


def _format_one_definition_a_line() -> str:
    """Return the JSON Schema as text with each definition on a line of its own, so that a changed definition is one
    changed line in a diff.
    """
    schema = make_json_schema()
    definitions = schema.pop("$defs")
    lines = [f" {json.dumps(name)}: {json.dumps(part, ensure_ascii=False)}" for name, part in definitions.items()]
    head = ",\n".join(f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in schema.items())
    return f'{{\n{head},\n"$defs": {{\n' + ",\n".join(lines) + "\n}\n}\n"
