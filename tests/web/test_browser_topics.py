"""The console's page of topics, with a real system behind it."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, expect

from tests.harness import System
from tests.wire.sdk import serving, speaking
from tests.wire.sns import Endpoint, endpoint

__all__ = ["endpoint"]

PROJECT = """\
name: shop
topics:
  ops: {webhook: "http://127.0.0.1:9/nobody"}
"""

system = serving(PROJECT)
sns = speaking("sns")


def test_a_person_sees_who_is_told_and_sends_a_test(
    system: System, sns: Any, endpoint: Endpoint, page: Page
) -> None:
    made = sns.create_topic(Name="made")["TopicArn"]
    sns.subscribe(TopicArn=made, Protocol="http", Endpoint=endpoint.url + "/seen")
    page.goto(system.console + "/")
    page.get_by_role("link", name="Topics").click()
    ops = page.get_by_role("region", name="ops", exact=True)
    expect(ops).to_contain_text("http://127.0.0.1:9/nobody")
    expect(page.get_by_role("region", name="made", exact=True)).to_contain_text(
        "not confirmed", timeout=30_000
    )
    ops.get_by_role("button", name="Send a test message").click()
    expect(ops).to_contain_text("Published as")
    expect(ops).to_contain_text("failing")
    expect(ops).to_contain_text("EndpointUnreachable")
