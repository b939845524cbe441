"""The findings that need more than one value: references, files, handlers, tables, SQL, loops."""

from __future__ import annotations

import pytest

from forebay.project.finding import Finding
from tests.project.folder import PYTHON, Folder, codes, only

STREAM = "streams: {activity: {}}\n"
DELIVERY = "delivery:\n  clicks:\n    to: lake.shop/clicks/\n"


def said(finding: Finding) -> tuple[str, int, str | None]:
    return (finding.code, finding.line, finding.fix)


# References


@pytest.mark.parametrize(
    ("to", "code", "fix"),
    [
        ("streams.activty", "UnknownReference", "did you mean streams.activity?"),
        ("stream.activity", "BadValue", "did you mean streams.activity?"),
        ("activity", "BadValue", "did you mean streams.activity?"),
        ("topics.activity", "WrongReference", "did you mean streams.activity?"),
        ("bus.main", "UnknownReference", "known: streams.activity"),
        ("streams.", "BadValue", "<noun>.<name>, as streams.activity"),
    ],
)
def test_a_reference_that_leads_nowhere_names_the_nearest(
    folder: Folder, to: str, code: str, fix: str
) -> None:
    # the streams come after the route: a reference may name what is declared further down
    finding = only(folder.check(f"ingest:\n  r: {{route: POST /r, to: {to}}}\n{STREAM}"))
    assert said(finding) == (code, 3, fix)


def test_a_delivery_reads_or_is_put_to_not_both(folder: Folder) -> None:
    finding = only(
        folder.check(
            f"ingest:\n  r: {{route: POST /r, to: delivery.clicks}}\n{STREAM}{DELIVERY}    from: streams.activity\n"
        )
    )
    assert said(finding) == (
        "FromAndPut",
        3,
        "send to streams.activity instead, or remove `from` of delivery.clicks",
    )


def test_two_routes_for_one_request(folder: Folder) -> None:
    findings = folder.check(
        f"{STREAM}ingest:\n"
        "  a: {route: 'POST /x/{a}', to: streams.activity}\n"
        "  b: {route: 'post /x/{b}', to: streams.activity}\n"
        "  c: {route: 'PUT /x/{b}', to: streams.activity}\n"
        "  d: {route: POST /healthz, to: streams.activity}\n"
    )
    assert [(finding.code, finding.line) for finding in findings] == [
        ("DuplicateRoute", 5),
        ("DuplicateRoute", 7),
    ]


def test_events_that_would_go_round_for_ever(folder: Folder) -> None:
    rule = "{{when: {{source: [x]}}, to: bus.{}}}"
    finding = only(
        folder.check(
            f"bus:\n  a: {{rules: {{r: {rule.format('b')}}}}}\n  b: {{rules: {{r: {rule.format('a')}}}}}\n"
        )
    )
    assert finding.code == "Loop"
    assert "bus.a → bus.b → bus.a" in finding.message


def test_a_bucket_that_looks_misspelt_is_a_warning(folder: Folder) -> None:
    finding = only(
        folder.check("lake:\n  restaurant-lake: {}\ndelivery:\n  c: {to: lake.restaurnt-lake/c/}\n")
    )
    assert (finding.code, finding.severity, finding.line) == ("NearBucket", "warning", 5)


def test_a_former_name_that_is_still_there(folder: Folder) -> None:
    findings = folder.check("streams:\n  a: {was: b}\n  b: {}\n  c: {was: c}\n  d: {was: gone}\n")
    assert [(finding.code, finding.line) for finding in findings] == [("BadRename", 3), ("BadRename", 5)]


# Files and handlers


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


# Exactly one of


@pytest.mark.parametrize(
    ("yaml", "line"),
    [
        ("query:\n  q: {description: nothing}\n", 3),
        ("query:\n  q: {sql: select 1, file: queries/q.sql}\n", 3),
        ("functions:\n  f:\n    handler: functions/f.py:clean\n    on: {batch: 5}\n", 5),
        ("simulate:\n  s: {rate: 5/s, to: streams.a}\nstreams: {a: {}}\n", 3),
    ],
)
def test_of_several_keys_exactly_one(folder: Folder, yaml: str, line: int) -> None:
    finding = only(folder.check(yaml, {"functions/f.py": PYTHON, "queries/q.sql": "select 1"}))
    assert (finding.code, finding.line) == ("OneOf", line)
    assert str(finding.fix).startswith("exactly one of")


# Deliveries and tables


