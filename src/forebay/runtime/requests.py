"""What a command asks of a running system's supervisor: files in `run/requests`, one a request.

    <id>.json    {"op": "snapshot", "name": "..."}      written by who asks
    <id>.answer  {"done": {...}} or {"error": {...}}    written by the supervisor

The folder is the user's own (0700), so who can write there could as well signal the supervisor.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from forebay.errors import ForebayError, NoServer, UsageError
from forebay.layout import Layout
from forebay.runtime import snapshots
from forebay.runtime.endpoints import write_atomically
from forebay.runtime.lock import holder

Pause = Callable[[Callable[[], None]], None]


class Requests:
    """The supervisor's side: `look` answers what came, with the system's processes ended meanwhile."""

    def __init__(self, layout: Layout, pause: Pause, say: Callable[[str], None]) -> None:
        self._layout = layout
        self._folder = _folder(layout)
        self._pause = pause
        self._say = say
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(mode=0o700)

    def look(self) -> None:
        """Answer every request that is there."""
        for path in sorted(self._folder.glob("*.json")):
            try:
                answer: dict[str, Any] = {"done": self._do(json.loads(path.read_bytes()))}
            except ForebayError as error:
                answer = {"error": {"kind": type(error).__name__, **error.to_dict()}}
            except (OSError, ValueError) as error:
                answer = {"error": {"kind": "ForebayError", "code": "RequestFailed", "message": str(error)}}
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
            write_atomically(path.with_suffix(".answer"), json.dumps(answer).encode())

    def _do(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = asked["name"]
        done: dict[str, Any] = {}
        if asked["op"] == "snapshot":
            self._say(f"snapshot {name}: the processes pause")
            self._pause(lambda: done.update(snapshots.take(self._layout, name)))
        elif asked["op"] == "reset":
            if not snapshots.same_project(self._layout, name):
                raise UsageError(
                    "ProjectChanged",
                    f"the project is not the one of snapshot {name}",
                    fix="forebay stop, forebay reset --to "
                    + name
                    + ", forebay run: it then plans the change",
                )
            self._say(f"reset to snapshot {name}: the processes pause")
            self._pause(lambda: snapshots.reset(self._layout, name))
            done["name"] = name
        else:
            raise UsageError("UnknownRequest", f"the system knows no request {asked['op']}")
        return done


def ask(layout: Layout, patience: float = 300.0, **asked: Any) -> dict[str, Any]:
    """Have the running system's supervisor do something; its answer.

    Raises what it raised, NoServer if it ends meanwhile, ForebayError `NoAnswer` after `patience` seconds.
    """
    name = uuid.uuid4().hex
    request, answer = _folder(layout) / f"{name}.json", _folder(layout) / f"{name}.answer"
    deadline = time.monotonic() + patience
    try:
        write_atomically(request, json.dumps(asked).encode())
        while not answer.exists():
            if holder(layout) is None:
                raise NoServer("NoServer", "the system ended before it answered", where=str(layout.root))
            if time.monotonic() > deadline:
                raise ForebayError("NoAnswer", f"the supervisor did not answer within {patience:g} s")
            time.sleep(0.02)
        found: dict[str, Any] = json.loads(answer.read_bytes())
    finally:
        request.unlink(missing_ok=True)
        answer.unlink(missing_ok=True)
    if "error" in found:
        parts = found["error"]
        raise ForebayError.from_dict(parts.pop("kind"), parts)
    done: dict[str, Any] = found["done"]
    return done


def _folder(layout: Layout) -> Path:
    return layout.run / "requests"
