"""The findings that need more than one value: references, one of several keys, secrets, patterns, bounds, names."""

from __future__ import annotations

import pytest

from tests.project.folder import DELIVERY, PYTHON, STREAM, Folder, codes, only, said


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


@pytest.mark.parametrize(
    "table",
    [
        "partition_key: user, sort_key: {name: user, type: number}",
        "partition_key: user, indexes: {by: {partition_key: at, sort_key: at}}",
    ],
)
def test_a_key_of_one_attribute_twice(folder: Folder, table: str) -> None:
    finding = only(folder.check(f"keyvalue:\n  seen: {{{table}}}\n"))
    assert said(finding) == ("SameKey", 3, "another attribute, or no sort_key")


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
