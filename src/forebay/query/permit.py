"""The seam by which a query is bounded by the rights of who asks: asked before anything is looked up or read.

Each call raises QueryFailed if that may not be. Names of databases and tables are in lower case.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from forebay.query.snapshot import Table


class Permit(Protocol):
    """What a caller may see."""

    def databases(self) -> None:
        """Lists the databases."""

    def tables(self, database: str) -> None:
        """Lists the tables of a database."""

    def table(self, database: str, name: str) -> None:
        """Looks up a table or view, whether or not it is there."""

    def partitions(self, table: Table) -> None:
        """Looks up the partitions that are kept of a table."""

    def files(self, table: Table, places: Iterable[tuple[str, str]]) -> None:
        """Reads these objects (bucket and key) as rows of a table."""

    def log(self, name: str) -> None:
        """Reads what is retained of a stream (`streams.<name>`) as rows of a table."""
