"""The second argument of a Lambda handler."""

from __future__ import annotations

import time
import uuid

from forebay.arn import arn


class LambdaContext:
    """What AWS documents as "the Lambda context object in Python". `memory` is in bytes, times in seconds."""

    def __init__(self, name: str, memory: int, region: str) -> None:
        day = time.strftime("%Y/%m/%d", time.gmtime())
        self.aws_request_id = ""
        self.function_name = name
        self.function_version = "$LATEST"
        self.invoked_function_arn = arn("lambda", f"function:{name}", region=region)
        self.memory_limit_in_mb = str(max(1, memory >> 20))
        self.log_group_name = f"/aws/lambda/{name}"
        self.log_stream_name = f"{day}/[$LATEST]{uuid.uuid4().hex}"
        self.identity = None
        self.client_context = None
        self._deadline = 0.0

    def begin(self, request_id: str, timeout: float) -> None:
        """An invocation starts now."""
        self.aws_request_id = request_id
        self._deadline = time.monotonic() + timeout

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the invocation is ended from outside."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))
