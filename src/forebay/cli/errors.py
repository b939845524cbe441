"""How an error looks: what failed (code), where, why, and how to mend it; the same parts in JSON.

error NoServer: no forebay is running here
  where  /home/ada/shop/.forebay
  fix    start it: forebay run
"""

from __future__ import annotations

import json
import sys
from typing import Any, TextIO

import click

from forebay.errors import ForebayError

_PARTS = ("where", "why", "fix")


def lines(parts: dict[str, Any]) -> list[str]:
    """The error of `ForebayError.to_dict` as lines; `source` (a line of text) with `column` gets a caret."""
    first = f"{click.style('error', fg='red', bold=True)} {click.style(parts['code'], bold=True)}: {parts['message']}"
    found = [first]
    source, column = parts.get("source"), parts.get("column")
    if isinstance(source, str):
        found.append(f"    {source}")
        if isinstance(column, int) and column > 0:
            found.append("    " + " " * (column - 1) + click.style("^", fg="red", bold=True))
    found += [f"  {name:<6} {parts[name]}" for name in _PARTS if parts.get(name)]
    if parts.get("hint"):
        found.append(f"  {'hint':<6} {parts['hint']}")
    return found


def show(error: ForebayError, *, as_json: bool = False, file: TextIO | None = None) -> None:
    """Print `error`: as one JSON object on stdout where JSON was asked for, else for people on stderr."""
    if as_json:
        print(json.dumps({"error": error.to_dict()}, ensure_ascii=False, default=str))
        return
    stream = file or sys.stderr
    for line in lines(error.to_dict()):
        click.echo(line, file=stream)
