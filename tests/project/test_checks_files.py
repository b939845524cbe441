"""The findings about what the project names: files, handlers, schemas, queries, dashboards."""

from __future__ import annotations

import pytest

from tests.project.folder import PYTHON, STREAM, Folder, only, said


def test_a_file_that_is_not_there(folder: Folder) -> None:
    findings = folder.check(
        f"{STREAM}ingest:\n  r: {{route: POST /r, to: streams.activity, schema: schemas/clik.json}}\n"
        f"query:\n  top: /etc/passwd\n  q: ../q.sql\n",
        {"schemas/click.json": "{}"},
    )
    assert [said(finding) for finding in findings] == [
        ("FileNotFound", 4, "did you mean schemas/click.json?"),
        ("OutsideProject", 6, "move it inside"),
        ("OutsideProject", 7, "move it inside"),
    ]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ('"schemas/a\\0b.json"', "BadValue"),
        ('""', "BadValue"),
        ("schemas", "FileNotFound"),
        ("schemas/loop.json", "FileUnreadable"),
        ("schemas/outside.json", "OutsideProject"),
        ("schemas/" + "a" * 300, "FileUnreadable"),
        ("schemas/s.json/x.json", "FileUnreadable"),
    ],
)
def test_a_path_that_no_file_has(folder: Folder, path: str, code: str) -> None:
    folder.write({"schemas/s.json": "{}"})
    (folder.root / "schemas" / "loop.json").symlink_to("loop.json")
    (folder.root / "schemas" / "outside.json").symlink_to("/etc/passwd")
    finding = only(
        folder.check(f"{STREAM}ingest:\n  r: {{route: POST /r, to: streams.activity, schema: {path}}}\n")
    )
    assert (finding.code, finding.line) == (code, 4)


@pytest.mark.parametrize("python", ["(" * 5000, "x = '\0'", "\xff", "-" * 100_000 + "1"])
def test_python_that_cannot_even_be_read(folder: Folder, python: str) -> None:
    (folder.root / "f.py").write_bytes(python.encode("latin-1"))
    finding = only(folder.check("functions:\n  f: 'f.py:clean'\n"))
    assert (finding.code, finding.file) == ("PythonSyntax", "f.py")


def test_doubtful_escapes_are_not_our_business(folder: Folder) -> None:
    folder.good(
        "functions:\n  f: 'f.py:clean'\n",
        {"f.py": "import re\n\ndef clean(event):\n    return re.sub('\\d', '', event)\n"},
    )


@pytest.mark.parametrize(
    ("handler", "code", "place", "fix"),
    [
        (
            "functions/clen.lambda_handler",
            "FileNotFound",
            "forebay.yaml:3:6",
            "did you mean functions/clean.py?",
        ),
        ("functions/clean.handler", "BadHandler", "forebay.yaml:3:6", "did you mean lambda_handler?"),
        (
            "functions/clean.py:lambda_handler",
            "BadHandler",
            "functions/clean.py:1:1",
            "def lambda_handler(event):",
        ),
        ("functions/clean.clean", "BadHandler", "functions/clean.py:5:1", "def clean(event, context):"),
        ("functions/broken.py:clean", "PythonSyntax", "functions/broken.py:2:11", None),
        (
            "functions/later.py:clean",
            "BadHandler",
            "functions/later.py:1:1",
            "remove `async`, or use asyncio.run inside",
        ),
        ("clean", "BadHandler", "forebay.yaml:3:6", None),
        ("../clean.py:clean", "OutsideProject", "forebay.yaml:3:6", None),
    ],
)
def test_a_handler_that_cannot_be_called(
    folder: Folder, handler: str, code: str, place: str, fix: str | None
) -> None:
    finding = only(
        folder.check(
            f"functions:\n  f: {handler}\n",
            {
                "functions/clean.py": PYTHON,
                "functions/broken.py": "\ndef clean(:\n    pass\n",
                "functions/later.py": "async def clean(event):\n    return event\n",
            },
        )
    )
    assert (finding.code, finding.place) == (code, place)
    if fix is not None:
        assert finding.fix == fix


@pytest.mark.parametrize(
    "python",
    [
        "from elsewhere import clean\n",
        "import clean\n",
        "from elsewhere import *\n",
        "def make():\n    return lambda event: event\n\nclean = make()\n",
        "if True:\n    def clean(event): return event\nelse:\n    clean = None\n",
        "try:\n    from fast import clean\nexcept ImportError:\n    def clean(event): return event\n",
        "def clean(event, *, mode='x'): return event\n",
        "def clean(*args): return args\n",
        "def clean(event, more=None): return event\n",
        "import functools\n\n@functools.partial(lambda f, g: g, None)\ndef clean(a, b, c): return a\n",
        "class clean:\n    def __init__(self, event): pass\n",
        "clean: object = print\n",
    ],
)
def test_a_handler_may_be_defined_in_any_way(folder: Folder, python: str) -> None:
    folder.good("functions:\n  f: functions/f.py:clean\n", {"functions/f.py": python})


def test_code_is_read_and_never_run(folder: Folder) -> None:
    python = f"open({str(folder.root / 'ran')!r}, 'w')\n{PYTHON}"
    folder.good("functions:\n  f: functions/f.py:clean\n", {"functions/f.py": python})
    assert not (folder.root / "ran").exists()


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ('{"type": "objekt"}', "schemas/s.json:1:1"),
        ('{"type": "object",\n "properties": }', "schemas/s.json:2:16"),
        ('{"pattern": "["}', "schemas/s.json:1:1"),
    ],
)
def test_a_schema_that_is_none(folder: Folder, schema: str, place: str) -> None:
    finding = only(
        folder.check(
            f"{STREAM}ingest:\n  r: {{route: POST /r, to: streams.activity, schema: schemas/s.json}}\n",
            {"schemas/s.json": schema},
        )
    )
    assert (finding.code, finding.place) == ("BadSchema", place)


def test_an_empty_query(folder: Folder) -> None:
    finding = only(folder.check("", {"queries/top.sql": "\n"}))
    assert (finding.code, finding.place) == ("EmptyQuery", "queries/top.sql:1:1")


def test_what_is_wrong_with_a_dashboard_is_said_too(folder: Folder) -> None:
    finding = only(
        folder.check("", {"dashboards/d.yaml": "tiles:\n  - {title: A, kind: pye, query: select 1}\n"})
    )
    assert (finding.file, finding.line) == ("dashboards/d.yaml", 2)
