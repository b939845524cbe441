"""Run a Lambda handler `(event, context)` over batches of records, with Firehose's contract."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from forebay import event as blobs
from forebay.functions import shapes
from forebay.functions.worker.context import LambdaContext
from forebay.functions.worker.load import describe, load, report, say


class LambdaRunner:
    """Builds the event, calls the handler, reads its answer."""

    def __init__(self, config: dict[str, Any]) -> None:
        """Raises LoadFailed."""
        self._root = Path(config["root"])
        self._region = os.environ.get("AWS_REGION", "")
        self._context = LambdaContext(config["name"], config["memory"], self._region)
        self._delivery_arn = config["delivery_arn"]
        self._handler = load(self._root, config["handler"])

    def run(self, head: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        """`head` has request_id, timeout, ids prefix, offsets, arrivals; the body is a blob of records."""
        ids = [f"{head['prefix']}{offset:020d}000000" for offset in head["offsets"]]
        source = head.get("stream")
        if source is not None:
            source["sequences"] = head["offsets"]
        event = shapes.firehose_event(
            blobs.decode_records(body).records(),
            ids,
            head["arrivals"],
            invocation_id=head["request_id"],
            delivery_arn=self._delivery_arn,
            region=self._region,
            source=source,
        )
        self._context.begin(head["request_id"], head["timeout"])
        try:
            returned = self._handler(event, self._context)
        except BaseException as error:  # SystemExit too: on Lambda it fails the invocation, no more
            report(error)
            code = "Function.OutOfMemory" if isinstance(error, MemoryError) else "Lambda.FunctionError"
            return {"error": [code, describe(error, self._root)]}, b""
        try:
            answer = shapes.Answer(ids, returned)
        except ValueError as error:
            say(f"{shapes.NOT_JSON}: {error}")
            return {"error": [shapes.NOT_JSON, str(error)]}, b""
        if answer.size > shapes.PAYLOAD:
            reason = f"Function.ResponseSizeTooLarge: the answer has {answer.size} bytes, Lambda's bound is {shapes.PAYLOAD}"
            return {"error": ["Lambda.FunctionError", reason], "size": answer.size}, b""
        done: dict[str, Any] = {"failed": answer.failed, "dropped": answer.dropped, "size": answer.size}
        if len(answer.source) != len(ids):
            done["source"] = answer.source
        if answer.partition_keys:
            done["partition_keys"] = answer.partition_keys
        if answer.unknown:
            done["unknown"] = answer.unknown
        return done, blobs.encode_records(answer.data)
