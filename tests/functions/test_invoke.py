"""Any function, called with any event: the answers and errors are those of Lambda's Invoke."""

from __future__ import annotations

import io
import json
import re
import textwrap
import threading
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from forebay.errors import DataRejected, NotFound, Throttled, Unavailable
from forebay.functions.invoke import Host, Invoker, Result
from forebay.functions.package import keep
from forebay.functions.section import FunctionSpec


class Calls:
    """Functions from source, and an invoker over them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.invoker = Invoker(
            Host(
                logs=root / "logs",
                code=root / "code",
                secrets=lambda _: lambda name: f"the secret {name}",
                environment=lambda name, _: {"AWS_ENDPOINT_URL": "http://x", "GIVEN": name},
            )
        )
        self.specs: dict[str, FunctionSpec] = {}

    def make(self, source: str, name: str = "f", *, handler: str = "handler", **spec: Any) -> None:
        file = self.root / f"{name}.py"
        file.write_text(textwrap.dedent(source))
        self.specs[name] = FunctionSpec(
            handler=f"{name}.{handler}" if "{" not in handler else handler.format(name),
            **{"timeout": 20.0, **spec},
        )
        self.invoker.apply(self.specs, self.root)

    def call(self, event: object = None, name: str = "f", **more: Any) -> Result:
        return self.invoker.invoke(name, json.dumps(event).encode(), **more)

    def log(self, name: str = "f") -> str:
        return (self.root / "logs" / f"{name}.log").read_text()


@pytest.fixture
def calls(tmp_path: Path) -> Iterator[Calls]:
    made = Calls(tmp_path)
    yield made
    made.invoker.close()


def said(result: Result) -> Any:
    return json.loads(result.payload)


def test_the_answer_is_the_json_of_what_the_handler_returned(calls: Calls) -> None:
    calls.make("def handler(event, context): return {'got': event, 'text': 'é', 'none': None}")
    result = calls.call({"a": [1, 2.5, "x"]})
    assert result.error is None
    assert result.payload.decode() == '{"got": {"a": [1, 2.5, "x"]}, "text": "é", "none": null}'
    assert calls.call().payload.decode() == '{"got": null, "text": "é", "none": null}'


def test_an_exception_is_an_unhandled_error_with_its_stack(calls: Calls) -> None:
    calls.make(
        """
        def inner():
            raise KeyError("user")

        def handler(event, context):
            inner()
        """
    )
    result = calls.call({})
    assert result.error == "Unhandled"
    error = said(result)
    assert error["errorMessage"] == "'user'"
    assert error["errorType"] == "KeyError"
    assert error["requestId"] == result.request_id
    assert error["stackTrace"] == [
        f'  File "{calls.root}/f.py", line 6, in handler\n    inner()\n',
        f'  File "{calls.root}/f.py", line 3, in inner\n    raise KeyError("user")\n',
    ]
    assert result.reason() == "KeyError: 'user'"


def test_the_log_tail_stands_between_start_and_report(calls: Calls) -> None:
    calls.make("def handler(event, context): print('printed', event); return 1")
    result = calls.call("x", request_id="11111111-2222-3333-4444-555555555555")
    lines = result.log.decode().splitlines()
    assert lines[0] == "START RequestId: 11111111-2222-3333-4444-555555555555 Version: $LATEST"
    assert lines[1] == "printed x"
    assert lines[2] == "END RequestId: 11111111-2222-3333-4444-555555555555"
    assert re.match(r"REPORT RequestId: \S+ Duration: [\d.]+ ms Billed Duration: \d+ ms", lines[3])
    calls.make("def handler(event, context): print('x' * 10_000)", "long")
    assert len(calls.call(name="long").log) == 4096


def test_a_timeout_says_so_in_lambdas_words(calls: Calls) -> None:
    calls.make("import time\ndef handler(event, context): time.sleep(60)", timeout=0.3)
    result = calls.call({})
    assert result.error == "Unhandled"
    assert said(result) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {result.request_id} Error: Task timed out after 0.30 seconds",
    }
    calls.make("import time\ndef handler(event, context): return 'again'", timeout=20.0)
    assert said(calls.call({})) == "again"


def test_a_function_that_passes_its_memory_is_killed(calls: Calls) -> None:
    calls.make(
        "import time\ndef handler(event, context):\n    x = bytearray(200 << 20)\n    time.sleep(60)",
        memory=96 << 20,
    )
    error = said(calls.call({}))
    assert error["errorType"] == "Runtime.ExitError"
    assert error["errorMessage"].endswith("Error: Runtime exited with error: signal: killed")


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        (
            "return {1, 2}",
            "Runtime.MarshalError",
            "Unable to marshal response: Object of type set is not JSON",
        ),
        ("import sys; sys.exit(3)", "Runtime.ExitError", "Runtime exited with error: exit status 3"),
        ("import os; os._exit(7)", "Runtime.ExitError", "Runtime exited with error: exit status 7"),
        (
            "return 'x' * 7_000_000",
            "Function.ResponseSizeTooLarge",
            "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        ),
    ],
)
def test_what_a_handler_may_not_do_is_its_error(calls: Calls, body: str, kind: str, message: str) -> None:
    calls.make(f"def handler(event, context):\n    {body}")
    result = calls.call({})
    assert result.error == "Unhandled"
    assert said(result)["errorType"] == kind
    assert message in said(result)["errorMessage"]


def test_code_that_cannot_be_imported_is_an_error_of_the_call(calls: Calls) -> None:
    calls.make("import nothing_of_the_kind\ndef handler(event, context): pass")
    result = calls.call({})
    assert result.error == "Unhandled"
    assert said(result)["errorType"] == "Runtime.ImportModuleError"
    assert "No module named 'nothing_of_the_kind'" in said(result)["errorMessage"]
    calls.make("x = 1", "g")
    assert said(calls.call({}, "g"))["errorType"] == "Runtime.HandlerNotFound"


def test_the_context_and_the_environment_are_lambdas(calls: Calls) -> None:
    calls.make(
        """
        import os

        def handler(event, context):
            return {
                "client": [context.client_context.custom, context.client_context.client.app_title],
                "identity": context.identity.cognito_identity_id,
                "arn": context.invoked_function_arn,
                "id": context.aws_request_id,
                "same": os.environ["AWS_LAMBDA_LOG_STREAM_NAME"] == context.log_stream_name,
                "env": {k: os.environ.get(k) for k in (
                    "AWS_ENDPOINT_URL", "GIVEN", "TOKEN", "AWS_LAMBDA_FUNCTION_NAME", "LAMBDA_TASK_ROOT")},
            }
        """,
        environment={"TOKEN": "${secret:T}"},
    )
    result = calls.call({}, client_context={"custom": {"a": 1}, "client": {"app_title": "t"}})
    assert said(result) == {
        "client": [{"a": 1}, "t"],
        "identity": None,
        "arn": "arn:aws:lambda:us-east-1:000000000000:function:f",
        "id": result.request_id,
        "same": True,
        "env": {
            "AWS_ENDPOINT_URL": "http://x",
            "GIVEN": "f",
            "TOKEN": "the secret T",
            "AWS_LAMBDA_FUNCTION_NAME": "f",
            "LAMBDA_TASK_ROOT": str(calls.root),
        },
    }


def test_uploaded_code_is_imported_from_its_own_folder_and_reads_no_secrets(calls: Calls) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("own_library.py", "VALUE = 7")
        made.writestr(
            "index.py",
            "import os, own_library\ndef handler(e, c): return [own_library.VALUE, os.environ['T']]",
        )
    digest = keep(calls.root / "code", archive.getvalue()).sha256
    spec = FunctionSpec(handler="index.handler", code=digest, environment={"T": "${secret:T}"})
    calls.invoker.apply({"up": spec}, calls.root)
    assert said(calls.call({}, "up")) == [7, "${secret:T}"]


def test_a_plain_function_takes_the_event_alone(calls: Calls) -> None:
    calls.make("def clean(event): return event['a'] + 1", handler="{}.py:clean")
    assert said(calls.call({"a": 1})) == 2


def test_what_cannot_be_called_is_refused(calls: Calls) -> None:
    with pytest.raises(NotFound, match="no function is named g"):
        calls.call({}, "g")
    calls.make("def handler(e, c): pass")
    with pytest.raises(DataRejected, match="passes"):
        calls.invoker.invoke("f", b'"' + b"x" * (6 << 20) + b'"')
    calls.make("def handler(e, c): pass", "none", workers=0)
    with pytest.raises(Throttled, match="Rate Exceeded"):
        calls.call({}, "none")
    (calls.root / "requirements.txt").write_text("left-pad")
    calls.make("def handler(e, c): pass", "needy", requirements="requirements.txt")
    with pytest.raises(Unavailable, match="not installed") as caught:
        calls.call({}, "needy")
    assert caught.value.fix == "run: forebay install"


def test_calls_share_the_workers_there_are_and_no_more(calls: Calls) -> None:
    calls.make(
        """
        import os, pathlib, time

        def handler(event, context):
            mark = pathlib.Path(event) / str(os.getpid())
            mark.touch()
            while len(list(pathlib.Path(event).iterdir())) < 2:
                time.sleep(0.01)
            return os.getpid()
        """,
        workers=2,
    )
    marks = calls.root / "marks"
    marks.mkdir()
    with ThreadPoolExecutor(6) as pool:
        pids = {said(r) for r in pool.map(lambda _: calls.call(str(marks)), range(6))}
    assert len(pids) == 2


def test_a_changed_function_is_taken_up_while_a_call_of_the_old_ends(
    calls: Calls, until: Callable[[Callable[[], bool]], object]
) -> None:
    calls.make(
        """
        import pathlib, time

        def handler(event, context):
            pathlib.Path(event, "begun").touch()
            while not pathlib.Path(event, "go").exists():
                time.sleep(0.01)
            return "old"
        """
    )
    got: list[Result] = []
    caller = threading.Thread(target=lambda: got.append(calls.call(str(calls.root))))
    caller.start()
    until((calls.root / "begun").exists)
    calls.make("def handler(event, context): return 'new'", memory=300 << 20)
    assert said(calls.call("x")) == "new"
    (calls.root / "go").touch()
    caller.join()
    assert said(got[0]) == "old"


def test_calls_that_wait_end_when_the_invoker_does(
    calls: Calls, until: Callable[[Callable[[], bool]], object]
) -> None:
    calls.make("import time\ndef handler(event, context): time.sleep(60)", timeout=60.0)
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(calls.call, n) for n in range(2)]
        until(lambda: len(calls.invoker.status().get("f", {}).get("pids", ())) == 1)
        until(lambda: calls.invoker._functions["f"]._waiting == 1)
        calls.invoker.close()
        for each in waiting:
            with pytest.raises(Unavailable, match="being stopped"):
                each.result(10)
