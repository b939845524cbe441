"""Policies decide as IAM's documentation says they do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from forebay.access.identity import Identity
from forebay.access.policy import Asked, MalformedPolicy, decide, parse_policy


def decision(statements: Any, action: str, resource: str, **context: Any) -> str:
    text = json.dumps({"Version": "2012-10-17", "Statement": statements})
    return decide(
        parse_policy(text),
        Asked(action, resource, context={k.replace("__", ":"): v for k, v in context.items()}),
    )


READ = {
    "Effect": "Allow",
    "Action": ["s3:Get*", "s3:ListBucket"],
    "Resource": ["arn:aws:s3:::shop", "arn:aws:s3:::shop/raw/*"],
}


def test_nothing_is_allowed_that_no_statement_allows() -> None:
    assert decision([READ], "s3:GetObject", "arn:aws:s3:::shop/raw/a.csv") == "allow"
    assert decision([READ], "s3:GetObject", "arn:aws:s3:::shop/other/a.csv") == "implicit"
    assert decision([READ], "s3:PutObject", "arn:aws:s3:::shop/raw/a.csv") == "implicit"
    assert decision([], "s3:GetObject", "arn:aws:s3:::shop/raw/a.csv") == "implicit"


def test_an_explicit_deny_wins() -> None:
    deny = {"Effect": "Deny", "Action": "*", "Resource": "arn:aws:s3:::shop/raw/secret*"}
    assert decision([READ, deny], "s3:GetObject", "arn:aws:s3:::shop/raw/secret.csv") == "deny"
    assert decision([deny, READ], "s3:GetObject", "arn:aws:s3:::shop/raw/open.csv") == "allow"


def test_actions_match_without_regard_to_case_and_resources_with() -> None:
    assert decision([READ], "S3:getobject", "arn:aws:s3:::shop/raw/a") == "allow"
    assert decision([READ], "s3:GetObject", "arn:aws:s3:::Shop/raw/a") == "implicit"


def test_not_action_and_not_resource() -> None:
    but = {"Effect": "Allow", "NotAction": "s3:Delete*", "NotResource": "arn:aws:s3:::shop/keep/*"}
    assert decision([but], "s3:PutObject", "arn:aws:s3:::shop/a") == "allow"
    assert decision([but], "s3:DeleteObject", "arn:aws:s3:::shop/a") == "implicit"
    assert decision([but], "s3:PutObject", "arn:aws:s3:::shop/keep/a") == "implicit"


CONDITIONS = [
    ({"StringEquals": {"s3:prefix": ["a", "b"]}}, {"s3__prefix": "b"}, True),
    ({"StringEquals": {"s3:prefix": "a"}}, {}, False),
    ({"StringEqualsIfExists": {"s3:prefix": "a"}}, {}, True),
    ({"StringNotEquals": {"s3:prefix": "a"}}, {}, True),
    ({"StringNotEquals": {"s3:prefix": ["a", "b"]}}, {"s3__prefix": "b"}, False),
    (
        {"StringLike": {"s3:prefix": "home/${aws:username}/*"}},
        {"s3__prefix": "home/ann/x", "aws__username": "ann"},
        True,
    ),
    (
        {"StringLike": {"s3:prefix": "home/${aws:username}/*"}},
        {"s3__prefix": "home/bob/x", "aws__username": "ann"},
        False,
    ),
    ({"NumericLessThan": {"s3:max-keys": "10"}}, {"s3__max-keys": "9"}, True),
    ({"NumericLessThan": {"s3:max-keys": "10"}}, {"s3__max-keys": "many"}, False),
    (
        {"DateGreaterThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}},
        {"aws__currenttime": "2026-06-01T00:00:00Z"},
        True,
    ),
    ({"Bool": {"aws:SecureTransport": "true"}}, {"aws__securetransport": "false"}, False),
    ({"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "127.0.0.0/8"]}}, {"aws__sourceip": "127.0.0.1"}, True),
    ({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, {"aws__sourceip": "10.1.1.1"}, False),
    ({"ArnLike": {"aws:SourceArn": "arn:aws:s3:*:*:shop"}}, {"aws__sourcearn": "arn:aws:s3:::shop"}, True),
    ({"Null": {"s3:prefix": "true"}}, {}, True),
    ({"Null": {"s3:prefix": "false"}}, {}, False),
    ({"Null": {"s3:prefix": []}}, {}, False),
    ({"Null": {"s3:prefix": []}}, {"s3__prefix": "a"}, False),
    ({"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}}, {"aws__tagkeys": ["a"]}, True),
    ({"ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}}, {"aws__tagkeys": ["a", "c"]}, False),
    ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["a"]}}, {"aws__tagkeys": ["a", "c"]}, True),
]


@pytest.mark.parametrize(("condition", "context", "holds"), CONDITIONS)
def test_conditions(condition: Any, context: dict[str, Any], holds: bool) -> None:
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}
    assert decision([statement], "s3:ListBucket", "arn:aws:s3:::shop", **context) == (
        "allow" if holds else "implicit"
    )


def test_a_bucket_policy_names_who_it_is_about() -> None:
    text = json.dumps(
        {
            "Statement": {
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::000000000000:role/loader"},
                "Action": "s3:*",
                "Resource": "*",
            }
        }
    )
    statements = parse_policy(text, resource_policy=True)
    assert decide(statements, Asked("s3:GetObject", "x", "arn:aws:iam::000000000000:role/loader")) == "allow"
    assert (
        decide(statements, Asked("s3:GetObject", "x", "arn:aws:iam::000000000000:role/other")) == "implicit"
    )


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        '{"Statement": [{"Effect": "Maybe", "Action": "s3:*", "Resource": "*"}]}',
        '{"Statement": [{"Effect": "Allow", "Resource": "*"}]}',
        '{"Statement": [{"Effect": "Allow", "Action": "everything", "Resource": "*"}]}',
        '{"Statement": [{"Effect": "Allow", "Action": "s3:*"}]}',
        '{"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"Roughly": {"a": "b"}}}]}',
        '{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}]}',
        "[" * 100_000,
    ],
)
def test_a_policy_that_does_not_parse_is_refused(text: str) -> None:
    with pytest.raises(MalformedPolicy):
        parse_policy(text)


def like(resource: str, place: str, **context: Any) -> str:
    statement = {"Effect": "Allow", "Action": "*", "Resource": resource}
    return decision([statement], "s3:GetObject", place, **context)


def test_a_variable_may_have_a_default_and_matches_nothing_but_itself() -> None:
    team = "arn:aws:s3:::shop/${aws:PrincipalTag/team, 'all'}/*"
    assert like(team, "arn:aws:s3:::shop/all/a") == "allow"
    assert like(team, "arn:aws:s3:::shop/blue/a", **{"aws__principaltag/team": "blue"}) == "allow"
    assert like(team, "arn:aws:s3:::shop/all/a", **{"aws__principaltag/team": "blue"}) == "implicit"
    assert like(team, "arn:aws:s3:::shop/red/a", **{"aws__principaltag/team": "*"}) == "implicit"
    assert like("arn:aws:s3:::shop/${aws:unknown}/*", "arn:aws:s3:::shop/x/a") == "implicit"


def test_a_star_may_be_meant_as_itself() -> None:
    assert like("arn:aws:s3:::shop/${*}/x", "arn:aws:s3:::shop/*/x") == "allow"
    assert like("arn:aws:s3:::shop/${*}/x", "arn:aws:s3:::shop/a/x") == "implicit"
    equal = {**READ, "Condition": {"StringEquals": {"s3:prefix": "${*}"}}}
    assert decision([equal], "s3:ListBucket", "arn:aws:s3:::shop", s3__prefix="*") == "allow"


def whole(statements: Any, prefix: str, session: Any = None) -> bool:
    def read(given: Any) -> Any:
        return parse_policy(json.dumps({"Version": "2012-10-17", "Statement": given}))

    who = Identity("arn:aws:iam::1:user/a", "A", "user", read(statements), session and read(session))
    return who.whole("s3:GetObject", f"arn:aws:s3:::{prefix}", {})


def test_all_below_a_prefix_is_allowed_only_where_that_is_sure() -> None:
    assert whole([READ], "shop/raw/2026/")
    assert not whole([READ], "shop/")
    assert not whole([{**READ, "Resource": "arn:aws:s3:::shop/raw/?"}], "shop/raw/")
    assert not whole([{**READ, "Resource": "arn:aws:s3:::shop/raw/*/x"}], "shop/raw/")
    some = {"Effect": "Deny", "Action": "s3:Get*", "Resource": "arn:aws:s3:::shop/raw/secret/*"}
    assert not whole([READ, some], "shop/raw/")
    assert whole([READ, {**some, "Action": "s3:Put*"}], "shop/raw/")
    assert not whole([READ], "shop/raw/", session=[{**READ, "Resource": "arn:aws:s3:::other/*"}])


def test_a_pattern_of_many_stars_takes_no_longer_than_any() -> None:
    assert like("arn:aws:s3:::b/*a*b*a*c", "arn:aws:s3:::b/xaxbaxxc") == "allow"
    assert like("arn:aws:s3:::b/*ab*b", "arn:aws:s3:::b/ab") == "implicit"
    assert like("arn:aws:s3:::b/*a*b*a*c*d", "arn:aws:s3:::b/" + "ab" * 50_000) == "implicit"
