"""What the Lambda tests share: zip files, functions, errors as a user sees them."""

from __future__ import annotations

import io
import json
import textwrap
import uuid
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::000000000000:role/lambda"


def zipped(source: str, **more: str) -> bytes:
    """A zip file with `index.py` and other files."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("index.py", textwrap.dedent(source))
        for name, text in more.items():
            archive.writestr(f"{name}.py", textwrap.dedent(text))
    return data.getvalue()


ECHO = "def handler(event, context): return event"


def create(functions: Any, source: str = ECHO, name: str | None = None, **given: Any) -> str:
    """A function of the test's own; its name."""
    name = name or f"f-{uuid.uuid4().hex[:8]}"
    functions.create_function(
        FunctionName=name,
        **{
            "Runtime": "python3.12",
            "Role": ROLE,
            "Handler": "index.handler",
            "Code": {"ZipFile": zipped(source)},
            "Timeout": 20,
            **given,
        },
    )
    return name


def invoke(functions: Any, name: str, event: object = None, **given: Any) -> Any:
    """What the function answers."""
    answer = functions.invoke(FunctionName=name, Payload=json.dumps(event), **given)
    assert "FunctionError" not in answer, answer["Payload"].read()
    return json.loads(answer["Payload"].read())


def refused(code: str, message: str, call: Any, **given: Any) -> dict[str, Any]:
    """The error that a call raises: its code, and a part of its message."""
    with pytest.raises(ClientError) as raised:
        call(**given)
    error: dict[str, Any] = raised.value.response["Error"]
    assert error["Code"] == code, error
    assert message in error["Message"], error
    return error
