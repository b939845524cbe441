"""Crawlers through boto3 and from the project: definitions, runs, schedules, arrivals, the real cases."""

from __future__ import annotations

import gzip
import json
import os
import uuid
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.harness import System, until
from tests.wire.sdk import refused, serving

Json = dict[str, Any]
PROJECT = """\
name: crawled
ingest:
  clicks: {route: POST /clicks, to: streams.clicks}
streams:
  clicks: {}
catalog:
  arriving: {crawl: lake.drop/arriving/, prefix: tbl_, database: found}
  often: {crawl: lake.drop/often/, every: 1s}
  shape: {crawl: streams.clicks, every: 1s, prefix: stream_}
"""

system = serving(PROJECT, sql=True)
MANY = {f"many/{n}.json": "gz:" + '{"id": 1}\n' * 100_000 for n in range(40)}
"""What takes a crawler long: each file a good part of a second."""


class Crawled:
    """A bucket of one's own, a database, and crawlers on it."""

    def __init__(self, system: System, glue: Any) -> None:
        self.system = system
        self.glue = glue
        self.bucket = f"b-{uuid.uuid4().hex[:8]}"
        self.database = f"db_{self.bucket[2:]}"
        self.name = f"crawler {self.bucket[2:]}"
        (system.layout.lake / self.bucket).mkdir()
        glue.create_database(DatabaseInput={"Name": self.database})

    def put(self, files: dict[str, str]) -> None:
        for key, text in files.items():
            path = self.system.layout.lake / self.bucket / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(gzip.compress(text[3:].encode()) if text.startswith("gz:") else text.encode())

    def create(self, path: str = "", **given: Any) -> None:
        self.glue.create_crawler(
            **{
                "Name": self.name,
                "Role": "arn:aws:iam::000000000000:role/glue",
                "DatabaseName": self.database,
                "Targets": {"S3Targets": [{"Path": f"s3://{self.bucket}/{path}"}]},
                **given,
            }
        )

    def run(self) -> Json:
        """Start it as everybody does, and wait for its end."""
        self.glue.start_crawler(Name=self.name)

        def ready() -> Json | None:
            found: Json = self.glue.get_crawler(Name=self.name)["Crawler"]
            return found if found["State"] == "READY" else None

        found = until(ready, every=0.05)
        assert found is not None
        return found

    def tables(self) -> dict[str, Json]:
        return {
            table["Name"]: table for table in self.glue.get_tables(DatabaseName=self.database)["TableList"]
        }


@pytest.fixture
def crawled(system: System, glue: Any) -> Crawled:
    return Crawled(system, glue)


def cases() -> list[Json]:
    root = os.environ.get("FOREBAY_REAL_DATA")
    if root is None:
        return []
    found: list[Json] = json.loads((Path(root) / "cases" / "glue_crawler_cases.json").read_text())["cases"]
    return found


@pytest.mark.parametrize("case", cases(), ids=lambda case: case["name"])
def test_files_become_the_tables_that_aws_makes_of_them(crawled: Crawled, case: Json) -> None:
    given = dict(case.get("crawler") or {})
    later = given.pop("then_add", None)
    crawled.put(case["files"])
    crawled.create(case["include_path"], **given)
    assert crawled.run()["LastCrawl"]["Status"] == "SUCCEEDED"
    if later:
        crawled.put(later)
        crawled.run()
    found = crawled.tables()
    assert sorted(found) == sorted(table["name"] for table in case["tables"])
    for wanted in case["tables"]:
        table = found[wanted["name"]]
        storage = table["StorageDescriptor"]
        assert [[c["Name"], c["Type"]] for c in storage["Columns"]] == wanted["columns"]
        assert [[c["Name"], c["Type"]] for c in table["PartitionKeys"]] == wanted["partition_keys"]
        assert table["Parameters"]["classification"] == wanted["classification"]
        assert storage["SerdeInfo"]["SerializationLibrary"] == wanted["serde"]
        assert (storage["InputFormat"], storage["OutputFormat"]) == (
            wanted["input_format"],
            wanted["output_format"],
        )
        assert wanted.get("parameters", {}).items() <= table["Parameters"].items()
        if "partitions" in wanted:
            where = {"DatabaseName": crawled.database, "TableName": wanted["name"]}
            assert len(crawled.glue.get_partitions(**where)["Partitions"]) == wanted["partitions"]


