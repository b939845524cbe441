"""A measure as a row of the README's table: the figure, what it is compared with, the ratio, the bar."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"
BEGIN, END = "<!-- bench -->", "<!-- /bench -->"


@dataclass(frozen=True)
class Row:
    """`compared` says what stands beside the figure in the same run; `reached` is None where there is no bar."""

    measure: str
    figure: str
    compared: str = ""
    bar: str = ""
    reached: bool | None = None


def number(value: float) -> str:
    """`1234567` → `1.23 M`, `45678` → `45.7 k`, `3.14159` → `3.14`."""
    for size, unit in ((1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def markdown(rows: Iterable[Row], machine: str) -> str:
    """The table, and below it what it was measured on."""
    lines = ["| measure | figure | beside it | bar | |", "| --- | --- | --- | --- | --- |"]
    mark = {True: "✓", False: "✗", None: ""}
    lines += [f"| {r.measure} | {r.figure} | {r.compared} | {r.bar} | {mark[r.reached]} |" for r in rows]
    return "\n".join([*lines, "", machine])


def into_readme(table: str) -> None:
    """Replace what stands between the marks."""
    text = README.read_text()
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    README.write_text(f"{head}{BEGIN}\n{table}\n{END}{tail}")
