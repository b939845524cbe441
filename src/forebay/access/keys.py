"""API keys: made once, shown once, kept as a hash.

A secret is `fb_<id>_<256 random bits>`; what is stored is its SHA-256 (a slow hash guards guessable
passwords, and 256 random bits are not guessable). The id finds the row, the hash is compared in constant
time. Kept in `state.db`, which front owns.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import apsw

from forebay.clock import iso, now_us
from forebay.errors import NotFound, UsageError

DDL = """
CREATE TABLE IF NOT EXISTS access_keys(
  id TEXT PRIMARY KEY, name TEXT NOT NULL, hash BLOB NOT NULL, routes TEXT, created INTEGER NOT NULL,
  revoked INTEGER
) WITHOUT ROWID;
"""

_SECRET = re.compile(r"fb_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_NO_HASH = bytes(32)
NAME_LENGTH = 100


@dataclass(frozen=True, slots=True)
class Key:
    """A key without its secret. `routes` are the routes it opens, None being all; times in UTC us."""

    id: str
    name: str
    routes: frozenset[str] | None
    created: int
    revoked: int | None = None

    def opens(self, route: str) -> bool:
        """Whether it may be used at a route."""
        return self.routes is None or route in self.routes

    def to_dict(self) -> dict[str, object]:
        """For lists and JSON."""
        return {
            "id": self.id,
            "name": self.name,
            "routes": None if self.routes is None else sorted(self.routes),
            "created": iso(self.created),
            "revoked": None if self.revoked is None else iso(self.revoked),
        }


class Keys:
    """The keys of one system, in memory and in `connection` (front's, to `state.db`)."""

    def __init__(self, connection: apsw.Connection, clock: Callable[[], int] = now_us) -> None:
        self._db = connection
        self._clock = clock
        connection.execute(DDL)
        self._keys: dict[str, tuple[Key, bytes]] = {}
        for id, name, digest, routes, created, revoked in connection.execute(
            "SELECT id, name, hash, routes, created, revoked FROM access_keys"
        ):
            opened = None if routes is None else frozenset(routes.split("\n"))
            self._keys[id] = (Key(id, name, opened, created, revoked), digest)

    def create(self, name: str, routes: Sequence[str] | None = None) -> tuple[Key, str]:
        """A new key and its secret, which is not to be had again. Raises UsageError on a bad name."""
        if not name.strip() or len(name) > NAME_LENGTH:
            raise UsageError("BadKeyName", f"a key needs a name of at most {NAME_LENGTH} characters")
        id = secrets.token_hex(6)
        secret = f"fb_{id}_{secrets.token_urlsafe(32)}"
        digest = hashlib.sha256(secret.encode()).digest()
        key = Key(id, name, None if routes is None else frozenset(routes), self._clock())
        self._db.execute(
            "INSERT INTO access_keys(id, name, hash, routes, created) VALUES(?,?,?,?,?)",
            (id, name, digest, None if routes is None else "\n".join(sorted(set(routes))), key.created),
        )
        self._keys[id] = (key, digest)
        return key, secret

    def list(self) -> list[Key]:
        """Every key, revoked ones too, oldest first."""
        return sorted((key for key, _ in self._keys.values()), key=lambda key: (key.created, key.id))

    def revoke(self, id: str) -> Key:
        """Close a key, at once and for good. Raises NotFound."""
        found = self._keys.get(id)
        if found is None:
            raise NotFound("NoSuchKey", f"no key has the id {id}", fix="forebay keys list")
        key, digest = found
        if key.revoked is None:
            key = Key(key.id, key.name, key.routes, key.created, self._clock())
            self._db.execute("UPDATE access_keys SET revoked=? WHERE id=?", (key.revoked, id))
            self._keys[id] = (key, digest)
        return key

    def verify(self, secret: str) -> Key | None:
        """The key that a secret opens with, None for anything else; takes as long either way."""
        match = _SECRET.fullmatch(secret)
        found = self._keys.get(match[1]) if match else None
        kept = found[1] if found is not None else _NO_HASH
        digest = hashlib.sha256(secret.encode(errors="replace")).digest()
        if not hmac.compare_digest(digest, kept) or found is None or found[0].revoked is not None:
            return None
        return found[0]
