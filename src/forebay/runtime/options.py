"""How this run was asked for: what `forebay run` hands to its processes besides the project."""

from __future__ import annotations

import msgspec

PORTS = {"ingest": 8000, "aws": 4566, "console": 8080}
"""The doors and their usual ports."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """One run's options. `ports` 0 means any free one.

    `hosts` are further names that a request's `Host` may carry (loopback names always may).
    `origins` are those that may speak to the console from elsewhere. `behind_proxy` lists the proxy
    addresses that are trusted to have done TLS. `development` applies changed files on save.
    """

    host: str = "127.0.0.1"
    ports: dict[str, int] = msgspec.field(default_factory=lambda: dict(PORTS))
    tls_cert: str | None = None
    tls_key: str | None = None
    behind_proxy: list[str] = []
    hosts: list[str] = []
    origins: list[str] = []
    simulate: list[str] | None = None
    development: bool = True
    accept: list[str] = []

    @property
    def loopback(self) -> bool:
        """Whether the doors open to this machine only."""
        return self.host in {"localhost", "::1"} or self.host.startswith("127.")

    @property
    def scheme(self) -> str:
        """What URLs begin with."""
        return "https" if self.tls_cert else "http"

    def url(self, port: int) -> str:
        """The address of a door as one would type it."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 - compared, not bound
        return f"{self.scheme}://{f'[{host}]' if ':' in host else host}:{port}"
