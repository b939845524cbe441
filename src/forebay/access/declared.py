"""The policies that the project declares, as IAM's documents."""

from __future__ import annotations

import json
from collections.abc import Iterator

from forebay.access.section import StatementSpec

# A noun of the project file → the ARNs of its resource `{}` (`lake.shop` is the bucket and what is in it).
_NOUNS = {
    "lake": ("arn:aws:s3:::{}", "arn:aws:s3:::{}/*"),
    "streams": ("arn:aws:kinesis:*:*:stream/{}", "arn:aws:kinesis:*:*:stream/{}/consumer/*"),
    "delivery": ("arn:aws:firehose:*:*:deliverystream/{}",),
    "functions": ("arn:aws:lambda:*:*:function:{}", "arn:aws:lambda:*:*:function:{}:*"),
    "bus": ("arn:aws:events:*:*:event-bus/{}", "arn:aws:events:*:*:rule/{}/*"),
    "topics": ("arn:aws:sns:*:*:{}",),
    "keyvalue": ("arn:aws:dynamodb:*:*:table/{}", "arn:aws:dynamodb:*:*:table/{}/*"),
}


def document(statements: list[StatementSpec]) -> str:
    """A policy of the project as JSON in IAM's own words."""
    made = [
        {
            "Effect": statement.effect.capitalize(),
            "Action": statement.actions,
            "Resource": [arn for name in statement.resources for arn in arns(name)],
            **({"Condition": statement.condition} if statement.condition else {}),
        }
        for statement in statements
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": made})


def arns(name: str) -> Iterator[str]:
    """The ARNs that a resource of a statement stands for: itself, or those of `streams.orders`."""
    noun, dot, rest = name.partition(".")
    if name.startswith("arn:") or not dot or noun not in (*_NOUNS, "catalog"):
        yield name
    elif noun == "catalog":
        database, _, table = rest.partition(".")
        yield "arn:aws:glue:*:*:catalog"
        yield f"arn:aws:glue:*:*:database/{database}"
        yield f"arn:aws:glue:*:*:table/{database}/{table or '*'}"
    elif noun == "lake" and "/" in rest:
        yield f"arn:aws:s3:::{rest}"
    else:
        yield from (form.format(rest) for form in _NOUNS[noun])
