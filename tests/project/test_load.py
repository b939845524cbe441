"""`load`: a folder becomes a project, or all that is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forebay.access.section import AccessSpec
from forebay.bus.section import BusSpec
from forebay.delivery.section import DeliverySpec
from forebay.functions.section import FunctionSpec
from forebay.ingest.section import RouteSpec, UniqueSpec
from forebay.project.load import load, unsupported
from forebay.project.model import Location, Project, Ref
from forebay.query.section import NamedQuerySpec
from forebay.sections import SECTIONS
from forebay.streams.section import StreamSpec
from tests.project.folder import PYTHON, Folder, codes, only

ROOT = Path(__file__).resolve().parents[2]

# Section 7 of the design: one of everything.
EVERYTHING = """\
name: ecommerce
timezone: Europe/Berlin
ingest:
  clicks: {route: POST /clicks, to: bus.shop, schema: schemas/click.json, key: required, limit: 2000/s}
bus:
  shop:
    rules:
      all:       {when: {source: [{prefix: ""}]}, to: [{streams.activity: {input: $.detail}}]}
      purchases: {when: {detail: {event_type: [purchase]}}, to: [functions.thank]}
streams:
  activity:   {shards: 4, retention: 24h, key: category_id}
  suspicious: {shards: 1}
streamsql:
  bots: streams/bots.sql
functions:
  thank: functions/thank.lambda_handler
  alert:
    handler: functions/thank.lambda_handler
    on: {stream: suspicious, batch: 100}
delivery:
  raw:
    from: streams.activity
    transform: functions/thank.py:clean
    buffer: {seconds: 60, megabytes: 64}
    to: lake.shop/activity/
    format: parquet
    partition: [event_date]
    table: shop.activity
topics:
  ops: {email: [ops@example.org], webhook: ["${secret:OPS_HOOK}"]}
alerts:
  burst:  {sql: "select max(n) from suspicious", when: "> 10", for: 10s, notify: [topics.ops]}
  silent: {metric: ingest.clicks.accepted, when: "= 0", for: 30m, during: "09:00-23:00", notify: [topics.ops]}
simulate:
  shoppers: {template: simulate/shoppers.json, rate: 50/s, to: ingest.clicks}
