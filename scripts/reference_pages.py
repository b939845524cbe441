"""Writes docs/reference/*.md and docs/forebay.schema.json: every key of forebay.yaml, from the specs.

python scripts/reference_pages.py
"""

from __future__ import annotations

import json
from pathlib import Path

from forebay.project.jsonschema import schema_of
from forebay.project.reference import pages
from forebay.sections import SECTIONS

DOCS = Path(__file__).resolve().parents[1] / "docs"


def made() -> dict[Path, str]:
    """File → content."""
    found = {DOCS / "reference" / name: text for name, text in pages(SECTIONS).items()}
    found[DOCS / "forebay.schema.json"] = json.dumps(schema_of(SECTIONS), indent=2, ensure_ascii=False) + "\n"
    return found


if __name__ == "__main__":
    for path, text in made().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
