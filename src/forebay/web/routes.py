"""The project's routes, ready to take requests: their doors, by path and by stage, and their access logs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from forebay.errors import ForebayError
from forebay.ingest.door import Counts, Door
from forebay.ingest.limits import RateLimit
from forebay.ingest.routes import Router
from forebay.ingest.section import RouteSpec
from forebay.ingest.validate import Schema
from forebay.project.model import Project
from forebay.web.access_log import Route, access_logs
from forebay.web.mapped import mapped, wrapper
from forebay.web.staged import Stages


class Routes:
    """Doors by path (`router`) and below stages (`stages`), those with an access log (`logged`), and counts."""

    router: Router[Door]
    stages: Stages
    logged: Mapping[str, Route]

    def __init__(self, project: Project) -> None:
        self._counts: dict[str, Counts] = {}
        self._limits: dict[str, tuple[float, RateLimit]] = {}
        self.reload(project)

    def reload(self, project: Project) -> None:
        """Have `project`'s routes from now on. Raises ForebayError, changing nothing."""
        doors = [self._door(project, name, spec) for name, spec in project.of(RouteSpec).items()]
        logged = access_logs(project)
        self.router = Router((door.spec.method, door.spec.path, door) for door in doors)
        self.stages = Stages(self.router, doors)
        self.logged = logged

    def counted(self) -> dict[str, dict[str, int]]:
        """`ingest.<route>` → accepted, duplicate, refused, since the process started."""
        return {
            f"ingest.{name}": {
                "accepted": counts.accepted,
                "duplicate": counts.duplicate,
                "refused": counts.refused,
            }
            for name, counts in self._counts.items()
        }

    def traffic(self) -> dict[str, Counts]:
        """By route."""
        return dict(self._counts)

    def _door(self, project: Project, name: str, spec: RouteSpec) -> Door:
        schema = None
        if spec.schema is not None:
            path = Path(project.root) / spec.schema
            try:
                schema = Schema(path.read_bytes(), spec.schema)
            except OSError as error:
                raise ForebayError(
                    "InvalidSchema", f"{spec.schema} cannot be read: {error.strerror}", where=str(path)
                ) from None
        limit = None
        if spec.limit is not None:
            rate, limit = self._limits.get(name, (0.0, None))
            if limit is None or rate != spec.limit:
                limit = RateLimit(spec.limit)
            self._limits[name] = (spec.limit, limit)
        target = project.sections.get(spec.to.noun, {}).get(spec.to.name)
        mapping = mapped(project.name, name, spec)
        return Door(
            name,
            spec,
            partition_key=getattr(target, "key", None),
            schema=schema,
            counts=self._counts.setdefault(name, Counts()),
            limit=limit,
            wrap=wrapper(project.name, name, spec) if spec.to.noun == "bus" and mapping is None else None,
            mapped=mapping,
        )
