"""Tags of tables."""

from __future__ import annotations

from forebay.wire.dynamodb.base import SERVICE, invalid
from forebay.wire.dynamodb.made import changing, described, save
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json

MOST = 50
PAGE = 10


@SERVICE.operation("TagResource")
async def tag_resource(asked: Asked, given: Json) -> None:
    """Add or replace tags."""
    made = await changing(asked, _table(given))
    tags = made.meta.setdefault("tags", {})
    tags |= {each["Key"]: each["Value"] for each in given["Tags"]}
    if len(tags) > MOST:
        raise invalid(f"One or more parameter values were invalid: Too many tags; at most {MOST}")
    await save(asked, made.name, made.spec, made.meta)


@SERVICE.operation("UntagResource")
async def untag_resource(asked: Asked, given: Json) -> None:
    """Remove tags; those that are not there are passed over."""
    made = await changing(asked, _table(given))
    for key in given["TagKeys"]:
        made.meta.setdefault("tags", {}).pop(key, None)
    await save(asked, made.name, made.spec, made.meta)


@SERVICE.operation("ListTagsOfResource")
async def list_tags_of_resource(asked: Asked, given: Json) -> Json:
    """A page of a table's tags."""
    made = await described(asked, _table(given))
    tags = list(made.meta.get("tags", {}).items())
    token = given.get("NextToken") or "0"
    if not token.isascii() or not token.isdigit():
        raise invalid("Invalid NextToken")
    start = int(token)
    more = {"NextToken": str(start + PAGE)} if len(tags) > start + PAGE else {}
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags[start : start + PAGE]], **more}


def _table(given: Json) -> str:
    arn: str = given["ResourceArn"]
    if ":table/" not in arn:
        raise AwsError(
            "ValidationException", f"Invalid TableArn: Invalid ResourceArn provided as input {arn}"
        )
    return arn
