"""A simulator as a process of the running system (`forebay run --simulate`).

It begins anew when its project or its template changes, as the rest of the system does on save. What then cannot
run is said in its log, and waits for the next change.
"""

from __future__ import annotations

import logging
import signal
import time
from functools import partial
from pathlib import Path

from forebay.errors import ForebayError, NoServer, NotFound, UsageError
from forebay.layout import Layout
from forebay.project.model import Project
from forebay.runtime import endpoints
from forebay.sections import SECTIONS
from forebay.simulate.run import find, run_simulation

logger = logging.getLogger("forebay.simulate")
AGAIN = 1.0
LOOK = 0.5
"""Seconds between two looks at the files."""


class Files:
    """Whether what a simulator is made of was changed since it was read."""

    def __init__(self, layout: Layout, project: Project, name: str) -> None:
        simulator = find(project, name)
        made_of = simulator.template or (simulator.function or "").rpartition(":")[0]
        self._paths = [layout.applied, *([Path(project.root, made_of)] if made_of else [])]
        self._seen = self._times()
        self._looked = time.monotonic()
        self._changed = False

    def _times(self) -> list[int]:
        return [path.stat().st_mtime_ns if path.exists() else 0 for path in self._paths]

    def changed(self) -> bool:
        """Looked up at most twice a second."""
        now = time.monotonic()
        if not self._changed and now - self._looked >= LOOK:
            self._looked = now
            self._changed = self._times() != self._seen
        return self._changed


def main(layout: Layout, name: str) -> None:
    """Send until SIGTERM or the generator's end; a front that is being restarted is waited for."""
    stopped = False

    def stop(_number: int, _frame: object) -> None:
        nonlocal stopped
        stopped = True

    def over(files: Files) -> bool:
        return stopped or files.changed()

    signal.signal(signal.SIGTERM, stop)
    first = True
    while not stopped:
        project = Project.decode(layout.applied.read_bytes(), SECTIONS)
        running = endpoints.read(layout)
        try:
            files = Files(layout, project, name)
        except NotFound:
            logger.info("the project has no simulator %s any more", name)
            return
        try:
            if running is None:
                raise NoServer("NoServer", "the system has not said where it listens")
            run_simulation(project, name, layout, running.urls, stopped=partial(over, files))
        except NoServer as error:
            logger.info("%s; trying again", error.message)
            time.sleep(AGAIN)
        except UsageError as error:
            _say(name, error)
            if first:
                raise
            while not over(files):
                time.sleep(LOOK)
        except ForebayError as error:
            _say(name, error)
            raise
        else:
            if not over(files):  # there were no more events
                return
            logger.info("simulator %s begins anew, as it was changed", name)
        first = False


def _say(name: str, error: ForebayError) -> None:
    logger.error("simulator %s: %s %s %s", name, error.where or "", error.message, error.fix or "")
