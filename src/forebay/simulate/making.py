"""Where a simulator's events come from: its function, its template, or the files that it replays."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

from forebay.errors import NoServer, UsageError
from forebay.project.files import FileTrouble, read_inside
from forebay.project.model import Location, Project
from forebay.reading import kind_of, open_source
from forebay.simulate.events import Events, Made
from forebay.simulate.generator import Generator
from forebay.simulate.replay import Open, Replay
from forebay.simulate.section import ReplaySpec, SimulatorSpec


def events_of(
    project: Project,
    simulator: SimulatorSpec,
    *,
    seed: int,
    rate: float | None,
    simulated: Callable[[], float],
    aws_url: str,
) -> Events:
    """The events of `simulator`. `rate`, where it is given, is asked for instead of its own pace.

    Raises UsageError `BadTemplate`, `NoSuchFile`.
    """
    root = Path(project.root)
    if simulator.template is not None:
        return templated(root, simulator.template, seed, project.timezone, simulated)
    if simulator.replay is not None:
        return _replay(root, simulator.replay, rate, aws_url)
    assert simulator.function is not None  # one of the three is there, or the project was refused
    return Generator(
        root, simulator.function, seed=seed, timezone=project.timezone, rate=rate or simulator.rate or 1.0
    )


def templated(root: Path, file: str, seed: int, timezone: str, simulated: Callable[[], float]) -> Made:
    """The events of a template of the project. Raises UsageError `BadTemplate` with the place."""
    # Here, as the fields' words take a moment to load and a function needs none.
    from forebay.simulate.fields import Context  # noqa: PLC0415
    from forebay.simulate.template import TemplateFault, compiled  # noqa: PLC0415

    chance = random.Random(seed)  # noqa: S311 - not for secrets
    context = Context(chance, ZoneInfo(timezone), simulated=simulated)
    try:
        return Made(compiled(read_inside(root, file).decode(), context))
    except TemplateFault as fault:
        where = f"{file}:{fault.line}:{fault.column}"
        raise UsageError("BadTemplate", fault.message, where=where, why=fault.why, fix=fault.fix) from None
    except FileTrouble as trouble:
        raise UsageError(trouble.code, trouble.message, why=trouble.why, fix=trouble.fix) from None
    except UnicodeDecodeError:
        raise UsageError("NotUtf8", f"{file} is not UTF-8") from None


def _replay(root: Path, spec: ReplaySpec, rate: float | None, aws_url: str) -> Replay:
    return Replay(
        _file(root, spec) if spec.lake is None else _lake(spec.lake, spec.format, aws_url),
        time=spec.time if rate is None else None,
        speed=spec.speed,
        restamp=spec.restamp,
        loop=spec.loop,
    )


def _file(root: Path, spec: ReplaySpec) -> Open:
    assert spec.file is not None  # it or a place in the lake is there, or the project was refused
    return lambda: _rows(str(spec.file), str(root / str(spec.file)), spec.format)


def _rows(shown: str, path: str, format: str | None) -> Iterator[tuple[str, int, bytes]]:
    source = open_source(path, format)
    try:
        for line, event in source.events:
            yield shown, line, event
    finally:
        source.close()


def _lake(place: Location, format: str | None, aws_url: str) -> Open:
    if not aws_url:
        raise NoServer(
            "NoServer", f"{place.url} is read through the AWS port", fix="start the system: forebay run"
        )

    def rows() -> Iterator[tuple[str, int, bytes]]:
        from forebay.simulate.aws import objects  # noqa: PLC0415 - it imports boto3

        with tempfile.TemporaryDirectory() as folder:
            for key, body in objects(aws_url, place):
                copy = Path(folder, "object")
                with copy.open("wb") as file:
                    shutil.copyfileobj(body, file)
                named, kind = _told(copy, key, format)
                yield from _rows(f"s3://{place.bucket}/{key}", str(copy.rename(named)), kind)

    return rows


def _told(copy: Path, key: str, format: str | None) -> tuple[Path, str | None]:
    """An object by a name that says whether it is zipped, and what it is: deliveries' objects have no endings."""
    with copy.open("rb") as file:
        begin = file.read(4)
    zipped = begin[:2] == b"\x1f\x8b"
    kind = format or kind_of(Path(key)) or ("parquet" if begin == b"PAR1" else "ndjson")
    return copy.with_name("object.gz" if zipped else "object.plain"), kind
