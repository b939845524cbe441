"""Confirming a subscription, and the certificate that notifications are verified with: both without a signature."""

from __future__ import annotations

import asyncio

import msgspec

from forebay.topics.signing import certificate
from forebay.wire.protocol.message import Response
from forebay.wire.service import Asked, Json
from forebay.wire.sns.base import (
    SERVICE,
    flag,
    invalid,
    put_subscription,
    subscription_arn,
    subscriptions_of,
    topic_of,
)


@SERVICE.operation("ConfirmSubscription")
async def confirm_subscription(asked: Asked, given: Json) -> Json:
    """The endpoint has its token: from now on it is told. Again with the same token answers the same."""
    topic = topic_of(asked, given["TopicArn"])
    token = given["Token"]
    for each in subscriptions_of(asked, topic.name):
        if each.meta is None or not token or each.meta.get("token") != token:
            continue
        if each.spec.pending is not None:
            signed = "authorization" in asked.request.headers
            each.meta["authenticated"] = signed
            each.meta["authenticate"] = signed and flag(given.get("AuthenticateOnUnsubscribe"))
            each.spec = msgspec.structs.replace(each.spec, pending=None)
            put_subscription(asked, each)
            await asked.system.apply()
        return {"SubscriptionArn": subscription_arn(asked, each)}
    raise invalid("Token")


@SERVICE.unmodelled("SigningCertificate")
async def signing_certificate(asked: Asked) -> Response:
    """The certificate of the key that signs, under the name that notifications have."""
    name = asked.request.path.rpartition("/")[2]
    found = await asyncio.to_thread(certificate, asked.system.layout.root, name)
    if found is None:
        return Response(404, {"content-type": "text/plain"}, b"there is no such certificate\n")
    return Response(200, {"content-type": "application/x-pem-file"}, found)