def test_a_crawled_table_answers_sql_with_its_partitions(crawled: Crawled) -> None:
    crawled.put({"ev/cat1/2024/a.json": '{"id": 1}\n', "ev/cat2/2024/b.json": str({"id": 2}) + "\n"})
    crawled.create("ev/", TablePrefix="tbl_")
    crawled.run()
    rows = crawled.system.query(
        f"select id, partition_0, partition_1 from {crawled.database}.tbl_ev order by id"
    )
    assert rows == [[1, "cat1", "2024"], [2, "cat2", "2024"]]


def test_a_definition_comes_back_as_it_was_given(crawled: Crawled) -> None:
    configuration = json.dumps(
        {"Version": 1.0, "Grouping": {"TableGroupingPolicy": "CombineCompatibleSchemas"}}
    )
    given = {
        "Description": "finds things",
        "Schedule": "cron(15 12 * * ? *)",
        "TablePrefix": "x_",
        "SchemaChangePolicy": {"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"},
        "RecrawlPolicy": {"RecrawlBehavior": "CRAWL_NEW_FOLDERS_ONLY"},
        "LineageConfiguration": {"CrawlerLineageSettings": "DISABLE"},
        "Configuration": configuration,
        "Tags": {"team": "a"},
    }
    crawled.create("a/", **given)
    found = crawled.glue.get_crawler(Name=crawled.name)["Crawler"]
    for name in set(given) - {"Schedule", "Tags"}:
        assert found[name] == given[name], name
    assert found["Schedule"] == {"ScheduleExpression": "cron(15 12 * * ? *)", "State": "SCHEDULED"}
    assert (found["State"], found["Version"], found["CrawlElapsedTime"]) == ("READY", 1, 0)
    assert "LastCrawl" not in found
    refused("AlreadyExistsException", "already exists", crawled.create, path="b/")
    crawled.glue.update_crawler(Name=crawled.name, Description="other")
    found = crawled.glue.get_crawler(Name=crawled.name)["Crawler"]
    assert (found["Description"], found["Version"], found["TablePrefix"]) == ("other", 2, "x_")
    assert crawled.name in crawled.glue.list_crawlers(Tags={"team": "a"})["CrawlerNames"]
    got = crawled.glue.batch_get_crawlers(CrawlerNames=[crawled.name, "none"])
    assert ([c["Name"] for c in got["Crawlers"]], got["CrawlersNotFound"]) == ([crawled.name], ["none"])
    crawled.glue.stop_crawler_schedule(CrawlerName=crawled.name)
    assert crawled.glue.get_crawler(Name=crawled.name)["Crawler"]["Schedule"]["State"] == "NOT_SCHEDULED"
    crawled.glue.start_crawler_schedule(CrawlerName=crawled.name)
    crawled.glue.update_crawler_schedule(CrawlerName=crawled.name, Schedule="cron(0 1 * * ? *)")
    schedule = crawled.glue.get_crawler(Name=crawled.name)["Crawler"]["Schedule"]
    assert schedule == {"ScheduleExpression": "cron(0 1 * * ? *)", "State": "SCHEDULED"}
    crawled.glue.delete_crawler(Name=crawled.name)
    refused(
        "EntityNotFoundException",
        f"Crawler {crawled.name} not found.",
        crawled.glue.get_crawler,
        Name=crawled.name,
    )


def test_runs_are_recorded_with_what_they_changed(crawled: Crawled) -> None:
    crawled.put({"re/day=1/a.json": '{"id": 1}\n'})
    crawled.create("re/")
    crawled.run()
    crawled.put({"re/day=2/a.json": '{"id": 1}\n'})
    crawled.run()
    second, first = crawled.glue.list_crawls(CrawlerName=crawled.name)["Crawls"]
    assert json.loads(json.loads(first["Summary"])["TABLE"])["ADD"]["Details"] == {"names": ["re"]}
    assert json.loads(json.loads(second["Summary"])["PARTITION"])["ADD"]["Count"] == 1
    assert (first["State"], first["EndTime"] >= first["StartTime"]) == ("COMPLETED", True)
    wanted = [{"FieldName": "CRAWL_ID", "FilterOperator": "EQ", "FieldValue": first["CrawlId"]}]
    assert len(crawled.glue.list_crawls(CrawlerName=crawled.name, Filters=wanted)["Crawls"]) == 1
    assert len(crawled.glue.list_crawls(CrawlerName=crawled.name, MaxResults=1)["Crawls"]) == 1
    (metrics,) = crawled.glue.get_crawler_metrics(CrawlerNameList=[crawled.name])["CrawlerMetricsList"]
    assert (metrics["TablesCreated"], metrics["TablesUpdated"], metrics["TablesDeleted"]) == (1, 0, 0)


