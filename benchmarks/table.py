"""A measure as a row of the README's table: figure, what stands beside it in the same run, bar, share of the bar."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"
BEGIN, END = "<!-- bench -->", "<!-- /bench -->"


@dataclass(frozen=True)
class Row:
    """`ratio` is how much of the bar was reached: 1 and more is good."""

    measure: str
    figure: str
    bar: str
    ratio: float | None
    beside: str

    def __str__(self) -> str:
        shown = "" if self.ratio is None else f"{self.ratio:.2f} {'✓' if self.ratio >= 1 else '✗'}"
        return f"| {self.measure} | {self.figure} | {self.beside} | {self.bar} | {shown} |"


ROWS: list[Row] = []
HEAD = "| measure | figure | beside it | bar | of the bar |\n| --- | --- | --- | --- | --- |"


def say(measure: str, figure: str, bar: str, *, ratio: float | None = None, beside: str = "") -> None:
    """Print one row now, and keep it for the table."""
    ROWS.append(Row(measure, figure, bar, ratio, beside))
    print(ROWS[-1], flush=True)


def number(value: float) -> str:
    """`1234567` → `1.23 M`, `45678` → `45.7 k`, `3.14159` → `3.14`."""
    for size, unit in ((1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def into_readme(below: str) -> None:
    """Put the rows so far between the README's marks, `below` beneath them."""
    text = README.read_text()
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    table = "\n".join([HEAD, *map(str, ROWS), "", below])
    README.write_text(f"{head}{BEGIN}\n{table}\n{END}{tail}")
