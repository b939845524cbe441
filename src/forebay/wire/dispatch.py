"""From a request to its answer: detect, decode, validate, ask the operation, encode.

Services are imported when first asked, with botocore's model of them: a system that nobody speaks AWS to
never pays for either.
"""

from __future__ import annotations

import logging
import time
from functools import cache
from importlib import import_module

from botocore.exceptions import UnknownServiceError
from botocore.model import OperationModel

from forebay.errors import ClientGone, ForebayError
from forebay.runtime.system import System
from forebay.wire.gate import admit
from forebay.wire.once import once_of
from forebay.wire.passing import check_roles
from forebay.wire.protocol.decode import decode
from forebay.wire.protocol.detect import Call, detect, rest_operation, selectors, signed_region
from forebay.wire.protocol.encode import encode, encode_error
from forebay.wire.protocol.message import AwsError, Request, Response, not_offered
from forebay.wire.protocol.model import operation_model
from forebay.wire.rights import authorise, hidden, note_change
from forebay.wire.service import Asked, Json, Service, translated
from forebay.wire.services import MODULES

logger = logging.getLogger("forebay.wire")

# Operations whose method and path are those of the ones that took their place.
RENAMED = {
    "GetBucketLifecycle": "GetBucketLifecycleConfiguration",
    "PutBucketLifecycle": "PutBucketLifecycleConfiguration",
    "GetBucketNotification": "GetBucketNotificationConfiguration",
    "PutBucketNotification": "PutBucketNotificationConfiguration",
}

# The protocol's errors are the same for a service whose model is not known; any of that protocol will do.
_STAND_IN = {"query": "sns", "rest-json": "lambda", "rest-xml": "s3", "smithy-rpc-v2-cbor": "cloudwatch"}


@cache
def load(service: str) -> Service | None:
    """What forebay offers of `service`; None if nothing."""
    module = MODULES.get(service)
    if module is None:
        return None
    found: Service = import_module(module).SERVICE
    return found


async def dispatch(system: System, request: Request) -> Response:
    """Answer `request`; whatever goes wrong is an AWS error in the protocol that was spoken."""
    call = Call("kinesis", "", "json")
    asked, service = None, None
    started = time.monotonic()
    try:
        call = detect(request)
        service = load(call.service)
        name = call.operation or _rest_name(call, request)
        region = signed_region(request)
        asked = Asked(request, call.service, name, system, region=region, protocol=call.protocol)
        answer = await _answer(asked, call, service)
    except ForebayError as error:
        answer = _error(call, translated(call.service, error), request)
    except ClientGone:
        raise
    except Exception:
        logger.exception("%s.%s failed", call.service, call.operation)
        failure = AwsError("InternalFailure", "An internal error occurred; the front's log has it", http=500)
        answer = _error(call, failure, request)
    if asked is not None and service is not None and service.answered is not None and service.has(asked):
        try:
            await service.answered(asked, answer, time.monotonic() - started)
        except Exception:  # it is done, and is answered so
            logger.exception("%s.%s was not noted", call.service, call.operation)
    return answer


async def _answer(asked: Asked, call: Call, service: Service | None) -> Response:
    request, name = asked.request, asked.operation
    bare = service.bare.get(name) if service is not None else None
    if service is None or (bare is None and name not in service.streaming):
        await request.load()
    if service is not None and bare is not None:
        await _settled(asked, service)
        return await bare(asked)
    if service is not None and not name:
        raise service.unknown(asked)
    if service is None or name not in service.operations:
        raise not_offered(call.service or "this service", name or f"{request.method} {request.path}")
    service.look(asked)
    asked.identity = await admit(asked, streamed=request.stream is not None)
    asked.principal = asked.identity.arn if asked.identity.bounded else "root"
    await _settled(asked, service)
    if call.service == "s3":
        request.hoist()
    elif not call.protocol.startswith("rest"):  # what was signed is what came
        request.body = request.unpacked()
    if asked.identity.bounded:
        await authorise(asked, _given(call, name, request), asked.identity)
    if (fast := service.fast.get(name)) is not None:
        answer = await fast(asked)
        if answer is not None:
            return answer
    model = _model(call, name)
    given = decode(call.protocol, model, request)
    service.check(model, given, asked)
    await check_roles(asked, given)

    def encoded(output: Json) -> Response:
        return encode(call.service, call.protocol, model, output, request.request_id)

    async def do() -> Response:
        try:
            output = await service.operations[name](asked, given)
        except AwsError as error:
            raise await hidden(asked, given, error) from None
        note_change(asked, given)
        return output if isinstance(output, Response) else encoded(output or {})

    return await once_of(asked.system.documents).answer(asked, model, do, lambda: encoded({}))


async def _settled(asked: Asked, service: Service) -> None:
    """Wait until the catalog has what was put, where it is read."""
    if service.sees_objects and asked.operation not in service.quick:
        settled = asked.system.puts.settled()
        if settled is not None:
            await settled


def _model(call: Call, name: str) -> OperationModel:
    model = operation_model(call.service, name)
    if model is None:
        raise AwsError("UnknownOperationException", f"Unknown operation {name}", http=400)
    return model


def _given(call: Call, name: str, request: Request) -> Json:
    return decode(call.protocol, _model(call, name), request)


def _rest_name(call: Call, request: Request) -> str:
    try:
        name = rest_operation(call.service, request)
    except UnknownServiceError:
        return ""
    name = RENAMED.get(name, name)
    if not name and call.service == "s3" and request.method == "POST" and _is_bucket(request):
        return "PostObject"  # which no model has
    if "x-amz-copy-source" not in request.headers:  # a header is all that sets these apart
        name = {"CopyObject": "PutObject", "UploadPartCopy": "UploadPart"}.get(name, name)
    elif name in ("PutObject", "UploadPart"):
        name = {"PutObject": "CopyObject", "UploadPart": "UploadPartCopy"}[name]
    return name


def _is_bucket(request: Request) -> bool:
    path = request.path.strip("/")
    return path != "" and "/" not in path and not selectors("s3", request)


def _error(call: Call, error: AwsError, request: Request) -> Response:
    try:
        answer = encode_error(call.service, call.protocol, error, request.request_id)
    except UnknownServiceError:
        stand_in = _STAND_IN.get(call.protocol, "kinesis")
        answer = encode_error(stand_in, call.protocol, error, request.request_id)
    answer.headers |= error.headers
    return answer