def test_states_are_told_apart(crawled: Crawled) -> None:
    crawled.put(MANY)
    glue, name = crawled.glue, crawled.name
    others = [f"{name} before {n}" for n in range(2)]
    for each in (name, *others):
        crawled.create("many/", Name=each)

    def state(name: str) -> str:
        found: str = glue.get_crawler(Name=name)["Crawler"]["State"]
        return found

    refused("CrawlerNotRunningException", "isn't running", glue.stop_crawler, Name=name)
    for each in (*others, name):  # two run at a time, so that the third runs for as long as it is looked at
        glue.start_crawler(Name=each)
    assert state(name) == "RUNNING"
    refused("CrawlerRunningException", "already started", glue.start_crawler, Name=name)
    glue.stop_crawler(Name=name)
    assert state(name) == "STOPPING"
    for each in others:
        glue.stop_crawler(Name=each)
    for each in (*others, name):
        until(lambda each=each: state(each) == "READY")  # type: ignore[misc]
    for call in (glue.start_crawler, glue.stop_crawler, glue.delete_crawler):
        refused("EntityNotFoundException", "Crawler none not found.", call, Name="none")
    refused(
        "EntityNotFoundException",
        "Crawler entry with name none does not exist",
        glue.list_crawls,
        CrawlerName="none",
    )


def test_what_cannot_be_crawled_is_refused(crawled: Crawled) -> None:
    refused("InvalidInputException", "Invalid schedule expression", crawled.create, Schedule="every day")
    refused("InvalidInputException", "not valid JSON", crawled.create, Configuration="{")
    refused("InvalidInputException", "At least one target", crawled.create, Targets={})
    jdbc = {"JdbcTargets": [{"ConnectionName": "c", "Path": "p"}]}
    refused("NotImplemented", "JdbcTargets", crawled.create, Targets=jdbc)
    refused("EntityNotFoundException", "Classifier none not found.", crawled.create, Classifiers=["none"])
    crawled.create(Targets={"S3Targets": [{"Path": "s3://not-there/x/"}]})
    failed = crawled.run()["LastCrawl"]
    assert (failed["Status"], "does not exist" in failed["ErrorMessage"]) == ("FAILED", True)


def test_each_target_has_its_own_exclusions(crawled: Crawled) -> None:
    files = {f"{place}/{name}": '{"id": 1}' for place in ("a", "b") for name in ("x.json", "y.tmp")}
    crawled.put(files)
    targets = [
        {"Path": f"s3://{crawled.bucket}/a/", "Exclusions": ["**.tmp"]},
        {"Path": f"s3://{crawled.bucket}/b/"},
    ]
    crawled.create(Targets={"S3Targets": targets})
    crawled.run()
    counts = {name: table["Parameters"]["objectCount"] for name, table in crawled.tables().items()}
    assert counts == {"a": "1", "b": "2"}
    assert crawled.glue.get_crawler(Name=crawled.name)["Crawler"]["Targets"]["S3Targets"] == targets


def test_custom_classifiers_come_first(crawled: Crawled) -> None:
    glue = crawled.glue
    names = [f"json {crawled.bucket}", f"csv {crawled.bucket}"]
    glue.create_classifier(JsonClassifier={"Name": names[0], "JsonPath": "$[*]"})
    glue.create_classifier(CsvClassifier={"Name": names[1], "Delimiter": "~", "ContainsHeader": "PRESENT"})
    crawled.put({"all/a/x.json": '[{"id": 1}, {"id": 2, "n": "x"}]', "all/b/x.csv": "a~b\nc~d\n"})
    crawled.create("all/", Classifiers=names)
    crawled.run()
    found = {
        name: [(c["Name"], c["Type"]) for c in table["StorageDescriptor"]["Columns"]]
        for name, table in crawled.tables().items()
    }
    assert found == {"a": [("id", "int"), ("n", "string")], "b": [("a", "string"), ("b", "string")]}
    glue.update_classifier(JsonClassifier={"Name": names[0], "JsonPath": "$[*].n"})
    assert glue.get_classifier(Name=names[0])["Classifier"]["JsonClassifier"]["Version"] == 2
    crawled.run()
    assert [c["Name"] for c in crawled.tables()["a"]["StorageDescriptor"]["Columns"]] == ["record"]
    glue.delete_classifier(Name=names[0])
    refused("EntityNotFoundException", "not found", glue.get_classifier, Name=names[0])
    refused(
        "NotImplemented", "GrokClassifier", glue.create_classifier,
        GrokClassifier={"Name": "g", "Classification": "c", "GrokPattern": "p"},
    )  # fmt: skip