@pytest.mark.parametrize(
    ("prefix", "good"),
    [
        ("day=!{timestamp:yyyy-MM-dd}/", True),
        ("!{partitionKeyFromLambda:customer}/", True),
        ("plain/", True),
        ("!{timestamp:yyyy/", False),
        ("!{time:yyyy}/", False),
        ("!{firehose:error-output-type}/", False),
        ("/absolute/", False),
    ],
)
def test_prefixes(folder: Folder, prefix: str, good: bool) -> None:
    findings = folder.check(f"{DELIVERY}    prefix: '{prefix}'\n")
    assert codes(findings) == ([] if good else ["BadPrefix"])


def test_a_declared_columns_type(folder: Folder) -> None:
    finding = only(folder.check(f"{DELIVERY}    columns: {{id: string, price: flaot}}\n"))
    assert said(finding) == ("BadValue", 5, "did you mean float?")


def test_raw_bytes_are_no_table(folder: Folder) -> None:
    assert only(folder.check(f"{DELIVERY}    format: raw\n    table: clicks\n")).code == "RawTable"


def test_a_partition_without_a_type(folder: Folder) -> None:
    finding = only(folder.check(f"{DELIVERY}    partition: [day]\n    columns: {{id: string}}\n"))
    assert said(finding) == ("BadPartition", 5, "add day: string to columns")


def test_one_table_has_one_owner(folder: Folder) -> None:
    findings = folder.check(
        "delivery:\n"
        "  a: {to: lake.shop/a/, table: clicks}\n"
        "  b: {to: lake.shop/b/, table: shop.clicks}\n"
        "  c: {to: lake.shop/c/, table: other.clicks}\n"
        "catalog:\n"
        "  clicks: {location: lake.shop/x/, format: json, columns: {a: int}}\n"
        "  shop.clicks: {location: lake.shop/y/, format: json, columns: {a: int}}\n"
    )
    assert [(finding.code, finding.line) for finding in findings] == [
        ("DuplicateTable", 3),
        ("DuplicateTable", 4),
        ("DuplicateTable", 8),
    ]


def test_a_projection_that_athena_would_refuse(folder: Folder) -> None:
    findings = folder.check(
        "catalog:\n"
        "  t:\n"
        "    location: lake.shop/t/\n"
        "    format: json\n"
        "    columns: {a: int, day: string}\n"
        "    partitions: {day: string, hour: int}\n"
        "    projection:\n"
        "      day: {type: date, format: yyyy}\n"
        "      other: {type: integer, range: 1}\n"
        "    location_template: s3://shop/t/${day}/\n"
    )
    assert sorted(codes(findings)) == ["BadPartition", *["BadProjection"] * 4, "BadTemplate"]


def test_a_crawler_looks_at_a_place_or_a_stream(folder: Folder) -> None:
    folder.good(
        f"{STREAM}catalog:\n  c: {{crawl: lake.shop/raw/, prefix: tbl_}}\n  s: {{crawl: streams.activity}}\n"
    )
    findings = folder.check(f"{STREAM}catalog:\n  c: {{crawl: raw}}\n  s: {{crawl: streams.activty}}\n")
    assert codes(findings) == ["BadValue", "UnknownReference"]


def test_rows_that_a_table_would_show_by_accident(folder: Folder) -> None:
    findings = folder.check(
        "delivery:\n"
        "  a: {to: lake.shop/a/, table: a}\n"
        "  b: {to: lake.shop/a/b/}\n"
        "  c: {to: lake.shop/c/, error_prefix: 'a/!{firehose:error-output-type}/'}\n"
        "  d: {to: lake.other/}\n"
        "catalog:\n"
        "  all: {location: lake.other/, format: json, columns: {a: int}}\n"
    )
    assert [(finding.code, finding.line, finding.severity) for finding in findings] == [
        ("SharedTable", 4, "warning"),
        ("ErrorsInTable", 5, "warning"),
        ("ErrorsInTable", 6, "warning"),
    ]


# SQL transforms


@pytest.mark.parametrize(
    "sql",
    [
        "select * from events",
        "select upper(name) as name, price * 2 as price from events where price > 0 and not test",
        "select json_extract_scalar(detail, '$.id') as id from events",
        "select case when a = 1 then 'x' else 'y' end as b from events e where e.a in (1, 2)",
    ],
)
def test_a_transform_filters_and_projects(folder: Folder, sql: str) -> None:
    folder.good(
        f"{DELIVERY}    transform: {{sql: {sql!r}}}\n".replace("\\'", "''")
        if "'" not in sql
        else f'{DELIVERY}    transform: {{sql: "{sql}"}}\n'
    )


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("select count(*) from events", "an aggregate"),
        ("select a from events join other on true", "a join"),
        ("select x from events cross join unnest(items) as t(x)", "a join"),
        ("select a from events group by a", "GROUP BY"),
        ("select a from (select a from events) x", "subquery"),
        ("select a from other", "not from events"),
        ("drop table events", "one SELECT"),
        ("select a from events; select b from events", "one SELECT"),
        ("select from where", "cannot be read"),
        ("select 'open from events", "cannot be read"),
    ],
)
def test_a_transform_that_needs_more_than_one_event(folder: Folder, sql: str, word: str) -> None:
    finding = only(folder.check(f'{DELIVERY}    transform: "{sql}"\n'))
    assert (finding.code[:3], finding.line) == ("Sql", 5)
    assert word in finding.message


