"""Counters and levels in Prometheus's text format.

    ingest.clicks.accepted  →  forebay_ingest_accepted_total{name="clicks"} 12

Contract: https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4), names by
https://prometheus.io/docs/practices/naming/.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from forebay.telemetry.sampling import Level, Total

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
HELP = {
    "accepted": "Events that were accepted, which means on disk.",
    "duplicate": "Events that came again and were accepted before.",
    "refused": "Events that were refused and never accepted.",
    "delivered": "Events that were delivered.",
    "dropped": "Events that a function, filter or rule discarded on purpose.",
    "rejected": "Events that could not be delivered and lie under the error prefix.",
    "expired": "Events that went with their retention and nobody to read them.",
    "erased": "Events that were erased at a person's request.",
    "buffered": "Events that are accepted and have no end yet.",
    "lag": "Events that are accepted and not yet read by their consumer.",
    "bytes": "Bytes that were accepted.",
    "written": "Bytes of the objects that were written.",
    "age": "How long the oldest event waits that is in no object yet.",
    "size": "Size of the file on disk.",
    "late": "Events that came too late for their window.",
    "unreadable": "Events that could not be read as their table says.",
    "behind": "How far the watermark is behind the present.",
    "unmatched": "Events that met no rule.",
    "invocations": "Invocations of the function.",
    "errors": "Invocations that failed.",
    "duration": "Seconds spent in invocations.",
    "waiting": "Calls that wait.",
    "failed": "Calls that were given up.",
    "objects": "Objects that were written.",
    "free": "Free space on the disk that holds the state.",
    "used": "Share of the disk that holds the state that is used.",
    "requests": "HTTP requests to the route.",
    "client_errors": "Requests that were answered with a status from 400 to 499.",
    "server_errors": "Requests that were answered with a status from 500 on.",
    "restarts": "How often the process was restarted.",
}
_SUFFIX = {"Bytes": "bytes", "Seconds": "seconds", "Percent": "percent"}
_NOT_IN_NAME = re.compile(r"[^a-zA-Z0-9_]")


def rendered(totals: Iterable[Total], levels: Iterable[Level]) -> str:
    """The page."""
    families: dict[str, tuple[str, str, list[str]]] = {}
    for kind, found in (("counter", totals), ("gauge", levels)):
        for each in found:
            name = _name(each, kind)
            help = HELP.get(each.named.what, each.named.what)
            _, _, lines = families.setdefault(name, (kind, help, []))
            label = _escaped(each.named.name)
            lines.append(f'{name}{{name="{label}"}} {_number(each.value)}')
    parts: list[str] = []
    for name, (kind, help, lines) in sorted(families.items()):
        parts += [f"# HELP {name} {help}", f"# TYPE {name} {kind}", *sorted(lines)]
    return "\n".join(parts) + "\n"


def _name(each: Total | Level, kind: str) -> str:
    words = ["forebay", each.named.noun, each.named.what]
    suffix = _SUFFIX.get(each.unit)
    if suffix is not None and suffix != each.named.what:
        words.append(suffix)
    if kind == "counter":
        words.append("total")
    return _NOT_IN_NAME.sub("_", "_".join(words))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
