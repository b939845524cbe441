"""The `topics` section: who is told."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

import msgspec

from forebay.arn import REGION
from forebay.project.check import Check, Part
from forebay.project.field import Field
from forebay.project.model import Location, Project, Spec
from forebay.project.secrets import USE
from forebay.project.section import Section

_URL = re.compile(r"https?://[^/?#\s]+")
_TESTS = ("prefix", "suffix", "anything-but", "numeric", "exists", "equals-ignore-case", "cidr", "wildcard")
_WIRE = "it is made over the AWS wire"
PROTOCOLS = ("http", "https", "email", "email-json", "lambda", "firehose", "webhook", "service")
"""How subscribers are reached. `webhook` and `service` are the project's own, the others SNS's."""


class MailSpec(Spec, frozen=True, kw_only=True):
    """The mail server that a topic's mails are handed to."""

    host: Annotated[str, Field("The server.", example="smtp.example.org")]
    port: Annotated[int, Field("Its port.", example="587", minimum=1, maximum=65535)] = 587
    sender: Annotated[
        str,
        Field("Who the mails are from.", example="forebay@example.org", yaml="from"),
    ]
    tls: Annotated[
        Literal["starttls", "always", "never"],
        Field("Whether the connection is encrypted once it is up, from its beginning, or not at all."),
    ] = "starttls"
    user: Annotated[
        str | None, Field("Whom to log in as.", example="'${secret:SMTP_USER}'", secrets=True)
    ] = None
    password: Annotated[
        str | None, Field("And the password.", example="'${secret:SMTP_PASSWORD}'", secrets=True)
    ] = None


class SubscriptionSpec(Spec, frozen=True, kw_only=True):
    """One subscriber of a topic. `id` is the last part of its ARN; `pending`, until it is confirmed, the token."""

    id: Annotated[str, Field("Its UUID.")]
    protocol: Annotated[str, Field("How it is reached.")]
    endpoint: Annotated[str, Field("Where.", secrets=True)]
    pending: Annotated[str | None, Field("The token that confirms it.")] = None
    raw: Annotated[bool, Field("Only the message, without what SNS puts around it.")] = False
    filter: Annotated[dict[str, Any] | None, Field("Only messages that match.")] = None
    scope: Annotated[
        Literal["MessageAttributes", "MessageBody"], Field("What of a message the filter looks at.")
    ] = "MessageAttributes"
    policy: Annotated[dict[str, Any] | None, Field("AWS's delivery policy.")] = None
    errors: Annotated[Location | None, Field("Where messages are kept that it did not take.")] = None

    @property
    def label(self) -> str:
        """What it is called in the ledger, within its topic."""
        if self.protocol == "lambda":
            return f"functions.{function_of(self.endpoint)}"
        return f"{self.protocol}-{self.id.replace('-', '')[:12]}"


class TopicSpec(Spec, frozen=True, kw_only=True):
    """A topic and its subscribers. Any of the values may be a secret."""

    email: Annotated[list[str], Field("Addresses.", example="[ops@example.org]", one=True, secrets=True)] = []
    webhook: Annotated[
        list[str],
        Field(
            "URLs that get a POST of plain JSON, as chats take it.",
            example='["${secret:OPS_HOOK}"]',
            one=True,
            secrets=True,
        ),
    ] = []
    services: Annotated[
        list[str],
        Field(
            "Addresses of the notification library.",
            example='["slack://${secret:SLACK}"]',
            one=True,
            secrets=True,
        ),
    ] = []
    functions: Annotated[
        list[str],
        Field(
            "Functions that are called with the message.",
            example="[alert]",
            refs=("functions",),
            one=True,
            feeds="rule",
        ),
    ] = []
    filter: Annotated[
        dict[str, Any] | None,
        Field("Only messages whose attributes match.", example="{level: [high]}", kind="pattern"),
    ] = None
    mail: Annotated[
        MailSpec | None,
        Field(
            "The mail server. Said in one topic it holds for all that say none; otherwise this machine's own is tried.",
            example='{host: smtp.example.org, from: forebay@example.org, user: me, password: "${secret:SMTP_PASSWORD}"}',
        ),
    ] = None
    errors: Annotated[
        Location | None,
        Field(
            "Where messages are kept that a subscriber did not take. Otherwise `lake.<project>-errors/topics/`.",
            example="lake.shop/untold/",
        ),
    ] = None
    retention: Annotated[
        float,
        Field(
            "How long a message is kept at least. One that a subscriber has not taken yet stays longer.",
            example="24h",
            kind="duration",
            minimum=1,
        ),
    ] = 86400.0
    fifo: Annotated[
        bool, Field("Whether subscribers get one message after another, and none twice.", later=_WIRE)
    ] = False
    region: Annotated[str, Field("The region in its ARN.", later=_WIRE)] = REGION
    signature: Annotated[
        Literal["1", "2"],
        Field("The version of the notifications' signature: SHA-1 or SHA-256.", later=_WIRE),
    ] = "1"
    policy: Annotated[dict[str, Any] | None, Field("AWS's delivery policy.", later=_WIRE)] = None
    subscriptions: Annotated[dict[str, SubscriptionSpec], Field("Subscribers by UUID.", later=_WIRE)] = {}

    def subscribers(
        self, topic: str, triggered: Mapping[str, dict[str, Any] | None] = MappingProxyType({})
    ) -> Iterator[SubscriptionSpec]:
        """All of them; `triggered` are the functions that say themselves that they are called, with their filters."""
        for protocol, endpoints in (
            ("email", self.email),
            ("webhook", self.webhook),
            ("service", self.services),
            ("lambda", dict.fromkeys((*self.functions, *triggered))),
        ):
            for endpoint in endpoints:
                yield SubscriptionSpec(
                    id=_id(topic, protocol, endpoint),
                    protocol=protocol,
                    endpoint=endpoint,
                    filter=triggered.get(endpoint) or self.filter if protocol == "lambda" else self.filter,
                    errors=self.errors,
                )
        yield from self.subscriptions.values()


