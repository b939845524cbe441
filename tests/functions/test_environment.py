"""What a worker sees of the world."""

from __future__ import annotations

import os

import pytest

from forebay.errors import Unavailable
from tests.functions.conftest import Project, Spec, events, origins, rows

SHOW = """
    import os

    def f(event):
        return dict(os.environ)
"""


def environment(project: Project, given: dict[str, str] | None = None, **declared: str) -> dict[str, str]:
    project.write("functions/f.py", SHOW)
    transform = project.open(Spec("function", "functions/f.py:f", environment=declared), environment=given)
    (seen,) = rows(transform.apply(events({}), origins(1)))
    assert isinstance(seen, dict)
    return seen


def test_lambdas_variables_are_there_and_the_declared_ones_win(project: Project) -> None:
    seen = environment(
        project, {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}, TABLE="orders", AWS_REGION="eu-west-1"
    )
    expected = {
        "AWS_LAMBDA_FUNCTION_NAME": "clicks",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
        "AWS_ACCESS_KEY_ID": "test",
        "TABLE": "orders",
        "TZ": "UTC",
    }
    assert {key: seen[key] for key in expected} == expected


def test_forebays_own_environment_does_not_reach_the_users_code(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "real")
    monkeypatch.setenv("FOREBAY_SECRET_OTHER", "canary")
    seen = environment(project)
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "FOREBAY_SECRET_OTHER"} & set(seen)
    assert seen["AWS_SECRET_ACCESS_KEY"] == "test"


def test_an_unknown_secret_decides_nothing_and_is_mended_without_a_restart(project: Project) -> None:
    project.write("functions/f.py", SHOW)
    transform = project.open(Spec("function", "functions/f.py:f", environment={"T": "${secret:LATER}"}))
    with pytest.raises(Unavailable, match="no secret is named LATER"):
        transform.apply(events({}), origins(1))
    project.secrets["LATER"] = "now"
    (seen,) = rows(transform.apply(events({}), origins(1)))
    assert isinstance(seen, dict)
    assert seen["T"] == "now"


def test_a_worker_starts_without_the_heavy_libraries(project: Project) -> None:
    function = project.plain(
        """
    import sys

    def f(event):
        return {"heavy": [name for name in ("pyarrow", "duckdb", "sqlglot", "numpy", "msgspec") if name in sys.modules],
                "pid": __import__("os").getpid()}
    """
    )
    (seen,) = rows(function.apply(events({}), origins(1)))
    assert isinstance(seen, dict)
    assert seen["heavy"] == []
    assert seen["pid"] != os.getpid()


def test_a_file_of_the_project_does_not_shadow_what_the_worker_itself_needs(project: Project) -> None:
    for name in ("orjson", "socket", "struct", "event", "forebay"):
        project.write(f"{name}.py", "raise RuntimeError('shadowed')")
    function = project.plain("def f(event): return event")
    assert rows(function.apply(events({"n": 1}), origins(1))) == [{"n": 1}]