def test_a_transform_in_a_file_is_blamed_there(folder: Folder) -> None:
    finding = only(
        folder.check(
            f"{DELIVERY}    transform: transforms/t.sql\n",
            {"transforms/t.sql": "select a\nfrom events\nwhere ((a\n"},
        )
    )
    assert (finding.code, finding.file) == ("SqlSyntax", "transforms/t.sql")
    assert finding.line >= 3


# Secrets


def test_a_secret_where_it_would_be_shown(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A", "a")
    finding = only(folder.check("description: ${secret:A}\n"))
    assert (finding.code, finding.line) == ("BadValue", 2)


@pytest.mark.parametrize("text", ["${secret:}", "${secret:A-B}", "${secret A}", "${secret:A"])
def test_a_secret_that_is_spelt_wrong(folder: Folder, text: str) -> None:
    finding = only(
        folder.check(
            f"functions:\n  f: {{handler: 'functions/f.py:clean', environment: {{A: '{text}'}}}}\n",
            {"functions/f.py": PYTHON},
        )
    )
    assert finding.code == "BadValue"
    assert "${secret:NAME}" in finding.message


def test_a_secret_that_is_not_set_is_a_warning(folder: Folder) -> None:
    yaml = "functions:\n  f: {handler: 'functions/f.py:clean', environment: {A: '${secret:NOWHERE}'}}\n"
    finding = only(folder.check(yaml, {"functions/f.py": PYTHON}))
    assert (finding.code, finding.severity) == ("SecretMissing", "warning")
    folder.write({".env": "NOWHERE=1\n"})
    (folder.root / ".env").chmod(0o644)
    assert only(folder.check(yaml)).code == "SecretsExposed"
    (folder.root / ".env").chmod(0o600)
    folder.good(yaml)


# What does not run yet is specified too


@pytest.mark.parametrize(
    ("when", "fix"),
    [
        ("{source: shop}", "source: [shop]"),
        ("{source: [{prefx: a}]}", "did you mean prefix?"),
        ("{}", '{source: [{prefix: ""}]}'),
    ],
)
def test_a_pattern_that_matches_nothing(folder: Folder, when: str, fix: str) -> None:
    finding = only(
        folder.check(f"{STREAM}bus:\n  b: {{rules: {{r: {{when: {when}, to: streams.activity}}}}}}\n")
    )
    assert (finding.code, finding.fix) == ("BadPattern", fix)


def test_keys_with_bounds(folder: Folder) -> None:
    findings = folder.check(
        "streams:\n  a: {shards: 0}\n  b: {shards: 2000}\n  c: {shards: 1.5}\n  d: {retention: 0s}\n"
    )
    assert codes(findings) == ["BadValue"] * 4
    assert "at least" in findings[0].message
    assert "at most" in findings[1].message


@pytest.mark.parametrize("origin", ['"*"', "shop.example", "https://shop.example/page", "https://*.example"])
def test_what_is_no_origin(folder: Folder, origin: str) -> None:
    finding = only(
        folder.check(f"{STREAM}ingest:\n  r: {{route: POST /r, to: streams.activity, cors: [{origin}]}}\n")
    )
    assert (finding.code, finding.line) == ("BadValue", 4)


@pytest.mark.parametrize("host", ["https://events.local", "'events.local:80'", "'*'"])
def test_what_is_no_host(folder: Folder, host: str) -> None:
    assert only(folder.check(f"access: {{hosts: [{host}]}}\n")).code == "BadValue"


def test_names(folder: Folder) -> None:
    findings = folder.check(
        "name: My Shop\nstreams:\n  a b: {}\n  1st: {}\nlake:\n  Bucket_: {}\ncatalog:\n  A.b: {location: lake.shop/t/, format: csv, columns: {a: int}}\n"
    )
    assert codes(findings) == ["BadName"] * 5
    assert findings[0].fix == "my_shop"
