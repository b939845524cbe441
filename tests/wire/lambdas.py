"""What the Lambda tests share: zip files, and functions of their own."""

from __future__ import annotations

import io
import json
import textwrap
import uuid
import zipfile
from typing import Any

from tests.wire.sdk import ACCOUNT

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


def arn(name: str) -> str:
    """A function's, or a version's or alias's behind a colon."""
    return f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"


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
            "Timeout": 60,
            **given,
        },
    )
    return name


def invoke(functions: Any, name: str, event: object = None, **given: Any) -> Any:
    """What the function answers."""
    answer = functions.invoke(FunctionName=name, Payload=json.dumps(event), **given)
    assert "FunctionError" not in answer, answer["Payload"].read()
    return json.loads(answer["Payload"].read())
