"""Access on the AWS port, as boto3 sees it: keys verified, policies that bound, roles, refusals in AWS's words."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from botocore.auth import S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.harness import System, request
from tests.wire.access import allow, keyed, policy, refused, user
from tests.wire.sdk import ACCOUNT, client, serving

PROJECT = """\
name: walls
streams:
  open: {}
  closed: {}
lake:
  shelf: {}
  vault: {}
access:
  policies:
    read: [{actions: ["s3:GetObject", "s3:ListBucket"], resources: [lake.shelf]}]
    put: [{actions: "kinesis:Put*", resources: [streams.open]}]
  users:
    analyst: {policies: [read]}
  roles:
    loader: {policies: [put]}
"""
system = serving(PROJECT)


def test_any_credentials_are_roots_on_loopback(system: System) -> None:
    sts = client(system, "sts")
    assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    sts.close()
    with keyed(system, "kinesis", {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "SecretAccessKey": "x"}) as kinesis:
        assert set(kinesis.list_streams()["StreamNames"]) == {"open", "closed"}


def test_a_user_does_what_its_policy_allows_and_nothing_else(system: System, iam: Any) -> None:
    keys = user(iam, "ann", allow("kinesis:PutRecord", "arn:aws:kinesis:us-east-1:*:stream/open"))
    with keyed(system, "sts", keys) as sts:
        assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/ann"
    with keyed(system, "kinesis", keys) as kinesis:
        kinesis.put_record(StreamName="open", Data=b"1", PartitionKey="k")
        code, status, message = refused(kinesis.put_record, StreamName="closed", Data=b"1", PartitionKey="k")
        assert (code, status) == ("AccessDeniedException", 400)
        assert message.startswith(
            f"User: arn:aws:iam::{ACCOUNT}:user/ann is not authorized to perform: kinesis:PutRecord on resource:"
            f" arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/closed"
        )
        batch = [{"Data": b"1", "PartitionKey": "k"}]
        assert refused(kinesis.put_records, StreamName="open", Records=batch)[0] == "AccessDeniedException"
    with keyed(system, "iam", keys) as own:
        assert refused(own.list_users)[:2] == ("AccessDenied", 403)


def test_an_explicit_deny_wins(system: System, iam: Any) -> None:
    keys = user(
        iam,
        "ben",
        allow("s3:*"),
        {"Effect": "Deny", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::shelf/secret/*"},
    )
    with keyed(system, "s3", keys) as s3:
        s3.put_object(Bucket="shelf", Key="secret/a", Body=b"1")
        s3.put_object(Bucket="shelf", Key="plain/a", Body=b"2")
        assert s3.get_object(Bucket="shelf", Key="plain/a")["Body"].read() == b"2"
        code, status, message = refused(s3.get_object, Bucket="shelf", Key="secret/a")
        assert (code, status) == ("AccessDenied", 403)
        assert message.endswith("with an explicit deny in an identity-based policy")
        assert refused(s3.head_object, Bucket="shelf", Key="secret/a")[1] == 403
        source = {"Bucket": "shelf", "Key": "secret/a"}
        assert refused(s3.copy_object, Bucket="shelf", Key="copied", CopySource=source)[0] == "AccessDenied"


def test_a_prefix_is_a_condition_of_listing(system: System, iam: Any) -> None:
    only = {"StringLike": {"s3:prefix": "home/*"}}
    keys = user(iam, "cat", allow("s3:ListBucket", "arn:aws:s3:::shelf", Condition=only))
    with keyed(system, "s3", keys) as s3:
        s3.list_objects_v2(Bucket="shelf", Prefix="home/cat/")
        assert refused(s3.list_objects_v2, Bucket="shelf")[0] == "AccessDenied"
        assert refused(s3.list_objects, Bucket="shelf", Prefix="other/")[0] == "AccessDenied"


def test_a_wrong_secret_is_refused_in_each_services_words(system: System, iam: Any) -> None:
    keys = user(iam, "dan", allow("*")) | {"SecretAccessKey": "wrong"}
    with keyed(system, "kinesis", keys) as kinesis:
        assert refused(kinesis.list_streams)[:2] == ("InvalidSignatureException", 400)
    with keyed(system, "s3", keys) as s3:
        assert refused(s3.list_buckets)[:2] == ("SignatureDoesNotMatch", 403)
        assert refused(s3.put_object, Bucket="shelf", Key="k", Body=b"1")[:2] == (
            "SignatureDoesNotMatch",
            403,
        )
    with keyed(system, "sts", keys) as sts:
        assert refused(sts.get_caller_identity)[:2] == ("SignatureDoesNotMatch", 403)


def test_a_key_that_was_deleted_or_closed_opens_nothing(system: System, iam: Any) -> None:
    keys = user(iam, "eve", allow("*"))
    iam.update_access_key(UserName="eve", AccessKeyId=keys["AccessKeyId"], Status="Inactive")
    with keyed(system, "kinesis", keys) as kinesis:
        assert refused(kinesis.list_streams)[0] == "UnrecognizedClientException"
    iam.delete_access_key(UserName="eve", AccessKeyId=keys["AccessKeyId"])
    with keyed(system, "s3", keys) as s3:
        assert refused(s3.list_buckets)[:2] == ("InvalidAccessKeyId", 403)
    with keyed(system, "sts", keys) as sts:
        assert refused(sts.get_caller_identity)[:2] == ("InvalidClientTokenId", 403)


def signed(
    system: System,
    keys: dict[str, str],
    body: bytes,
    *,
    at: dt.datetime | None = None,
    service: str = "kinesis",
) -> dict[str, str]:
    """The headers of a signed call of Kinesis."""
    headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": "Kinesis_20131202.PutRecord"}
    asked = AWSRequest("POST", system.urls["aws"] + "/", headers=headers, data=body)
    auth = SigV4Auth(Credentials(keys["AccessKeyId"], keys["SecretAccessKey"]), service, "us-east-1")
    if at is None:
        auth.add_auth(asked)
    else:
        asked.context["timestamp"] = at.strftime("%Y%m%dT%H%M%SZ")
        asked.headers["X-Amz-Date"] = asked.context["timestamp"]
        asked.headers["Authorization"] = auth._inject_signature_to_request(
            asked, auth.signature(auth.string_to_sign(asked, auth.canonical_request(asked)), asked)
        ).headers["Authorization"]
    return dict(asked.headers.items())


PUT = b'{"StreamName":"open","Data":"MQ==","PartitionKey":"k"}'


def test_an_altered_body_target_or_header_is_refused(system: System, iam: Any) -> None:
    keys = user(iam, "fay", allow("*"))
    url = system.urls["aws"] + "/"
    headers = signed(system, keys, PUT)
    assert request(url, "POST", PUT, headers).status == 200
    altered = request(url, "POST", PUT.replace(b"MQ==", b"Mg=="), headers)
    assert (altered.status, altered.json()["__type"]) == (400, "InvalidSignatureException")
    other = request(url, "POST", b"{}", {**headers, "X-Amz-Target": "Kinesis_20131202.ListStreams"})
    assert other.status == 400
    assert request(url, "POST", PUT, {**headers, "x-amz-more": "1"}).status == 400
    elsewhere = request(url, "POST", PUT, signed(system, keys, PUT, service="firehose"))
    assert (elsewhere.status, elsewhere.json()["__type"]) == (400, "InvalidSignatureException")


def test_a_presigned_url_ends_and_is_good_for_its_key_only(system: System, iam: Any) -> None:
    keys = user(iam, "gus", allow("s3:*"))
    with keyed(system, "s3", keys, signature_version="s3v4") as s3:
        s3.put_object(Bucket="shelf", Key="a b+c.txt", Body=b"here")
        url = s3.generate_presigned_url("get_object", Params={"Bucket": "shelf", "Key": "a b+c.txt"})
        put = s3.generate_presigned_url("put_object", Params={"Bucket": "shelf", "Key": "put.txt"})
    assert fetched(url) == (200, b"here")
    assert fetched(put, "PUT", b"put")[0] == 200
    status, body = fetched(url.replace("a%20b", "a%20c"))
    assert status == 403
    assert b"SignatureDoesNotMatch" in body
    for credentials in (
        Credentials(keys["AccessKeyId"], keys["SecretAccessKey"]),
        Credentials("test", "test"),
    ):
        status, body = fetched(stale(system, credentials))
        assert status == 403
        assert b"Request has expired" in body


def stale(system: System, credentials: Credentials) -> str:
    """A presigned URL that ended an hour ago."""
    auth = S3SigV4QueryAuth(credentials, "s3", "us-east-1", expires=60)
    asked = AWSRequest("GET", system.urls["aws"] + "/shelf/plain/a")
    then = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    asked.context["timestamp"] = then.strftime("%Y%m%dT%H%M%SZ")
    auth._modify_request_before_signing(asked)
    text = auth.string_to_sign(asked, auth.canonical_request(asked))
    auth._inject_signature_to_request(asked, auth.signature(text, asked))
    return str(asked.url)


def fetched(url: str, method: str = "GET", body: bytes | None = None) -> tuple[int, bytes]:
    answer = request(url, method, body)
    return answer.status, answer.body


def test_uploads_with_checksums_are_verified(system: System, iam: Any) -> None:
    keys = user(iam, "hal", allow("s3:*"))
    with keyed(system, "s3", keys) as s3:
        s3.put_object(Bucket="shelf", Key="big", Body=b"x" * 300_000)
        s3.put_object(Bucket="shelf", Key="sum", Body=b"y" * 300_000, ChecksumAlgorithm="SHA256")
        assert s3.head_object(Bucket="shelf", Key="sum")["ContentLength"] == 300_000


def test_the_projects_users_and_roles_have_the_rights_it_declares(system: System, iam: Any) -> None:
    keys = iam.create_access_key(UserName="analyst")["AccessKey"]
    root = client(system, "s3")
    root.put_object(Bucket="vault", Key="k", Body=b"1")
    root.put_object(Bucket="shelf", Key="k", Body=b"1")
    root.close()
    with keyed(system, "s3", keys) as s3:
        s3.get_object(Bucket="shelf", Key="k")["Body"].read()
        assert refused(s3.get_object, Bucket="vault", Key="k")[0] == "AccessDenied"
        assert refused(s3.put_object, Bucket="shelf", Key="k", Body=b"2")[0] == "AccessDenied"
    assert (
        refused(iam.put_user_policy, UserName="analyst", PolicyName="p", PolicyDocument=policy(allow("*")))[0]
        == "UnmodifiableEntity"
    )
    with keyed(system, "sts", keys) as sts:
        loader = f"arn:aws:iam::{ACCOUNT}:role/loader"
        code, status, message = refused(sts.assume_role, RoleArn=loader, RoleSessionName="night")
        assert (code, status) == ("AccessDenied", 403)
        assert f"sts:AssumeRole on resource: {loader}" in message


def test_a_role_is_taken_with_a_token_and_bounds_who_took_it(system: System, iam: Any) -> None:
    loader = f"arn:aws:iam::{ACCOUNT}:role/loader"
    keys = user(iam, "ida", allow("sts:AssumeRole", loader))
    with keyed(system, "sts", keys) as sts:
        taken = sts.assume_role(RoleArn=loader, RoleSessionName="night")
        narrow = sts.assume_role(
            RoleArn=loader, RoleSessionName="less", Policy=policy(allow("kinesis:PutRecords"))
        )["Credentials"]
    session = taken["Credentials"]
    assert taken["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/loader/night"
    assert session["Expiration"] > dt.datetime.now(dt.UTC)
    with keyed(system, "sts", session) as sts:
        assert sts.get_caller_identity()["Arn"] == taken["AssumedRoleUser"]["Arn"]
    with keyed(system, "kinesis", session) as kinesis:
        kinesis.put_record(StreamName="open", Data=b"1", PartitionKey="k")
        assert refused(kinesis.list_streams)[0] == "AccessDeniedException"
    with keyed(system, "kinesis", narrow) as kinesis:
        assert (
            refused(kinesis.put_record, StreamName="open", Data=b"1", PartitionKey="k")[0]
            == "AccessDeniedException"
        )
    with keyed(system, "kinesis", {**session, "SessionToken": narrow["SessionToken"]}) as kinesis:
        assert refused(kinesis.list_streams)[0] == "UnrecognizedClientException"
    with keyed(system, "kinesis", {k: v for k, v in session.items() if k != "SessionToken"}) as kinesis:
        assert refused(kinesis.list_streams)[0] == "UnrecognizedClientException"


def test_a_buckets_policy_lets_in_and_keeps_out(system: System, iam: Any) -> None:
    keys = user(iam, "jon", allow("s3:GetObject", "arn:aws:s3:::gate/no/*"))
    arn = f"arn:aws:iam::{ACCOUNT}:user/jon"
    root = client(system, "s3")
    root.create_bucket(Bucket="gate")
    for key in ("yes/a", "no/a"):
        root.put_object(Bucket="gate", Key=key, Body=b"1")
    statements = [
        {**allow("s3:GetObject", "arn:aws:s3:::gate/yes/*"), "Principal": {"AWS": arn}},
        {**allow("s3:*", "arn:aws:s3:::gate/no/*"), "Principal": "*", "Effect": "Deny"},
    ]
    root.put_bucket_policy(Bucket="gate", Policy=policy(*statements))
    root.close()
    with keyed(system, "s3", keys) as s3:
        assert s3.get_object(Bucket="gate", Key="yes/a")["Body"].read() == b"1"
        code, _, message = refused(s3.get_object, Bucket="gate", Key="no/a")
        assert code == "AccessDenied"
        assert message.endswith("with an explicit deny in a resource-based policy")


def test_a_deny_is_not_passed_by_another_region_case_or_role_made_anew(system: System, iam: Any) -> None:
    here = "arn:aws:kinesis:us-east-1:*:stream/closed"
    tables = "arn:aws:glue:us-east-1:*:table/*/secret"
    deny = {"Effect": "Deny", "Action": "*", "Resource": [here, tables]}
    keys = user(iam, "lea", allow("*"), deny)
    elsewhere = f"arn:aws:kinesis:eu-west-1:{ACCOUNT}:stream/closed"
    with keyed(system, "kinesis", keys) as kinesis:
        for named in ({"StreamName": "closed"}, {"StreamARN": elsewhere}):
            assert refused(kinesis.describe_stream_summary, **named)[0] == "AccessDeniedException"
    with keyed(system, "kinesis", keys, region="eu-west-1") as kinesis:
        assert refused(kinesis.describe_stream_summary, StreamName="closed")[0] == "AccessDeniedException"
    with keyed(system, "glue", keys) as glue:
        assert refused(glue.get_table, DatabaseName="walls", Name="SECRET")[0] == "AccessDeniedException"
    trust = policy({**allow("sts:AssumeRole"), "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}).replace(
        ', "Resource": "*"', ""
    )
    role = iam.create_role(RoleName="again", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    with keyed(system, "sts", keys) as sts:
        session = sts.assume_role(RoleArn=role, RoleSessionName="one")["Credentials"]
    iam.delete_role(RoleName="again")
    iam.create_role(RoleName="again", AssumeRolePolicyDocument=trust)
    with keyed(system, "sts", session) as sts:
        assert refused(sts.get_caller_identity)[:2] == ("InvalidClientTokenId", 403)


def test_a_user_may_be_let_to_its_own_keys_only(system: System, iam: Any) -> None:
    keys = user(iam, "max", allow("iam:*AccessKey*", "arn:aws:iam::*:user/${aws:username}"))
    with keyed(system, "iam", keys) as own:
        assert len(own.list_access_keys()["AccessKeyMetadata"]) == 1
        assert refused(own.list_access_keys, UserName="ann")[0] == "AccessDenied"
        assert refused(own.create_access_key, UserName="ann")[0] == "AccessDenied"


def test_temporary_credentials_of_a_user_cannot_be_prolonged(system: System, iam: Any) -> None:
    keys = user(iam, "ned")
    with keyed(system, "sts", keys) as sts:
        session = sts.get_session_token()["Credentials"]
    with keyed(system, "sts", session) as sts:
        assert sts.get_caller_identity()["Arn"].endswith(":user/ned")
        assert refused(sts.get_session_token)[:2] == ("AccessDenied", 403)


def test_refusals_and_changes_are_in_the_audit_log_without_secrets(system: System, iam: Any) -> None:
    keys = user(iam, "kim")
    with keyed(system, "kinesis", keys) as kinesis:
        refused(kinesis.create_stream, StreamName="new", ShardCount=1)
    path = system.layout.logs / "audit.log"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    mine = [line for line in lines if line["principal"].endswith("user/kim")]
    assert [(line["action"], line["decision"]) for line in mine] == [("kinesis:CreateStream", "denied")]
    changed = {(line["action"], line["resource"]) for line in lines if line["decision"] == "changed"}
    assert ("iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/kim") in changed
    assert keys["SecretAccessKey"] not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0
