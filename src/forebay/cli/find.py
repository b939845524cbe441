"""How a command finds the project and the running system it is about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from forebay.errors import NoServer, UsageError
from forebay.ipc import Client
from forebay.layout import Layout
from forebay.project.load import FILE
from forebay.project.model import Project
from forebay.runtime import endpoints
from forebay.runtime.endpoints import Endpoints
from forebay.runtime.lock import holder

F = TypeVar("F", bound=Callable[..., Any])
STATE = ".forebay"


def state_option(command: F) -> F:
    """`--state`: the state folder of the system that is meant."""
    return click.option(
        "--state",
        type=click.Path(path_type=Path, file_okay=False),
        envvar="FOREBAY_STATE",
        help="The state folder. Otherwise .forebay beside the nearest forebay.yaml, upwards from here.",
    )(command)


def json_option(command: F) -> F:
    """`--json`: one JSON value on stdout."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def project_folder(start: Path | None = None) -> Path | None:
    """The nearest folder from `start` (here) upwards that has a forebay.yaml."""
    here = (start or Path.cwd()).resolve()
    return next((folder for folder in (here, *here.parents) if (folder / FILE).is_file()), None)


def find_layout(state: Path | None, folder: Path | None = None) -> Layout:
    """The state folder that is meant. Raises UsageError `NoProject` if nothing says which."""
    if state is not None:
        return Layout(state.resolve())
    if folder is not None:
        return Layout(folder.resolve() / STATE)
    found = project_folder()
    if found is None:
        raise UsageError(
            "NoProject",
            "no forebay.yaml here or above, so there is no telling which system is meant",
            where=str(Path.cwd()),
            fix="go to the project's folder, or name its state: --state DIR/.forebay",
        )
    return Layout(found / STATE)


def find_running(state: Path | None, folder: Path | None = None) -> tuple[Layout, Endpoints]:
    """The running system. Raises NoServer."""
    layout = find_layout(state, folder)
    found = endpoints.read(layout)
    if holder(layout) is None or found is None:
        raise NoServer(
            "NoServer", "no forebay is running here", where=str(layout.root), fix="start it: forebay run"
        )
    return layout, found


def applied_project(layout: Layout) -> Project:
    """The project as last applied. Raises UsageError `NeverRun`."""
    from forebay.sections import SECTIONS  # noqa: PLC0415 - only some commands read the project

    try:
        raw = layout.applied.read_bytes()
    except OSError:
        raise UsageError(
            "NeverRun", "nothing was ever run here", where=str(layout.root), fix="start it: forebay run"
        ) from None
    return Project.decode(raw, SECTIONS)


def front(layout: Layout) -> Client:
    """Speaks to the front of the system."""
    return Client(layout.socket("front"), "front")


def settle(layout: Layout) -> None:
    """Wait until what was acknowledged is where others look for it. Raises Unavailable where that takes long."""
    client = front(layout)
    try:
        client.call("settle")
    except NoServer:
        pass  # starting, or just gone: there is nobody to wait for
    finally:
        client.close()


def flow(layout: Layout) -> Client:
    """Speaks to the flow of the system."""
    return Client(layout.socket("flow"), "flow")
