"""A project folder with functions in it, and transforms opened over them."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import pytest

from forebay.errors import ForebayError
from forebay.functions.section import FunctionSpec
from forebay.functions.transforms import WorkerTransform, open_transform
from forebay.ports import Failure, Lines, Origin, Outcome
from tests import harness

ARRIVAL = 1_700_000_000_123_456


@dataclass(frozen=True)
class Spec:
    """What a delivery's `transform` says."""

    kind: str
    handler: str | None = None
    function: str | None = None
    sql: str | None = None
    timeout: float = 10.0
    memory: int = 256 << 20
    environment: Mapping[str, str] = field(default_factory=dict)


def origins(n: int, first: int = 0, log: str = "delivery.clicks") -> list[Origin]:
    return [Origin(log, 0, first + i, ARRIVAL) for i in range(n)]


def events(*documents: object) -> list[bytes]:
    return [orjson.dumps(document) for document in documents]


def rows(outcome: Outcome) -> list[object]:
    """The transformed events, decoded."""
    assert isinstance(outcome.output, Lines)
    return [orjson.loads(line) for line in outcome.output.data]


def failed(outcome: Outcome) -> list[tuple[int, str]]:
    return [(failure.index, failure.code) for failure in outcome.failed]


def only_failure(outcome: Outcome) -> Failure:
    (failure,) = outcome.failed
    return failure


class Project:
    """A project folder; `open` makes transforms over its code, closed at the test's end."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.log_dir = root / ".forebay" / "logs" / "functions"
        self.secrets: dict[str, str] = {}
        self.opened: list[WorkerTransform] = []

    def write(self, path: str, source: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(source))
        return file

    def secret(self, name: str) -> str:
        if name not in self.secrets:
            raise ForebayError("UnknownSecret", f"no secret is named {name}")
        return self.secrets[name]

    def open(
        self,
        spec: Spec,
        functions: Mapping[str, FunctionSpec] | None = None,
        *,
        watch: bool = False,
        environment: Mapping[str, str] | None = None,
        retries: int = 1,
    ) -> WorkerTransform:
        transform = open_transform(
            spec,
            functions or {},
            name="clicks",
            root=self.root,
            log_dir=self.log_dir,
            secrets=self.secret,
            watch=watch,
            environment=environment or {},
            retries=retries,
        )
        self.opened.append(transform)
        return transform

    def plain(self, source: str, **spec: object) -> WorkerTransform:
        """A plain function `f`, from source."""
        self.write("functions/f.py", source)
        return self.open(Spec("function", "functions/f.py:f", **spec))  # type: ignore[arg-type]

    def handler(self, source: str, *, retries: int = 1, **spec: object) -> WorkerTransform:
        """A Lambda handler `handler`, from source."""
        self.write("functions/h.py", source)
        return self.open(Spec("lambda", "functions/h.handler", **spec), retries=retries)  # type: ignore[arg-type]

    def sql(self, text: str, **spec: object) -> WorkerTransform:
        return self.open(Spec("sql", sql=text, **spec))  # type: ignore[arg-type]

    def log(self, name: str = "clicks") -> str:
        return (self.log_dir / f"{name}.log").read_text()


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = Project(tmp_path / "shop")
    made.root.mkdir()
    yield made
    for transform in made.opened:
        transform.close()


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], object]:
    """Wait for a condition."""
    return harness.until
