"""What makes or removes something is done once, however often an SDK sends it: a repeat gets the first answer.

An SDK sends the same `amz-sdk-invocation-id` with every attempt at a call. Without this the second attempt of a
CreateStream whose answer was lost is refused, as the stream is there, though nobody else made it. That a call was
begun is kept before it is done, and its answer after it, for a quarter of an hour. Where the front ended between the
two, and the repeat finds it done, it is answered so if such an answer says nothing.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from functools import cache
from hashlib import blake2b

from botocore.model import OperationModel

from forebay.clock import SECOND, now_us
from forebay.runtime.documents import Documents
from forebay.wire.protocol.message import AwsError, Response
from forebay.wire.service import Asked, Json

KIND = "wire.once"
WITHIN = 900 * SECOND
_MAKING, _REMOVING = ("Create", "Register"), ("Delete", "Deregister")
_THERE = (
    "ResourceInUse",
    "ResourceAlreadyExists",
    "ResourceConflict",
    "AlreadyExists",
    "EntityAlreadyExists",
)
_GONE = ("ResourceNotFound", "EntityNotFound", "NotFound", "NoSuchEntity")
_OF_DATA = ("s3", "dynamodb")
"""Services whose making and removing is repeated without harm, or is too frequent to be kept."""
_SECRET = ("CreateAccessKey",)
"""What is answered once, and kept nowhere as it is."""
Do = Callable[[], Awaitable[Response]]


class Once:
    """The calls of one system that are under way, and what was answered. Used in the event loop only."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._running: dict[str, asyncio.Future[None]] = {}
        self._swept = 0

    async def answer(
        self, asked: Asked, model: OperationModel, do: Do, nothing: Callable[[], Response]
    ) -> Response:
        """The answer of `do`, or of the same call that came before; `nothing` is the answer that says nothing.

        Raises AwsError as `do` does.
        """
        id = _id(asked)
        if id is None:
            return await do()
        while (running := self._running.get(id)) is not None:
            await asyncio.shield(running)
        self._running[id] = asyncio.get_running_loop().create_future()
        try:
            return await self._answer(asked, model, do, nothing, id)
        finally:
            self._running.pop(id).set_result(None)

    async def _answer(
        self, asked: Asked, model: OperationModel, do: Do, nothing: Callable[[], Response], id: str
    ) -> Response:
        before = self._documents.get(KIND, id)
        if before is not None and "status" in before:
            return Response(before["status"], dict(before["headers"]), base64.b64decode(before["body"]))
        self._sweep()
        self._documents.put(KIND, id, {"begun": now_us()})
        try:
            answer = await do()
        except AwsError as error:
            self._documents.delete(KIND, id)
            if before is None or not _was_done(asked.operation, model, error):
                raise
            answer = nothing()
        if answer.stream is None:
            body = base64.b64encode(answer.body).decode()
            doc: Json = {"begun": now_us(), "status": answer.status, "headers": answer.headers, "body": body}
            self._documents.put(KIND, id, doc)
        return answer

    def _sweep(self) -> None:
        """Forget what nobody repeats any more; now and then."""
        now = now_us()
        if now - self._swept < WITHIN:
            return
        self._swept = now
        for id, doc in list(self._documents.all(KIND)):
            if now - doc["begun"] > WITHIN:
                self._documents.delete(KIND, id)


@cache
def once_of(documents: Documents) -> Once:
    """The one of a system, by its documents."""
    return Once(documents)


def _id(asked: Asked) -> str | None:
    invocation = asked.request.headers.get("amz-sdk-invocation-id")
    if not invocation or asked.service in _OF_DATA or asked.operation in _SECRET:
        return None
    if not asked.operation.startswith((*_MAKING, *_REMOVING)):
        return None
    said = (asked.service, asked.operation, asked.principal, asked.region, invocation)
    digest = blake2b("\0".join(said).encode() + b"\0" + asked.request.body, digest_size=24)
    return digest.hexdigest()


def _was_done(operation: str, model: OperationModel, error: AwsError) -> bool:
    if model.output_shape is not None and model.output_shape.members:
        return False
    codes = _THERE if operation.startswith(_MAKING) else _GONE
    return error.code.removesuffix("Exception") in codes
