"""Where a function's code lies, in the project or as an upload, and what its workers see in their environment."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from forebay.errors import ForebayError, Unavailable
from forebay.functions.environment import worker_environment
from forebay.functions.package import unpacked
from forebay.functions.section import FunctionSpec
from forebay.functions.venv import site_packages
from forebay.ports import Secrets


@dataclass(slots=True)
class Home:
    """One function's. `project` is the project's folder, `uploads` that of all uploaded code."""

    name: str
    spec: FunctionSpec
    project: Path
    uploads: Path
    _ready: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def root(self) -> Path:
        """The folder in which its handler is looked for."""
        own = self.project if self.spec.code is None else self.uploads / self.spec.code
        return own.resolve()

    def ready(self) -> None:
        """See that the code is there: after a power cut an upload is unpacked again. Raises Unavailable `NoCode`."""
        if self.spec.code is None or self._ready:
            return
        with self._lock:
            try:
                unpacked(self.uploads, self.spec.code)
            except (OSError, ForebayError) as trouble:
                raise Unavailable("NoCode", f"the code of {self.name} is not there: {trouble}") from trouble
            self._ready = True

    def environment(
        self, given: Mapping[str, str], secrets: Secrets, *, handler: str
    ) -> tuple[dict[str, str], list[str]]:
        """A worker's environment and the secret values in it; `given` comes from the system."""
        spec = self.spec
        base, _, version = self.name.partition(":")
        given = dict(given)
        if spec.requirements is not None:
            given["PYTHONPATH"] = str(site_packages(self.project, spec.requirements))
        # Secrets belong to who wrote the project, not to who may make functions over the wire.
        uploaded = spec.code is not None
        env, secret = worker_environment(
            name=base,
            handler=handler,
            memory=spec.memory,
            given=given,
            declared={} if uploaded else spec.environment,
            secrets=secrets,
        )
        if uploaded:
            env |= spec.environment
        env["LAMBDA_TASK_ROOT"] = str(self.root)
        env["AWS_LAMBDA_FUNCTION_VERSION"] = version or "$LATEST"
        return env, secret
