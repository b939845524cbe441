"""The flow's process: builds a `Flow` from the applied project and answers on flow.sock.

flush {name?, timeout?}   objects of what is accepted by now
status {}                 how every delivery does
replay {delivery}         process again what lies under the error prefix
reload {}                 read the applied project again
drain {}                  commit what is in hand; what is buffered stays buffered, on disk
invoke {function, ...}    call a function: `running.triggers.Functions.operations`
object_*, bucket_*, ...   what changes objects: `lake.lake.Lake.operations`
"""

from __future__ import annotations

import asyncio
import logging
import signal
from functools import partial
from pathlib import Path
from typing import Any

from forebay import libc
from forebay.delivery.section import DeliverySpec
from forebay.errors import NoServer, Unavailable
from forebay.flow import Flow
from forebay.functions.invoke import Host
from forebay.functions.section import FunctionSpec
from forebay.functions.transforms import open_transform
from forebay.ipc import Client, Handler, Server
from forebay.layout import Layout
from forebay.ports import Transform
from forebay.project.model import Project
from forebay.project.secrets import secrets_of
from forebay.running.alert_desk import operations as alarm_operations
from forebay.running.follow import Questions
from forebay.runtime import catalog_ops, endpoints, follow_ops
from forebay.runtime.documents import effective_at
from forebay.runtime.flow_meter import FlowMeter
from forebay.runtime.options import Options
from forebay.sections import SECTIONS
from forebay.telemetry.log import follow

log = logging.getLogger(__name__)


async def main(layout: Layout, options: Options) -> None:
    """Serve until SIGTERM."""
    libc.reuse_memory()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await serve(layout, stop, options)


async def serve(layout: Layout, stop: asyncio.Event, options: Options) -> None:
    """Run the applied project's flow until `stop` is set. Raises ForebayError if its state cannot be opened."""
    meter = FlowMeter(layout)
    transforms = Transforms(layout, options, meter)
    flow = Flow(layout, applied(layout), transforms, transforms.host())
    flow.lake.watching = options.development
    flow.buses.reread = lambda: applied(layout)
    flow.topics.ways.url = lambda: aws_url(layout)
    flow.buses.noted, flow.buses.archives.noted = meter.handed, meter.matched
    try:
        await asyncio.to_thread(flow.start)
        questions = Questions(layout)
        server = Server(layout.socket("flow"), handlers(layout, flow, stop, questions), on_error=_on_error)
        await server.start()
        try:
            meter.start()
            await stop.wait()
        finally:
            await asyncio.to_thread(questions.close_all)  # one may be waiting for rows for long
            await server.stop()
    finally:
        await asyncio.to_thread(flow.stop)
        await asyncio.to_thread(meter.stop)


def applied(layout: Layout) -> Project:
    """The project as last applied, with what was made over the wire. Raises Unavailable if none was."""
    try:
        raw = layout.applied.read_bytes()
    except FileNotFoundError:
        raise Unavailable("NoProject", "no project has been applied yet", where=str(layout.applied)) from None
    return effective_at(layout.state, Project.decode(raw, SECTIONS), SECTIONS)


def aws_url(layout: Layout) -> str | None:
    """The AWS port's address, once it is published."""
    published = endpoints.read(layout)
    return published.urls.get("aws") if published is not None else None


class Transforms:
    """Opens the user's code for a delivery (`flow.OpenTransform`)."""

    def __init__(self, layout: Layout, options: Options, meter: FlowMeter | None = None) -> None:
        self._layout = layout
        self._note = meter.invoked if meter is not None else None
        self._options = options

    def __call__(self, name: str, spec: DeliverySpec, project: Project) -> Transform | None:
        """The transform of one delivery; None where it has none."""
        if spec.transform is None:
            return None
        root = Path(project.root)
        function = project.of(FunctionSpec).get(spec.transform.function or "")
        return open_transform(
            spec.transform,
            project.of(FunctionSpec),
            name=name,
            root=root,
            log_dir=self._layout.logs / "functions",
            secrets=secrets_of(root),
            watch=self._options.development,
            environment=partial(self._environment, name, function),
            uploads=self._layout.code,
            note=self._note,
        )

    def host(self) -> Host:
        """What functions are given that are called by themselves."""
        return Host(
            logs=self._layout.logs / "functions",
            code=self._layout.code,
            secrets=secrets_of,
            environment=self._environment,
            watch=self._options.development,
            note=self._note,
        )

    def _environment(self, name: str, spec: FunctionSpec | None) -> dict[str, str]:
        """How a function's own boto3 finds this system, and with whose rights. Raises Unavailable."""
        aws = aws_url(self._layout)
        if aws is None:
            return {}
        front = Client(self._layout.socket("front"), "front")
        try:
            role = spec.role if spec is not None else None
            uploaded = spec is not None and spec.code is not None
            given = front.call("function_credentials", function=name, role=role, uploaded=uploaded)
        except NoServer as error:
            raise Unavailable(error.code, error.message) from error
        finally:
            front.close()
        return {"AWS_ENDPOINT_URL": aws, **given}


def handlers(layout: Layout, flow: Flow, stop: asyncio.Event, questions: Questions) -> dict[str, Handler]:
    """The operations of flow.sock."""

    async def flush(args: dict[str, Any]) -> Any:
        timeout = float(args.get("timeout") or 60.0)
        return {"objects": await asyncio.to_thread(flow.flush, args.get("name"), timeout)}

    async def status(_: dict[str, Any]) -> Any:
        return await asyncio.to_thread(flow.status)

    async def replay(args: dict[str, Any]) -> Any:
        return await asyncio.to_thread(flow.replay, str(args["delivery"]))

    async def reload(_: dict[str, Any]) -> Any:
        follow(layout.applied)
        await asyncio.to_thread(lambda: flow.apply(applied(layout)))
        return {}

    async def drain(_: dict[str, Any]) -> Any:
        stop.set()
        return {}

    own = {"flush": flush, "status": status, "replay": replay, "reload": reload, "drain": drain}
    return {
        **own,
        **flow.lake.operations(),
        **flow.buses.operations(),
        **catalog_ops.handlers(flow),
        **flow.functions.operations(),
        **alarm_operations(flow.alerts),
        **follow_ops.handlers(questions, lambda: applied(layout)),
    }


def _on_error(operation: str, error: Exception) -> None:
    log.error("%s failed", operation, exc_info=error)
