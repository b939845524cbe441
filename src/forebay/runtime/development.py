"""While somebody works on a project: what is saved is checked, planned and applied, without a restart.

With findings, or a plan that needs a name, the old project runs on, and that is said.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from forebay.errors import ForebayError
from forebay.ipc import Client
from forebay.layout import Layout
from forebay.project.finding import Finding
from forebay.project.model import Project
from forebay.project.plan import plan, refused
from forebay.project.section import Section
from forebay.runtime import apply, watch
from forebay.runtime.exposure import refuse_exposure
from forebay.runtime.options import Options
from forebay.runtime.rename import renames

RELOADED = ("front", "flow", "query")


class Development:
    """Looks at the project's files when asked to (`look`), and applies what changed."""

    def __init__(
        self,
        layout: Layout,
        root: Path,
        sections: Sequence[Section],
        project: Project,
        options: Options,
        *,
        pause: Callable[[Callable[[], None]], None],
        say: Callable[[str], None],
        show: Callable[[Sequence[Finding]], None],
    ) -> None:
        self._layout = layout
        self._root = root
        self._sections = sections
        self._project = project
        self._options = options
        self._pause = pause
        self._say = say
        self._show = show
        self._seen = watch.signature(root)
        self._settling: watch.Signature | None = None

    def look(self) -> None:
        """Apply what was saved since the last look, once the files have been still for one look."""
        now = watch.signature(self._root)
        if now == self._seen:
            self._settling = None
            return
        if now != self._settling:  # an editor may be in the middle of saving several
            self._settling = now
            return
        files = watch.changed(self._seen, now)
        self._seen, self._settling = now, None
        self._apply(files)

    def _apply(self, files: Sequence[str]) -> None:
        try:
            found = apply.read(self._root, self._sections)
            if found.project is None:
                self._show(found.findings)
                self._say(f"{_names(files)} changed; the project as it was runs on until this is mended")
                return
            refuse_exposure(self._options, found.project)
            steps = plan(self._project, found.project, self._sections)
            needed = refused(steps, found.project, self._options.accept)
            for step in steps:
                self._say(f"  {step}")
            if needed:
                self._show(needed)
                self._say(f"{_names(files)} changed; the project as it was runs on until this is settled")
                return
            project = found.project
            if renames(steps):
                self._pause(lambda: apply.carry_out(self._layout, project, steps))
            else:
                apply.carry_out(self._layout, project, steps)
            self._project = project
        except ForebayError as error:
            self._say(f"{_names(files)} changed; it could not be applied: {error.message}")
            return
        self._say(f"{_names(files)} changed; applied")
        self._tell()

    def _tell(self) -> None:
        """Have the processes take it; one that is down reads it when it starts."""
        for role in RELOADED:
            client = Client(self._layout.socket(role), role)
            try:
                client.call("reload", timeout=10.0)
            except ForebayError as error:
                if error.code != "NoServer":
                    self._say(f"{role} could not take the change: {error.message}")
            finally:
                client.close()


def _names(files: Sequence[str]) -> str:
    return ", ".join(files[:3]) + (f" and {len(files) - 3} more" if len(files) > 3 else "")
