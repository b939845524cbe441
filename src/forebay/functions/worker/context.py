"""The second argument of a Lambda handler."""

from __future__ import annotations

import os
import time
import uuid
from typing import Any

from forebay.arn import arn
from forebay.functions.worker.load import say


class Identity:
    """Who calls through a mobile application; nobody does."""

    cognito_identity_id: str | None = None
    cognito_identity_pool_id: str | None = None


class Client:
    """The calling application, as it says of itself."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.installation_id = given.get("installation_id")
        self.app_title = given.get("app_title")
        self.app_version_name = given.get("app_version_name")
        self.app_version_code = given.get("app_version_code")
        self.app_package_name = given.get("app_package_name")


class ClientContext:
    """What the caller gave as `ClientContext`."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.custom = given.get("custom")
        self.env = given.get("env")
        client = given.get("client")
        self.client = Client(client) if isinstance(client, dict) else None


class LambdaContext:
    """What AWS documents as "the Lambda context object in Python". `memory` is in bytes, times in seconds."""

    def __init__(self, name: str, memory: int, region: str) -> None:
        day = time.strftime("%Y/%m/%d", time.gmtime())
        self.aws_request_id = ""
        self.function_name = name
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        qualifier = "" if self.function_version == "$LATEST" else f":{self.function_version}"
        self.invoked_function_arn = arn("lambda", f"function:{name}{qualifier}", region=region)
        self.memory_limit_in_mb = str(max(1, memory >> 20))
        self.log_group_name = f"/aws/lambda/{name}"
        self.log_stream_name = f"{day}/[{self.function_version}]{uuid.uuid4().hex}"
        os.environ["AWS_LAMBDA_LOG_STREAM_NAME"] = self.log_stream_name
        self.identity = Identity()
        self.client_context: ClientContext | None = None
        self.tenant_id = None
        self._deadline = 0.0

    def begin(self, request_id: str, timeout: float, client: dict[str, Any] | None = None) -> None:
        """An invocation starts now."""
        self.aws_request_id = request_id
        self.client_context = ClientContext(client) if client else None
        self._deadline = time.monotonic() + timeout

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the invocation is ended from outside."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))

    def log(self, message: object) -> None:
        """Write to the function's log."""
        say(str(message))
