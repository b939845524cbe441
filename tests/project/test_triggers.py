"""What calls a function, as a project says it."""

from __future__ import annotations

import pytest

from forebay.functions.section import FunctionSpec, TriggerSpec
from forebay.project.model import Location
from tests.project.folder import Folder, only

CODE = "def handler(event, context): pass"


def function(folder: Folder, on: str) -> str:
    folder.write({"f.py": CODE})
    return f"streams:\n  s: {{}}\nfunctions:\n  f: {{handler: f.handler, on: {on}}}\n"


@pytest.mark.parametrize(
    ("on", "trigger"),
    [
        ("streams.s", TriggerSpec(stream="s")),
        ("{stream: s, batch: 5, window: 2s}", TriggerSpec(stream="s", batch=5, window=2.0)),
        ("lake.files/raw/", TriggerSpec(bucket=Location("files", "raw/"))),
        ("rate(5 minutes)", TriggerSpec(schedule="rate(5 minutes)")),
    ],
)
def test_a_trigger_may_be_short(folder: Folder, on: str, trigger: TriggerSpec) -> None:
    project = folder.good(function(folder, on))
    assert project.of(FunctionSpec)["f"].on == [trigger]


@pytest.mark.parametrize(
    ("on", "code"),
    [
        ("{stream: s, bucket: lake.files}", "OneOf"),
        ("{stream: none}", "UnknownReference"),
        ("{schedule: every day}", "BadSchedule"),
        ("{stream: s, filter: {data: text}}", "BadPattern"),
    ],
)
def test_a_trigger_that_cannot_be_is_found(folder: Folder, on: str, code: str) -> None:
    assert only(folder.check(function(folder, on))).code == code
