"""The reference pages, one a section, from the same specs that parse and check the project file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, get_origin

from forebay.project.fields import SpecField, choices, fields_of, is_spec
from forebay.project.model import Location, Ref, Spec
from forebay.project.section import Section
from forebay.project.settings import Settings
from forebay.project.written import shown

HEAD = "<!-- Made by `scripts/reference_pages.py` from src/forebay/*/section.py; do not edit. -->\n"
_KINDS = {
    "duration": "duration",
    "seconds": "seconds",
    "size": "size",
    "megabytes": "MiB",
    "rate": "rate",
    "path": "file",
    "handler": "handler",
    "callable": "`file.py:attribute`",
    "route": "method and path",
    "type": "Athena type",
    "clock": "HH:MM",
    "span": "HH:MM-HH:MM",
    "timezone": "time zone",
    "sql": "SQL",
    "prefix": "prefix",
    "pattern": "event pattern",
    "condition": "condition",
    "origin": "web origin",
    "host": "host",
}


def pages(sections: Sequence[Section]) -> dict[str, str]:
    """File name → Markdown, for `docs/reference/`."""
    made = {f"{section.noun}.md": page(section) for section in sections}
    made["README.md"] = overview(sections)
    return made


def overview(sections: Sequence[Section]) -> str:
    """The page that lists the sections and has the settings of the project itself."""
    lines = [HEAD, "# forebay.yaml\n"]
    lines.append(
        "The whole project is this file and the files it names. `forebay check` reads all of it and says "
        "everything that is wrong, where, why, and how to mend it.\n"
    )
    lines += _table(Settings)
    lines.append("## Sections\n")
    lines += ["| key | what it is |", "| --- | --- |"]
    for section in sections:
        later = " *Does not run yet.*" if section.later else ""
        lines.append(f"| [`{section.noun}`]({section.noun}.md) | {section.title}.{later} |")
    lines += ["", "## How values are written\n"]
    lines += [
        "- **duration**: a number and `ms`, `s`, `m`, `h`, `d` or `w`: `30s`, `24h`, `1h30m`.",
        "- **size**: a number and `B`, `kB`, `MB`, `GB` (thousands) or `KiB`, `MiB`, `GiB`: `64MiB`.",
        "- **rate**: a number and `/s`, `/m` or `/h`: `2000/s`.",
        "- **handler**: `functions/clean.lambda_handler` is called as on Lambda, with `(event, context)`; "
        "`functions/clean.py:clean` is a plain function of one event.",
        "- **resource**: its section and name: `streams.activity`, `delivery.clicks`.",
        "- **place in the lake**: bucket and prefix: `lake.shop/activity/`.",
        "- **secret**: `${secret:NAME}`, taken from the environment (`FOREBAY_SECRET_NAME`, then `NAME`), or from "
        "`NAME=value` in `.forebay/secrets` or `.env`, which only you may read (mode 600).",
        "",
        "## In an editor\n",
        "`forebay check --schema` prints a JSON Schema (it is also [here](../forebay.schema.json)). Save it beside "
        "the project file and begin that with this line, and an editor with a YAML language server completes and "
        "explains keys:\n",
        "```yaml\n# yaml-language-server: $schema=forebay.schema.json\nname: shop\n```\n",
    ]
    return "\n".join(lines)


def page(section: Section) -> str:
    """A section's page."""
    lines = [HEAD, f"# {section.noun}: {section.title.lower()}\n", section.doc + "\n"]
    if section.later:
        lines.append(f"> Not yet: {section.later}. `forebay check` checks it, `forebay run` refuses it.\n")
    example = "".join(f"  {line}\n" for line in section.example.splitlines())
    lines.append(f"```yaml\n{section.noun}:\n{example}```\n")
    if not section.single:
        lines.append(f"Names: {section.name_doc}.\n")
    for spec in _specs(section):
        lines += _heading(section, spec)
        lines += _table(spec)
    return "\n".join(lines)


def _specs(section: Section) -> list[type[Spec]]:
    """The section's specs, and those inside them, each once, outermost first."""
    found: list[type[Spec]] = [section.spec, *section.variants.values()]
    for spec in found:
        found += [
            inner
            for field in fields_of(spec)
            for inner in [_inner(field)]
            if inner is not None and inner not in found
        ]
    return list(dict.fromkeys(found))


def _inner(field: SpecField) -> type[Spec] | None:
    kind = field.item
    if get_origin(kind) is list:
        (kind,) = kind.__args__
    return kind if is_spec(kind) else None


def _title(spec: type[Spec]) -> str:
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", spec.__name__.removesuffix("Spec")).lower()
    return words.capitalize()


def _heading(section: Section, spec: type[Spec]) -> list[str]:
    lines = [f"## {_title(spec)}\n", (spec.__doc__ or "").partition("\n")[0] + "\n"]
    key = next((key for key, variant in section.variants.items() if variant is spec), None)
    if key is not None:
        lines.append(f"An entry with the key `{key}` is one.\n")
    if spec.scalar_doc is not None:
        lines.append(f"Short: instead of the mapping, {spec.scalar_doc}.\n")
    if spec.keyed is not None:
        lines.append(f"Short: `{{<{spec.keyed}>: {{…}}}}`, with the other keys inside.\n")
    if spec.one_of:
        lines.append(f"Exactly one of {', '.join(f'`{key}`' for key in spec.one_of)} is set.\n")
    return lines


def _table(spec: type[Spec]) -> list[str]:
    lines = ["| key | value | default | what it is |", "| --- | --- | --- | --- |"]
    for field in fields_of(spec):
        doc = field.meta.doc + (f" *Not yet: {field.meta.later}.*" if field.meta.later else "")
        if field.meta.example is not None:
            doc += f" Example: `{field.meta.example}`"
        cells = [f"`{field.key}`", _value(field), _default(field), doc]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return [*lines, ""]


def _value(field: SpecField) -> str:
    origin = get_origin(field.type)
    word = _word(field.item, field)
    if origin is list:
        return f"list of {word}" + (", or one" if field.meta.one else "")
    return f"name → {word}" if origin is dict else word


def _word(kind: Any, field: SpecField) -> str:
    if get_origin(kind) is list:
        return f"list of {_word(kind.__args__[0], field)}"
    if is_spec(kind):
        title = _title(kind).lower()
        return f"[{title}](#{title.replace(' ', '-')})"
    if words := choices(kind):
        return ", ".join(f"`{word}`" for word in words)
    if kind is Ref:
        return " or ".join(f"`{noun}.…`" for noun in field.meta.refs)
    if kind is Location:
        return "place in the lake"
    if field.meta.kind in _KINDS:
        return _KINDS[field.meta.kind]
    if field.meta.refs:
        return f"name in `{field.meta.refs[0]}`"
    return {bool: "`true`, `false`", int: "whole number", float: "number", Any: "anything"}.get(kind, "text")


def _default(field: SpecField) -> str:
    if field.required:
        return "**required**"
    default = field.default
    if default is None or default in ([], {}) or isinstance(default, Spec):
        return "" if not isinstance(default, Spec) else "see there"
    if isinstance(default, list):
        return "`[" + ", ".join(f'"{item}"' for item in default) + "]`"
    return f"`{shown(default, field)}`"
