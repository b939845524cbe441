"""What a subscriber gets: SNS's JSON and headers, a Lambda event, the plain JSON of chats' hooks, text.

Contract: "Amazon SNS message and JSON formats" (SNS Developer Guide) and "Using AWS Lambda with Amazon SNS".
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson

from forebay.arn import arn
from forebay.clock import now_us, to_datetime
from forebay.topics.message import Message
from forebay.topics.section import SubscriptionSpec
from forebay.topics.signing import Signer

_AGENT = "Amazon Simple Notification Service Agent"


@dataclass(frozen=True, slots=True)
class Notice:
    """A message on its way to one subscriber. `url` is the AWS port's address, `arrival` in UTC microseconds."""

    topic: str
    region: str
    subscription: SubscriptionSpec
    message: Message
    arrival: int
    url: str
    signer: Signer
    version: str = "1"

    @property
    def topic_arn(self) -> str:
        """The topic's ARN."""
        return arn("sns", self.topic, region=self.region)

    @property
    def subscription_arn(self) -> str:
        """The subscription's ARN."""
        return f"{self.topic_arn}:{self.subscription.id}"

    @property
    def text(self) -> str:
        """What this subscriber is told."""
        return self.message.text_for(self.subscription.protocol)

    @property
    def time(self) -> str:
        """When it was published, as SNS writes it."""
        return milliseconds(self.arrival)

    @property
    def certificate_url(self) -> str:
        """Where the certificate is."""
        return f"{self.url}/{self.signer.name}"

    @property
    def unsubscribe_url(self) -> str:
        """Where whoever has this link takes the subscription away."""
        return f"{self.url}/?Action=Unsubscribe&SubscriptionArn={quote(self.subscription_arn, safe='')}"

    def envelope(self) -> dict[str, Any]:
        """SNS's JSON, signed."""
        parts: dict[str, Any] = {
            "Type": "Notification",
            "MessageId": self.message.id,
            "TopicArn": self.topic_arn,
        }
        if self.message.subject is not None:
            parts["Subject"] = self.message.subject
        parts |= {"Message": self.text, "Timestamp": self.time, "SignatureVersion": self.version}
        parts["Signature"] = self.signer.sign(parts, self.version)
        parts["SigningCertURL"] = self.certificate_url
        parts["UnsubscribeURL"] = self.unsubscribe_url
        if self.message.attributes:
            parts["MessageAttributes"] = dict(self.message.attributes)
        return parts

    def http(self) -> tuple[bytes, dict[str, str]]:
        """Body and headers of a POST to an http or https subscriber."""
        headers = {
            "x-amz-sns-message-type": "Notification",
            "x-amz-sns-message-id": self.message.id,
            "x-amz-sns-topic-arn": self.topic_arn,
            "x-amz-sns-subscription-arn": self.subscription_arn,
            "content-type": content_type(self.subscription),
            "user-agent": _AGENT,
        }
        if self.subscription.raw:
            headers["x-amz-sns-rawdelivery"] = "true"
            return self.text.encode(), headers
        return pretty(self.envelope()), headers

    def function(self) -> bytes:
        """The event of a Lambda function."""
        parts = self.envelope()
        own = {
            "Type": "Notification",
            "MessageId": self.message.id,
            "TopicArn": self.topic_arn,
            "Subject": self.message.subject,
            "Message": self.text,
            "Timestamp": self.time,
            "SignatureVersion": self.version,
            "Signature": parts["Signature"],
            "SigningCertUrl": self.certificate_url,
            "UnsubscribeUrl": self.unsubscribe_url,
            "MessageAttributes": dict(self.message.attributes),
        }
        record = {
            "EventSource": "aws:sns",
            "EventVersion": "1.0",
            "EventSubscriptionArn": self.subscription_arn,
            "Sns": own,
        }
        return orjson.dumps({"Records": [record]})

    def firehose(self) -> bytes:
        """The record of a delivery stream."""
        if self.subscription.raw:
            return self.text.encode()
        parts = self.envelope()
        left = ("Signature", "SignatureVersion", "SigningCertURL")
        return orjson.dumps({name: value for name, value in parts.items() if name not in left})

    def chat(self) -> bytes:
        """What chats' hooks take: `text` (Slack, Mattermost, Teams) and `content` (Discord), and the parts."""
        subject, text = self.message.subject, self.text
        whole = f"{subject}\n{text}" if subject else text
        attributes = {name: each["Value"] for name, each in self.message.attributes.items()}
        return orjson.dumps(
            {
                "text": whole,
                "content": whole[:2000],
                "topic": self.topic,
                "subject": subject,
                "message": text,
                "attributes": attributes,
                "id": self.message.id,
                "time": self.time,
            }
        )

    def mail(self) -> tuple[str, str]:
        """Subject and text of a mail."""
        subject = self.message.subject or "AWS Notification Message"
        if self.subscription.protocol == "email-json":
            return subject, orjson.dumps(self.envelope()).decode()
        return subject, self.text


def confirmation(
    topic_arn: str, subscription: SubscriptionSpec, url: str, signer: Signer, version: str
) -> tuple[bytes, dict[str, str]]:
    """Body and headers of the POST that asks an endpoint whether it wants to be told."""
    token = subscription.pending or ""
    id = str(uuid.uuid5(uuid.NAMESPACE_URL, token))
    now = now_us()
    parts = {
        "Type": "SubscriptionConfirmation",
        "MessageId": id,
        "Token": token,
        "TopicArn": topic_arn,
        "Message": f"You have chosen to subscribe to the topic {topic_arn}.\nTo confirm the subscription, visit the"
        " SubscribeURL included in this message.",
        "SubscribeURL": confirm_url(url, topic_arn, token),
        "Timestamp": milliseconds(now),
        "SignatureVersion": version,
    }
    parts["Signature"] = signer.sign(parts, version)
    parts["SigningCertURL"] = f"{url}/{signer.name}"
    headers = {
        "x-amz-sns-message-type": "SubscriptionConfirmation",
        "x-amz-sns-message-id": id,
        "x-amz-sns-topic-arn": topic_arn,
        "content-type": "text/plain; charset=UTF-8",
        "user-agent": _AGENT,
    }
    return pretty(parts), headers


def milliseconds(us: int) -> str:
    """A time as SNS writes it."""
    return to_datetime(us).strftime("%Y-%m-%dT%H:%M:%S.") + f"{us // 1000 % 1000:03d}Z"


def confirm_url(url: str, topic_arn: str, token: str) -> str:
    """Where whoever has this link confirms a subscription."""
    return f"{url}/?Action=ConfirmSubscription&TopicArn={quote(topic_arn, safe='')}&Token={token}"


def content_type(subscription: SubscriptionSpec) -> str:
    """What the subscription's delivery policy says, or SNS's own."""
    said = ((subscription.policy or {}).get("requestPolicy") or {}).get("headerContentType")
    return str(said) if said else "text/plain; charset=UTF-8"


def pretty(parts: dict[str, Any]) -> bytes:
    """JSON with an indent of two, as SNS sends it."""
    return orjson.dumps(parts, option=orjson.OPT_INDENT_2)
