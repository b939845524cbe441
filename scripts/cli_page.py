"""Writes docs/cli.md: every command with its options, read from the commands themselves.

python scripts/cli_page.py [-]     (-: to standard output)
"""

from __future__ import annotations

import inspect
import sys
from importlib import import_module
from pathlib import Path

import click

from forebay.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[1]


def options(command: click.Command) -> list[str]:
    """A table of the command's options."""
    rows = []
    with click.Context(command) as context:
        for each in command.params:
            if not isinstance(each, click.Option):
                continue
            words = ", ".join(each.opts)
            value = "" if each.is_flag else f" {each.make_metavar(context).removesuffix(' RANGE')}"
            default = f" ({each.default})" if each.show_default else ""
            rows.append(f"| `{words}{value}` | {' '.join((each.help or '').split())}{default} |")
    return ["| option | |", "| --- | --- |", *rows, ""] if rows else []


def entry(name: str, command: click.Command) -> list[str]:
    """One command, and those under it."""
    with click.Context(command, info_name=f"forebay {name}") as context:
        usage = " ".join(command.collect_usage_pieces(context))
    text = inspect.cleandoc(command.help or "").replace("\b\n", "")
    lines = [f"## forebay {name}", "", text, "", f"    forebay {name} {usage}", "", *options(command)]
    if isinstance(command, click.Group):
        for under, each in command.commands.items():
            lines += [line.replace("## ", "### ", 1) for line in entry(f"{name} {under}", each)]
    return lines


def page() -> str:
    """The page."""
    lines = [
        "# The command line",
        "",
        "Made by `scripts/cli_page.py` from the commands themselves; do not edit.",
        "",
        "Every command takes `--json`. Exit codes: 0 ok, 1 failed, 2 the words are off, 3 no running system, 4 the",
        "data was refused.",
        "",
    ]
    for name, module in COMMANDS.items():
        lines += entry(name, import_module(module).command)
    return "\n".join(lines).rstrip("\n") + "\n"


if __name__ == "__main__":
    if sys.argv[1:] == ["-"]:
        sys.stdout.write(page())
    else:
        (ROOT / "docs" / "cli.md").write_text(page())
