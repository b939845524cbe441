"""Open a transform: the user's handler, function or SQL, in worker processes, behind `ports.Transform`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

from forebay.arn import arn
from forebay.errors import NotFound
from forebay.functions.environment import worker_environment
from forebay.functions.home import Home
from forebay.functions.job import Job
from forebay.functions.lambda_ import LambdaPolicy
from forebay.functions.log import FunctionLog
from forebay.functions.plain import PlainPolicy
from forebay.functions.pool import Code, Note, Pool
from forebay.functions.section import FunctionSpec
from forebay.functions.sql import ENGINE, SqlPolicy
from forebay.ports import Origin, Outcome, Secrets


class TransformLike(Protocol):
    """A delivery's transform as written in the project (delivery's TransformSpec); seconds and bytes."""

    @property
    def kind(self) -> str:
        """`lambda`, `function` or `sql`."""

    @property
    def handler(self) -> str | None:
        """`functions/clean.lambda_handler` or `functions/clean.py:clean`."""

    @property
    def function(self) -> str | None:
        """The name of a declared function."""

    @property
    def sql(self) -> str | None:
        """`SELECT ... FROM events ...`."""

    @property
    def timeout(self) -> float:
        """Of one call."""

    @property
    def memory(self) -> int:
        """Of one worker."""

    @property
    def environment(self) -> Mapping[str, str]:
        """Values may hold `${secret:NAME}`."""


class Policy(Protocol):
    """What differs between the kinds of transform."""

    def slices(self, job: Job) -> Iterator[tuple[int, int]]:
        """Cut the batch into what goes to a worker at once."""

    def run(self, job: Job, low: int, high: int) -> None:
        """Decide every record from `low` to `high`."""

    def outcome(self, job: Job) -> Outcome:
        """What became of the batch."""


class WorkerTransform:
    """A `ports.Transform` over a pool of workers."""

    def __init__(self, pool: Pool, policy: Policy) -> None:
        self._pool = pool
        self._policy = policy
        self._threads: ThreadPoolExecutor | None = None
        if pool.code.workers > 1:
            self._threads = ThreadPoolExecutor(pool.code.workers, f"function-{pool.code.name}")

    def apply(self, records: Sequence[bytes], origins: Sequence[Origin]) -> Outcome:
        """See `ports.Transform.apply`."""
        job = Job(records, origins, self._pool.log.redact)
        slices = self._policy.slices(job)
        if self._threads is None:
            for low, high in slices:
                self._policy.run(job, low, high)
        else:
            runs = [self._threads.submit(self._policy.run, job, low, high) for low, high in slices]
            errors = [error for run in runs if (error := run.exception()) is not None]
            if errors:
                raise errors[0]
        return self._policy.outcome(job)

    def stats(self) -> dict[str, Any]:
        """For the status: invocations, errors, seconds, starts, last_error, pids."""
        return {**self._pool.stats.as_dict(), "pids": self._pool.pids()}

    def close(self) -> None:
        """Stop the workers; an `apply` under way raises Unavailable."""
        self._pool.close()
        if self._threads is not None:
            self._threads.shutdown()


def open_transform(
    spec: TransformLike,
    functions: Mapping[str, FunctionSpec],
    *,
    name: str,
    root: Path,
    log_dir: Path,
    secrets: Secrets,
    watch: bool,
    environment: Mapping[str, str] | Callable[[], Mapping[str, str]],
    uploads: Path | None = None,
    retries: int = 3,
    note: Note | None = None,
) -> WorkerTransform:
    """The transform of the delivery `name`, ready for `apply`; its worker starts with the first batch.

    `root` is the project's folder, `log_dir` where `<function or delivery>.log` is written, `watch`
    whether changed code is picked up, `environment` what the system adds to every worker
    (`AWS_ENDPOINT_URL`), or what to ask for it when one starts. `uploads` has the code of functions that were
    made over the wire. `note` is told of each invocation. `retries` are those of a Lambda handler's failed
    invocation, as on AWS. Raises NotFound if the function is not there.
    """
    declared = functions.get(spec.function) if spec.function else None
    if spec.function and declared is None:
        raise NotFound("NoSuchFunction", f"no function is named {spec.function}")
    handler = declared.handler if declared else spec.handler
    code_text = handler or spec.sql or ""
    kind = spec.kind if declared is None else declared.kind
    settings = declared or spec
    function_name = (spec.function or name).partition(":")[0]
    root = root.resolve()
    home = Home(spec.function or name, declared, root, uploads or root) if declared else None
    code = Code(
        name=function_name,
        kind=kind,
        code=code_text,
        root=home.root if home else root,
        delivery_arn=arn("firehose", f"deliverystream/{name}"),
        timeout=settings.timeout,
        memory=settings.memory + (ENGINE if kind == "sql" else 0),
        workers=max(1, declared.workers) if declared else 1,
        watch=watch and (declared is None or declared.code is None),
    )

    def make_environment() -> tuple[dict[str, str], list[str]]:
        given = dict(environment() if callable(environment) else environment)
        if home is not None:
            home.ready()
            return home.environment(given, secrets, handler=code_text)
        return worker_environment(
            name=function_name,
            handler=code_text if kind != "sql" else "",
            memory=settings.memory,
            given=given,
            declared=settings.environment,
            secrets=secrets,
        )

    pool = Pool(code, FunctionLog(log_dir / f"{function_name}.log"), make_environment)
    pool.stats.note = note if kind != "sql" else None
    policies: dict[str, Policy] = {
        "lambda": LambdaPolicy(pool, retries),
        "function": PlainPolicy(pool),
        "sql": SqlPolicy(pool),
    }
    return WorkerTransform(pool, policies[kind])