"""
BOTS = """\
CREATE TABLE activity (user_id BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)
WITH ('connector' = 'kinesis', 'stream' = 'activity', 'format' = 'json');
CREATE TABLE suspicious (user_id BIGINT, n BIGINT)
WITH ('connector' = 'kinesis', 'stream' = 'suspicious', 'format' = 'json');
INSERT INTO suspicious SELECT user_id, COUNT(*) FROM activity GROUP BY user_id, TUMBLE(ts, INTERVAL '10' SECOND);
"""
FILES = {
    "schemas/click.json": "{}",
    "functions/thank.py": PYTHON,
    "streams/bots.sql": BOTS,
    "simulate/shoppers.json": "{}",
}


@pytest.fixture
def everything(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("OPS_HOOK", "https://hooks.example/1")
    return folder.good(EVERYTHING, FILES)


def test_one_of_everything_has_nothing_wrong_with_it(everything: Project) -> None:
    route = everything.of(RouteSpec)["clicks"]
    assert (route.method, route.path, route.to) == ("POST", "/clicks", Ref("bus", "shop"))
    assert (route.key, route.limit, route.max_body) == ("required", 2000.0, 10 << 20)
    assert everything.of(StreamSpec)["activity"] == StreamSpec(shards=4, retention=86400.0, key="category_id")
    delivery = everything.of(DeliverySpec)["raw"]
    assert delivery.from_ == Ref("streams", "activity")
    assert delivery.to == Location("shop", "activity/")
    assert (delivery.buffer.seconds, delivery.buffer.bytes) == (60.0, 64 << 20)
    assert delivery.compression == "snappy"
    assert delivery.transform is not None
    assert (delivery.transform.kind, delivery.transform.handler) == ("function", "functions/thank.py:clean")
    rule = everything.of(BusSpec)["shop"].rules["all"]
    assert (rule.to[0].to, rule.to[0].input) == (Ref("streams", "activity"), "$.detail")
    assert everything.of(FunctionSpec)["alert"].on[0].batch == 100


def test_what_does_not_run_yet_is_checked_but_refused_with_its_place_and_reason(folder: Folder) -> None:
    asked = folder.good("streams: {a: {}}\ntopics:\n  ops: {region: eu-west-1}\n")
    (refused,) = unsupported(asked, SECTIONS)
    assert refused.message == "`topics.ops.region` does not run yet"
    assert refused.code == "NotBuiltYet"
    assert refused.why
    assert refused.line == 4


def test_a_project_is_the_same_after_it_was_written_for_the_processes(everything: Project) -> None:
    again = Project.decode(everything.encode(), SECTIONS)
    assert again.sections == everything.sections
    assert (again.name, again.root, again.timezone) == ("ecommerce", everything.root, "Europe/Berlin")


def test_the_restaurant_has_nothing_wrong_with_it() -> None:
    project, findings = load(ROOT / "examples" / "restaurant", SECTIONS)
    assert findings == []
    assert project is not None
    assert unsupported(project, SECTIONS) == []


def test_all_findings_come_at_once_each_where_it_is(folder: Folder) -> None:
    findings = folder.check(
        "name: shop\n"
        "timezone: Europe/Berln\n"
        "ingest:\n"
        "  clicks: {route: POST clicks, to: delivery.clcks, limt: 5/s}\n"
        "delivery:\n"
        "  clicks:\n"
        "    to: lake.shop/clicks/\n"
        "    format: parqet\n"
        "strems: {}\n"
    )
    assert [(finding.line, finding.column, finding.code) for finding in findings] == [
        (2, 11, "BadValue"),
        (4, 19, "BadValue"),
        (4, 52, "UnknownKey"),
        (8, 13, "BadValue"),
        (9, 1, "UnknownKey"),
    ]
    assert [finding.fix for finding in findings] == [
        "did you mean Europe/Berlin?",
        "write POST /clicks",
        "did you mean `limit`?",
        "did you mean parquet?",
        "did you mean `streams`?",
    ]


def test_an_entry_with_a_finding_is_still_there_for_those_that_name_it(folder: Folder) -> None:
    yaml = "ingest:\n  a: {route: POST /a, to: streams.s}\nstreams:\n  s: {shards: many}\n"
    assert codes(folder.check(yaml)) == ["BadValue"]


def test_defaults_and_short_forms(folder: Folder) -> None:
    project = folder.good(
        "streams:\n  activity:\nfunctions:\n  thank: functions/f.lambda_handler\n"
        "query:\n  how_many: select count(*) from t\n  top: queries/top.sql\n",
        {"functions/f.py": PYTHON, "queries/top.sql": "select 1", "queries/other.sql": "select 2"},
    )
    assert project.of(StreamSpec)["activity"] == StreamSpec()
    assert project.of(FunctionSpec)["thank"].kind == "lambda"
    queries = project.of(NamedQuerySpec)
    assert queries["how_many"].sql == "select count(*) from t"
    assert queries["top"].file == "queries/top.sql"
    assert queries["other"].file == "queries/other.sql"
    assert project.one(AccessSpec) == AccessSpec()


@pytest.mark.parametrize(
    ("written", "kind", "handler", "sql"),
    [
        ("functions/f.lambda_handler", "lambda", "functions/f.lambda_handler", None),
        ("functions/f.py:clean", "function", "functions/f.py:clean", None),
        ("functions.declared", "function", "functions/f.py:clean", None),
        ("select a from events", "sql", None, "select a from events"),
        ("transforms/t.sql", "sql", None, "select b from events"),
        ("{sql: select a from events}", "sql", None, "select a from events"),
    ],
)
def test_a_transform_is_whichever_of_the_four_it_looks_like(
    folder: Folder, written: str, kind: str, handler: str | None, sql: str | None
) -> None:
    project = folder.good(
        f"functions:\n  declared: {{handler: 'functions/f.py:clean', timeout: 5s}}\n"
        f"delivery:\n  d: {{to: lake.shop/d/, transform: {written if written[0] == '{' else repr(written)}}}\n",
        {"functions/f.py": PYTHON, "transforms/t.sql": "select b from events"},
    )
    transform = project.of(DeliverySpec)["d"].transform
    assert transform is not None
    assert (transform.kind, transform.handler, transform.sql) == (kind, handler, sql)
    assert transform.timeout == (5.0 if transform.function else 60.0)


def test_buckets_that_are_only_used_are_there(folder: Folder) -> None:
    project = folder.good("delivery:\n  d: {to: lake.shop/d/}\nlake:\n  other: {expire: 90d}\n")
    assert set(project.sections["lake"]) == {"shop", "other"}


def test_unique_and_cors(folder: Folder) -> None:
    project = folder.good(
        "streams: {s: {}}\n"
        "ingest:\n"
        "  r:\n"
        "    route: put /shops/{shop}/{rest+}\n"
        "    to: streams.s\n"
        "    cors: [https://a.example]\n"
        "    unique: {field: id, within: 1h30m}\n"
        "    max_body: 64KiB\n"
    )
    route = project.of(RouteSpec)["r"]
    assert (route.method, route.path) == ("PUT", "/shops/{shop}/{rest+}")
    assert route.unique == UniqueSpec(field="id", within=5400.0)
    assert (route.cors, route.max_body) == (["https://a.example"], 65536)


@pytest.mark.parametrize("name", ["no such folder", "file"])
def test_a_folder_that_is_none(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    project, findings = load(tmp_path / name, SECTIONS)
    assert project is None
    assert only(findings).code == "NoProject"


def test_a_folder_without_a_project_says_how_to_make_one(tmp_path: Path) -> None:
    assert "forebay init" in str(only(load(tmp_path, SECTIONS)[1]).fix)
    (tmp_path / "forebay.yml").write_text("name: shop\n")
    assert only(load(tmp_path, SECTIONS)[1]).fix == "rename forebay.yml to forebay.yaml"


VALID = EVERYTHING.encode()


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    at=st.integers(0, len(VALID) - 1),
    cut=st.integers(0, 12),
    put=st.one_of(
        st.binary(max_size=8),
        st.sampled_from(
            [b"\t", b": ", b"{", b"]", b"*x", b"&x ", b"!!python/name:os.system ", b"null", b"- ", b"<<: "]
        ),
    ),
)
def test_whatever_is_typed_becomes_findings_or_a_project(
    tmp_path: Path, at: int, cut: int, put: bytes
) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "forebay.yaml").write_bytes(VALID[:at] + put + VALID[at + cut :])
    project, findings = load(tmp_path, SECTIONS)
    errors = [finding for finding in findings if finding.severity == "error"]
    assert (project is None) == bool(errors)
    for finding in findings:
        assert finding.code
        assert finding.message
        assert finding.line >= 0
