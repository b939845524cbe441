"""Where things are kept: the one place that knows the names inside a state folder."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

LONGEST_LOG = 200
SEALED = ".sealed"
"""How the files end that are encrypted under a key which is kept nowhere: nobody reads them but with that key."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one state folder (`.forebay/` in the project, or `--state DIR`)."""

    root: Path

    @property
    def streams(self) -> Path:
        """One SQLite log per stream, bus and direct-put delivery."""
        return self.root / "streams"

    def log(self, name: str) -> Path:
        """The log of `name`, which carries its noun: `streams.activity`, `delivery.clicks`.

        AWS's names may be longer than a file's; those end in their hash.
        """
        if len(name) > LONGEST_LOG:
            name = (
                name[: LONGEST_LOG - 41]
                + "-"
                + hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()
            )
        return self.streams / f"{name}.db"

    @property
    def catalog(self) -> Path:
        """Databases, tables, partitions, objects, hot segments, delivery positions; flow owns it."""
        return self.root / "catalog.db"

    @property
    def state(self) -> Path:
        """Resources, access keys, query executions; front owns it."""
        return self.root / "state.db"

    @property
    def lake(self) -> Path:
        """Objects as plain files: `lake/<bucket>/<key>`."""
        return self.root / "lake"

    @property
    def keys(self) -> Path:
        """Objects whose key is no path that round-trips, by the hash of their key."""
        return self.lake / ".keys"

    @property
    def puts(self) -> Path:
        """Small objects that were put and acknowledged, and are not yet in the catalog; front owns it."""
        return self.root / "puts"

    @property
    def cache(self) -> Path:
        """What can be rebuilt from the rest: hidden Parquet copies of JSON and CSV objects."""
        return self.root / "cache"

    @property
    def lookups(self) -> Path:
        """Tables that events in open windows of stream queries were joined with, as they were; flow owns it."""
        return self.root / "lookups"

    @property
    def code(self) -> Path:
        """Functions' code that was uploaded, unpacked, by the hash of its zip file."""
        return self.root / "functions"

    @property
    def logs(self) -> Path:
        """Text logs: one a process, one a function (`functions/<name>.log`)."""
        return self.root / "logs"

    @property
    def log_groups(self) -> Path:
        """Log groups, their streams and events, as CloudWatch Logs has them; front owns it."""
        return self.root / "logs.db"

    @property
    def keyvalue(self) -> Path:
        """Key-value tables and their items; front owns it."""
        return self.root / "keyvalue.db"

    @property
    def metrics(self) -> Path:
        """Metrics and their points by period; front owns it."""
        return self.root / "metrics.db"

    @property
    def alerts(self) -> Path:
        """Alarms' states, their history, and what is still to be told; flow owns it."""
        return self.root / "alerts.db"

    @property
    def run(self) -> Path:
        """What a running system leaves for others to find it: the applied project, ports, the lock."""
        return self.root / "run"

    @property
    def applied(self) -> Path:
        """The project as last applied, resolved, for the processes to read."""
        return self.run / "project.json"

    @property
    def endpoints(self) -> Path:
        """URLs and pids of the running system, as JSON."""
        return self.run / "endpoints.json"

    @property
    def lock(self) -> Path:
        """Held (flock) by the supervisor: one running system per state folder."""
        return self.run / "lock"

    def socket(self, role: str) -> Path:
        """The local socket of `front`, `flow` or `query`.

        A socket's path may not pass 107 bytes, and a state folder's may; so sockets live in a short
        private folder named after the state folder.
        """
        digest = hashlib.sha256(os.fsencode(self.root.resolve())).hexdigest()[:16]
        base = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
        folder = base / f"forebay-{os.getuid()}"
        if len(os.fsencode(folder)) > 70:
            folder = Path("/tmp") / f"forebay-{os.getuid()}"  # noqa: S108 - made 0700 and checked below
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.stat().st_uid != os.getuid():
            raise PermissionError(f"{folder} belongs to somebody else")
        return folder / f"{digest}-{role}.sock"

    def make(self) -> None:
        """Create every folder (0700: events and keys are nobody else's)."""
        for folder in (
            self.root,
            self.streams,
            self.lake,
            self.keys,
            self.cache,
            self.logs,
            self.logs / "functions",
            self.run,
        ):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
