"""Glue's triggers and workflows through boto3: they start crawlers, and say what became of them."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.harness import System, until
from tests.wire.glue import Json
from tests.wire.sdk import refused, serving

system = serving("name: shop\nlake: {shelf: {}}\n")


@pytest.fixture(scope="module", autouse=True)
def rows(system: System, s3: Any) -> None:
    s3.put_object(Bucket="shelf", Key="orders/a.csv", Body=b"id,v\n1,2\n2,3\n")


@pytest.fixture
def crawler(glue: Any) -> Iterator[str]:
    name = f"c-{uuid.uuid4().hex[:8]}"
    glue.create_crawler(
        Name=name,
        Role="arn:aws:iam::000000000000:role/r",
        DatabaseName="shop",
        Targets={"S3Targets": [{"Path": "s3://shelf/orders/"}]},
        TablePrefix=name.replace("-", "_"),
    )
    yield name
    until(lambda: glue.get_crawler(Name=name)["Crawler"]["State"] == "READY")
    glue.delete_crawler(Name=name)


def tables(glue: Any) -> list[str]:
    return [table["Name"] for table in glue.get_tables(DatabaseName="shop")["TableList"]]


def test_a_trigger_starts_its_crawler_when_it_is_started(glue: Any, crawler: str) -> None:
    glue.create_trigger(
        Name="t", Type="ON_DEMAND", Actions=[{"CrawlerName": crawler}], Tags={"team": "a"}, Description="d"
    )
    found = glue.get_trigger(Name="t")["Trigger"]
    assert (found["State"], found["Actions"]) == ("CREATED", [{"CrawlerName": crawler}])
    assert glue.list_triggers(Tags={"team": "a"})["TriggerNames"] == ["t"]
    assert glue.list_triggers(Tags={"team": "b"})["TriggerNames"] == []
    assert glue.batch_get_triggers(TriggerNames=["t", "u"])["TriggersNotFound"] == ["u"]
    glue.start_trigger(Name="t")
    until(lambda: f"{crawler.replace('-', '_')}orders" in tables(glue))
    updated = glue.update_trigger(Name="t", TriggerUpdate={"Description": "new"})["Trigger"]
    assert updated["Description"] == "new"
    glue.delete_trigger(Name="t")
    refused("EntityNotFoundException", "Trigger t not found.", glue.get_trigger, Name="t")


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (
            {"Type": "ON_DEMAND", "Actions": [{"JobName": "j", "CrawlerName": "c"}]},
            "InvalidInputException",
            "Both JobName and CrawlerName cannot be set together in an action",
        ),
        (
            {"Type": "CONDITIONAL", "Actions": [{"JobName": "j"}]},
            "InvalidInputException",
            "Predicate cannot be null or empty",
        ),
        (
            {
                "Type": "CONDITIONAL",
                "Actions": [{"JobName": "j"}],
                "Predicate": {"Conditions": [{"CrawlerName": "c", "LogicalOperator": "EQUALS"}]},
            },
            "InvalidInputException",
            "State cannot be null or empty, choose from one of the following crawler state:"
            " [SUCCEEDED, FAILED, CANCELLED]",
        ),
        (
            {"Type": "ON_DEMAND", "Actions": [{"JobName": "j"}]},
            "EntityNotFoundException",
            "Job j not found.",
        ),
        (
            {"Type": "ON_DEMAND", "Actions": [{"CrawlerName": "none"}]},
            "EntityNotFoundException",
            "Crawler none not found.",
        ),
    ],
)
def test_what_no_trigger_can_be_is_refused(glue: Any, given: Json, code: str, said: str) -> None:
    refused(code, said, glue.create_trigger, Name="bad", **given)


def scheduled(glue: Any, crawler: str, schedule: str = "cron(0 1 * * ? *)", **given: Any) -> str:
    """A trigger with a schedule; its name."""
    name = f"s-{uuid.uuid4().hex[:8]}"
    actions = [{"CrawlerName": crawler}]
    glue.create_trigger(Name=name, Type="SCHEDULED", Schedule=schedule, Actions=actions, **given)
    return name


def test_a_schedule_is_started_and_stopped(glue: Any, crawler: str) -> None:
    name = scheduled(glue, crawler)

    def state() -> str:
        found: str = glue.get_trigger(Name=name)["Trigger"]["State"]
        return found

    assert state() == "CREATED"
    glue.start_trigger(Name=name)
    assert state() == "ACTIVATED"
    glue.stop_trigger(Name=name)
    assert state() == "DEACTIVATED"
    updated = glue.update_trigger(Name=name, TriggerUpdate={"Schedule": "cron(0 2 * * ? *)"})["Trigger"]
    assert (updated["Schedule"], updated["State"]) == ("cron(0 2 * * ? *)", "DEACTIVATED")
    glue.delete_trigger(Name=name)
    refused("EntityNotFoundException", f"Trigger {name} not found.", glue.get_trigger, Name=name)
    name = scheduled(glue, crawler, StartOnCreation=True)
    assert state() == "ACTIVATED"
    assert "Schedule" not in glue.get_crawler(Name=crawler)["Crawler"]
    glue.delete_trigger(Name=name)


@pytest.mark.proof
def test_a_schedule_starts_its_crawler_also_after_a_kill(system: System, glue: Any, crawler: str) -> None:
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=120)  # a minute at least, which a start may take
    schedule = f"cron({soon.minute} {soon.hour} * * ? *)"
    name = scheduled(glue, crawler, schedule, StartOnCreation=True)
    stopped = scheduled(glue, crawler, StartOnCreation=True)
    glue.stop_trigger(Name=stopped)
    system.kill_all()
    system.start(sql=False)
    assert f"{crawler.replace('-', '_')}orders" not in tables(glue)
    until(lambda: f"{crawler.replace('-', '_')}orders" in tables(glue), patience=180)
    glue.delete_trigger(Name=name)


def test_schedules_that_are_none_and_triggers_that_are_not_offered(glue: Any, crawler: str) -> None:
    for schedule in ("rate(5 minutes)", "cron(0/1 * * * ? *)", "whenever"):
        given = {
            "Name": "bad",
            "Type": "SCHEDULED",
            "Actions": [{"CrawlerName": crawler}],
            "Schedule": schedule,
        }
        refused("InvalidInputException", "schedule", glue.create_trigger, **given)
    glue.create_workflow(Name="later")
    with pytest.raises(ClientError, match="begin a workflow") as error:
        scheduled(glue, crawler, WorkflowName="later")
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    glue.delete_workflow(Name="later")


def test_a_workflow_runs_its_crawlers_and_tells_how_they_ended(glue: Any, crawler: str) -> None:
    glue.create_workflow(Name="w", DefaultRunProperties={"a": "1", "b": "2"}, MaxConcurrentRuns=5)
    glue.create_trigger(Name="first", Type="ON_DEMAND", WorkflowName="w", Actions=[{"CrawlerName": crawler}])
    id = glue.start_workflow_run(Name="w", RunProperties={"b": "3"})["RunId"]

    def run() -> Any:
        return glue.get_workflow_run(Name="w", RunId=id)["Run"]

    until(lambda: run()["Status"] == "COMPLETED")
    assert (run()["Statistics"]["TotalActions"], run()["Statistics"]["SucceededActions"]) == (1, 1)
    assert f"{crawler.replace('-', '_')}orders" in tables(glue)
    glue.put_workflow_run_properties(Name="w", RunId=id, RunProperties={"c": "4"})
    properties = glue.get_workflow_run_properties(Name="w", RunId=id)["RunProperties"]
    assert properties == {"a": "1", "b": "3", "c": "4"}
    found = glue.get_workflow(Name="w", IncludeGraph=True)["Workflow"]
    assert found["LastRun"]["WorkflowRunId"] == id
    assert [node["Type"] for node in found["Graph"]["Nodes"]] == ["TRIGGER", "CRAWLER"]
    assert [one["WorkflowRunId"] for one in glue.get_workflow_runs(Name="w")["Runs"]] == [id]
    glue.delete_workflow(Name="w")
    refused("EntityNotFoundException", "Trigger first not found.", glue.get_trigger, Name="first")


def test_a_workflow_without_triggers_has_run_at_once(glue: Any) -> None:
    glue.create_workflow(Name="empty", Description="d")
    refused("AlreadyExistsException", "Workflow empty already exists.", glue.create_workflow, Name="empty")
    id = glue.start_workflow_run(Name="empty")["RunId"]
    run = glue.get_workflow_run(Name="empty", RunId=id)["Run"]
    assert (run["Status"], run["Statistics"]["TotalActions"]) == ("COMPLETED", 0)
    glue.update_workflow(Name="empty", MaxConcurrentRuns=2)
    assert glue.get_workflow(Name="empty")["Workflow"]["MaxConcurrentRuns"] == 2
    assert glue.batch_get_workflows(Names=["empty", "none"])["MissingWorkflows"] == ["none"]
    refused("EntityNotFoundException", "Entity not found", glue.get_workflow, Name="none")
    refused("EntityNotFoundException", "Entity not found", glue.get_workflow_run, Name="none", RunId=id)
    glue.delete_workflow(Name="empty")
    assert glue.list_workflows()["Workflows"] == []
