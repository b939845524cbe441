"""A simulator as a process of the running system (`forebay run --simulate`)."""

from __future__ import annotations

import logging
import signal
import time

from forebay.errors import ForebayError, NoServer
from forebay.layout import Layout
from forebay.project.model import Project
from forebay.runtime import endpoints
from forebay.sections import SECTIONS
from forebay.simulate.run import run_simulation

logger = logging.getLogger("forebay.simulate")
AGAIN = 1.0


def main(layout: Layout, name: str) -> None:
    """Send until SIGTERM or the generator's end; a front that is being restarted is waited for."""
    stopped = False

    def stop(_number: int, _frame: object) -> None:
        nonlocal stopped
        stopped = True

    signal.signal(signal.SIGTERM, stop)
    project = Project.decode(layout.applied.read_bytes(), SECTIONS)
    while not stopped:
        running = endpoints.read(layout)
        try:
            if running is None:
                raise NoServer("NoServer", "the system has not said where it listens")
            run_simulation(project, name, layout, running.urls, stopped=lambda: stopped)
        except NoServer as error:
            logger.info("%s; trying again", error.message)
            time.sleep(AGAIN)
        except ForebayError as error:
            logger.error("simulator %s: %s %s", name, error.message, error.fix or "")
            raise
        else:
            return