# --- the project's own ---


def put(system: System, key: str, text: str) -> None:
    path = system.layout.lake / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_projects_crawler_runs_when_an_object_arrives(system: System, glue: Any) -> None:
    put(system, "drop/arriving/day=1/a.csv", "OrderID,Amount\nA,1\nB,2\n")

    def rows(count: int) -> list[list[Any]] | None:
        found = system.query("select day, amount from found.tbl_arriving order by 1, 2")
        return found if len(found) == count else None

    assert until(lambda: rows(2)) == [["1", 1], ["1", 2]]
    put(system, "drop/arriving/day=2/a.csv", "OrderID,Amount\nC,3\nD,4\n")
    assert until(lambda: rows(4))

    def done() -> int:
        """How many runs there were, once all have ended."""
        crawls = glue.list_crawls(CrawlerName="arriving")["Crawls"]
        return 0 if any(crawl["State"] == "RUNNING" for crawl in crawls) else len(crawls)

    before = until(done)
    put(system, "drop/arriving/day=2/a.csv", "OrderID,Amount\nC,3\nD,4\n")
    until(lambda: done() > before)
    assert len(rows(4) or []) == 4
    crawls = glue.list_crawls(CrawlerName="arriving")["Crawls"]
    assert {crawl["State"] for crawl in crawls} == {"COMPLETED"}


def test_a_projects_crawler_runs_on_its_schedule(system: System, glue: Any) -> None:
    put(system, "drop/often/a.json", '{"id": 1}\n')
    until(lambda: glue.get_tables(DatabaseName="crawled", Expression="often")["TableList"])

    def last() -> str:
        found: str = glue.list_crawls(CrawlerName="often")["Crawls"][0]["CrawlId"]
        return found

    before = last()
    until(lambda: last() != before)


def test_a_crawler_on_a_stream_registers_a_table_over_it(system: System, glue: Any) -> None:
    assert system.post("/clicks", {"id": 1, "what": {"x": 1.5}}).status == 200

    def table() -> Json | None:
        found: list[Json] = glue.get_tables(DatabaseName="crawled", Expression="stream_clicks")["TableList"]
        return found[0] if found else None

    found = until(table)
    assert found is not None
    columns = {c["Name"]: c["Type"] for c in found["StorageDescriptor"]["Columns"]}
    assert columns == {"id": "int", "what": "struct<x:double>"}
    assert found["Parameters"]["typeOfData"] == "kinesis"


def test_a_projects_crawlers_are_shown_and_not_changed(system: System, glue: Any) -> None:
    found = glue.get_crawler(Name="arriving")["Crawler"]
    assert found["Targets"]["S3Targets"][0]["Path"] == "s3://drop/arriving/"
    assert {"arriving", "often"} <= set(glue.list_crawlers()["CrawlerNames"])
    refused("InvalidInputException", "forebay.yaml", glue.delete_crawler, Name="arriving")
    refused("InvalidInputException", "forebay.yaml", glue.update_crawler, Name="arriving", Description="x")
    assert {"arriving", "often"} <= set(system.call("flow", "status")["crawlers"])


def test_a_run_that_is_cut_off_is_recorded_as_failed(crawled: Crawled) -> None:
    crawled.put(MANY)
    crawled.create("many/")
    crawled.glue.start_crawler(Name=crawled.name)
    crawled.system.kill("flow")

    def first() -> Json | None:
        try:
            found: Json = crawled.glue.list_crawls(CrawlerName=crawled.name)["Crawls"][-1]
        except ClientError:
            return None
        return found if found["State"] != "RUNNING" else None

    found = until(first)
    assert found is not None
    assert (found["State"], "ended while the crawler ran" in found["ErrorMessage"]) == ("FAILED", True)
    assert crawled.tables() == {}
    crawled.put(dict.fromkeys(MANY, '{"id": 1}'))
    assert crawled.run()["LastCrawl"]["Status"] == "SUCCEEDED"
    assert crawled.tables()["many"]["Parameters"]["objectCount"] == "40"


def test_a_run_is_cancelled_without_having_changed_anything(crawled: Crawled) -> None:
    crawled.put(MANY)
    crawled.create("many/")
    crawled.glue.start_crawler(Name=crawled.name)
    crawled.glue.stop_crawler(Name=crawled.name)
    until(lambda: crawled.glue.get_crawler(Name=crawled.name)["Crawler"]["State"] == "READY")
    assert crawled.glue.get_crawler(Name=crawled.name)["Crawler"]["LastCrawl"]["Status"] == "CANCELLED"
    assert crawled.tables() == {}
