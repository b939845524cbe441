"""A heartbeat to a dead-man's switch: while this system runs it says so, so that somebody notices when it does not.

A GET of the project's `telemetry.heartbeat`, again and again; one that fails is tried again at the next time. Beside
`alerts.py`.
"""

from __future__ import annotations

import logging
import threading
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from forebay import __version__
from forebay.beat import Beat
from forebay.errors import ForebayError
from forebay.project.model import Project
from forebay.project.secrets import reveal, secrets_of
from forebay.telemetry.section import HeartbeatSpec, TelemetrySpec

log = logging.getLogger(__name__)

TIMEOUT = 10.0
IDLE = 3600.0


class Heart:
    """Beats between `start` and `stop`. `trouble` is why the last beat was not heard."""

    def __init__(self) -> None:
        self.trouble: str | None = None
        self._lock = threading.Lock()
        self._spec: HeartbeatSpec | None = None
        self._root = Path()
        self._beat = Beat("heartbeat out", self._look)

    def start(self) -> None:
        """Begin."""
        self._beat.start()

    def apply(self, project: Project) -> None:
        """Where to, and how often, from now on."""
        with self._lock:
            changed = self._spec != project.one(TelemetrySpec).heartbeat
            self._spec, self._root = project.one(TelemetrySpec).heartbeat, Path(project.root)
        if changed:
            self._beat.wake()

    def stop(self) -> None:
        """Beat no more: then somebody is told."""
        self._beat.stop()

    def _look(self) -> float:
        with self._lock:
            spec, root = self._spec, self._root
        if spec is None:
            self.trouble = None
            return IDLE
        try:
            self._send(reveal(spec.url, secrets_of(root)))
            self.trouble = None
        except (OSError, ValueError, ForebayError) as error:
            why = f"the heartbeat was not heard: {_told(error)}"  # without the URL, which may be a secret
            if why != self.trouble:
                log.warning("%s", why)
            self.trouble = why
        return spec.every

    @staticmethod
    def _send(url: str) -> None:
        if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
            raise ValueError("its URL is neither http nor https")
        request = urllib.request.Request(url, headers={"User-Agent": f"forebay/{__version__}"})  # noqa: S310 - checked
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310 - checked above
            answer.read(1024)


def _told(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"answered {error.code}"
    if isinstance(error, ForebayError):
        return error.message
    return type(error).__name__ if isinstance(error, ValueError) else str(error)
