"""Writes docs/aws.md: every operation of AWS's models, and whether forebay has it, from the services themselves.

python scripts/aws_page.py [-]     (-: to standard output)

An operation is whole (nothing that AWS documents of it is known to differ), partial (what differs is
said), or absent: it answers 501 and its name, never a success that did nothing.
"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import botocore.session

from forebay.wire.dispatch import RENAMED, load
from forebay.wire.service import Service
from forebay.wire.services import MODULES

ROOT = Path(__file__).resolve().parents[1]


def cell(text: str) -> str:
    """Text that is safe in a table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("{", "&#123;")


def sorted_out(service: Service, known: list[str]) -> tuple[dict[str, str], list[str], list[str]]:
    """Its operations: partial ones with what differs, whole and absent ones. What was renamed is as what it is now."""
    now = {name: RENAMED.get(name, name) for name in known}
    offered = [name for name in known if now[name] in service.operations]
    partial = {name: service.partial[now[name]] for name in offered if now[name] in service.partial}
    return partial, [name for name in offered if name not in partial], [n for n in known if n not in offered]


def section(title: str, partial: dict[str, str], whole: list[str], absent: list[str]) -> list[str]:
    """One service: its operations in three groups."""
    lines = [f"## {title}", ""]
    if whole:
        lines += [*listed("Whole", whole), ""]
    if partial:
        lines += ["| partial | what differs |", "| --- | --- |"]
        lines += [f"| `{name}` | {cell(text)} |" for name, text in partial.items()]
        lines.append("")
    if absent:
        lines += [*listed("Absent", absent), ""]
    return lines


def listed(kind: str, names: list[str]) -> list[str]:
    """`Whole (3): ...`, in lines of reading length."""
    text = f"{kind} ({len(names)}): " + ", ".join(f"`{name}`" for name in names) + "."
    return textwrap.wrap(text, 108, break_long_words=False, break_on_hyphens=False)


def page() -> str:
    """The page."""
    session = botocore.session.get_session()
    rows, sections = [], []
    for name in sorted(MODULES):
        service = load(name)
        assert service is not None, name
        model = session.get_service_model(name)
        known = sorted(model.operation_names)
        title = model.metadata["serviceFullName"]
        strange = sorted(set(service.operations) - set(known))
        assert not strange, f"{name}: operations that AWS's model does not have: {strange}"
        partial, whole, absent = sorted_out(service, known)
        rows.append(f"| {title} | {len(whole)} | {len(partial)} | {len(absent)} |")
        sections += section(title, partial, whole, absent)
    lines = [
        "# AWS's operations",
        "",
        "Made by `scripts/aws_page.py` from the services themselves; do not edit.",
        "",
        "Set `AWS_ENDPOINT_URL` to the running system's AWS port, and code written for AWS runs unchanged.",
        "An operation is *whole* (nothing that AWS documents of it is known to differ), *partial* (what differs is",
        "said), or *absent*: it answers 501 `NotImplemented` with its name, and so does every service that is not",
        "here. None answers success without having done its work.",
        "",
        "| service | whole | partial | absent |",
        "| --- | ---: | ---: | ---: |",
        *rows,
        "",
        *sections,
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


if __name__ == "__main__":
    if sys.argv[1:] == ["-"]:
        sys.stdout.write(page())
    else:
        (ROOT / "docs" / "aws.md").write_text(page())
