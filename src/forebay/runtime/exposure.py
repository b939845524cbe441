"""Loopback or not: what must be true before a door is opened to other machines."""

from __future__ import annotations

from forebay.errors import UsageError
from forebay.ingest.section import RouteSpec
from forebay.project.model import Project
from forebay.runtime.options import Options


def refuse_exposure(options: Options, project: Project) -> None:
    """Beyond loopback, a door without keys and TLS would be everybody's. Raises UsageError."""
    if (options.tls_cert is None) != (options.tls_key is None):
        raise UsageError("HalfTls", "a certificate and its key go together", fix="--tls-cert with --tls-key")
    if options.loopback:
        return
    why = f"{options.host} can be reached from other machines"
    if options.tls_cert is None and not options.behind_proxy:
        raise UsageError(
            "NoTls",
            f"refusing to listen on {options.host} without TLS",
            why=why,
            fix="--tls-cert and --tls-key, or --behind-proxy with the proxy's address",
        )
    keyless = [name for name, spec in project.of(RouteSpec).items() if spec.key != "required"]
    if keyless:
        raise UsageError(
            "NoKeys",
            f"refusing to listen on {options.host}: anybody could send events to {', '.join(keyless)}",
            why=why,
            fix="say `key: required` of each route, and make keys with forebay keys create",
        )