def function_of(endpoint: str) -> str:
    """The function that an endpoint names, by its name or ARN: `alert`, `alert:3`."""
    return endpoint.rpartition(":function:")[2].removesuffix(":$LATEST")


def _id(topic: str, protocol: str, endpoint: str) -> str:
    """A UUID that stays while the endpoint does, so that its place in the topic stays too."""
    digest = hashlib.sha256(f"{topic}\0{protocol}\0{endpoint}".encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"


def triggered(project: Project, topic: str) -> dict[str, dict[str, Any] | None]:
    """The functions that say `on: topics.<topic>`, each with its filter."""
    return {
        name: on.filter
        for name, spec in project.sections.get("functions", {}).items()
        for on in getattr(spec, "on", ())
        if on.topic == topic and on.enabled
    }


def default_errors(project: Project) -> Location:
    """Where messages are kept that a subscriber did not take, unless something else was said."""
    bucket = "".join(c if c.isalnum() and c.isascii() else "-" for c in project.name.lower())
    return Location(f"{bucket}-errors", "topics/")


LOCAL = MailSpec(host="localhost", port=25, sender="", tls="never")
"""This machine's own mail server, if it has one."""


def mail_of(project: Project, topic: str) -> MailSpec:
    """The mail server of a topic: its own, else the first that one says, else this machine's."""
    topics = project.of(TopicSpec)
    own = topics[topic].mail if topic in topics else None
    return own or next((spec.mail for spec in topics.values() if spec.mail is not None), LOCAL)


def _readers(name: str, entry: Any) -> list[str]:
    """Who reads a topic's log, the functions apart, which are edges of the graph: each that is confirmed."""
    return [f"topics.{name}/{each.label}" for each in entry.subscribers(name) if each.pending is None]


def _with_subscriptions(
    entries: Mapping[str, Spec], parts: Iterable[tuple[str, dict[str, Any]]]
) -> dict[str, Spec]:
    """The topics with the subscriptions made over the wire: `<topic>/<uuid>`."""
    found = dict(entries)
    for id, doc in parts:
        topic = id.rpartition("/")[0]
        spec = found.get(topic)
        if isinstance(spec, TopicSpec):
            made = msgspec.convert(doc["spec"], SubscriptionSpec)
            found[topic] = msgspec.structs.replace(spec, subscriptions={**spec.subscriptions, made.id: made})
    return found


def _check(check: Check) -> None:
    for name, spec in check.entries("topics", TopicSpec):
        _check_filter(check, ("topics", name, "filter"), spec.filter)
        if spec.mail is not None and "@" not in spec.mail.sender and not USE.search(spec.mail.sender):
            message = f"{spec.mail.sender!r} is no mail address"
            check.add("BadAddress", ("topics", name, "mail", "from"), message, fix="forebay@example.org")
        for index, address in enumerate(spec.email):
            if not USE.search(address) and address.count("@") != 1:
                check.add(
                    "BadAddress",
                    ("topics", name, "email", index),
                    f"{address!r} is no mail address",
                    fix="ops@example.org",
                )
        for index, url in enumerate(spec.webhook):
            if not USE.search(url) and not _URL.match(url):
                check.add(
                    "BadUrl",
                    ("topics", name, "webhook", index),
                    f"{url!r} is no http or https URL",
                    fix="https://chat.example.org/hooks/...",
                )
        for index, url in enumerate(spec.services):
            if not USE.search(url) and "://" not in url:
                check.add(
                    "BadUrl",
                    ("topics", name, "services", index),
                    f"{url!r} is no address of a service",
                    fix="slack://tokenA/tokenB/tokenC",
                )


def _check_filter(check: Check, part: Part, found: Mapping[str, Any] | None) -> None:
    """Each attribute has a list of values or tests, as in SNS's filter policies."""
    for key, values in (found or {}).items():
        wrong = None
        if not isinstance(values, list) or not values:
            wrong = f"`{key}` wants a list of values or tests"
        elif key == "$or":
            continue
        else:
            tests = [each for each in values if isinstance(each, dict | list)]
            if any(
                not isinstance(each, dict) or len(each) != 1 or not {*each} <= {*_TESTS} for each in tests
            ):
                wrong = f"`{key}` has a test that there is not: one of {', '.join(_TESTS)}"
        if wrong:
            why = "a filter that cannot be read lets nothing by"
            check.add("BadFilter", (*part, key), wrong, why=why, fix=f"{key}: [high]")


SECTION = Section(
    noun="topics",
    title="Topics",
    doc=(
        "Each entry is a name under which people and services are told. What is published is kept durably until "
        "each subscriber has taken it."
    ),
    example="""\
ops:
  email: [ops@example.org]
  webhook: ["${secret:OPS_HOOK}"]
  mail: {host: smtp.example.org, from: forebay@example.org}
""",
    spec=TopicSpec,
    holds=lambda _: True,
    log=lambda _: True,
    check=_check,
    parts=_with_subscriptions,
    readers=_readers,
)
