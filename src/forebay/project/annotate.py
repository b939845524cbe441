"""A project file with what each key means written above it: the starter explains itself from the specs."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from forebay.project.fields import fields_of
from forebay.project.model import Spec
from forebay.project.read import Map, read_text
from forebay.project.section import Section
from forebay.project.settings import Settings

WIDTH = 96


def annotate(text: str, sections: Sequence[Section]) -> str:
    """`text`, a forebay.yaml, with comments above its sections and its entries' keys."""
    node, _ = read_text(text, "forebay.yaml")
    assert isinstance(node, Map), "a project file is a mapping"
    docs: dict[int, str] = {}
    by_noun = {section.noun: section for section in sections}
    _keys(node, Settings, docs)
    for key, (at, value) in node.pairs.items():
        section = by_noun.get(key)
        if section is None:
            continue
        docs[at.line] = section.doc
        entries = [entry for _, entry in value.pairs.values()] if isinstance(value, Map) else []
        for entry in entries:
            if isinstance(entry, Map):
                _keys(entry, section.spec_of(entry.pairs), docs)
    lines: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if number in docs:
            indent = line[: len(line) - len(line.lstrip())]
            lines += textwrap.wrap(
                docs[number], WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# "
            )
        lines.append(line)
    return "\n".join(lines) + "\n"


def _keys(node: Map, spec: type[Spec], docs: dict[int, str]) -> None:
    by_key = {field.key: field for field in fields_of(spec)}
    for key, (at, _) in node.pairs.items():
        if key in by_key:
            docs[at.line] = by_key[key].meta.doc
