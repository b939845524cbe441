"""What a bucket is told that is kept: ownership, public access, ACLs, encryption, metrics and the like."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wire.s3 import new_bucket, put, refused
from tests.wire.sdk import serving

system = serving("name: kept\n")
EVERYBODY = "http://acs.amazonaws.com/groups/global/AllUsers"


@pytest.fixture
def bucket(s3: Any) -> str:
    return new_bucket(s3)


def owner(s3: Any, bucket: str) -> dict[str, str]:
    found: dict[str, str] = s3.get_bucket_acl(Bucket=bucket)["Owner"]
    return found


def test_objects_are_the_bucket_owners_unless_something_else_is_said(s3: Any, bucket: str) -> None:
    def said() -> Any:
        return s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]

    def say(*rules: str) -> None:
        controls = {"Rules": [{"ObjectOwnership": each} for each in rules]}
        s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=controls)

    assert said() == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    say("ObjectWriter")
    assert said() == [{"ObjectOwnership": "ObjectWriter"}]
    for wrong in (["ObjectWriter", "BucketOwnerPreferred"], ["Random"]):
        rules = {"Rules": [{"ObjectOwnership": each} for each in wrong]}
        call = s3.put_bucket_ownership_controls
        refused("MalformedXML", call, 400, Bucket=bucket, OwnershipControls=rules)
    s3.delete_bucket_ownership_controls(Bucket=bucket)
    refused("OwnershipControlsNotFoundError", s3.get_bucket_ownership_controls, 404, Bucket=bucket)
    error = refused("InvalidArgument", s3.create_bucket, 400, Bucket="owned-x", ObjectOwnership="Random")
    assert error["Message"] == "Invalid x-amz-object-ownership header: Random"
    say("BucketOwnerEnforced")
    refused("AccessControlListNotSupported", s3.put_bucket_acl, 400, Bucket=bucket, ACL="public-read")
    refused("AccessControlListNotSupported", s3.put_object, 400, Bucket=bucket, Key="k", ACL="public-read")


def test_acls_are_checked_and_given_back(s3: Any, bucket: str) -> None:
    put(s3, bucket, "k")
    mine = owner(s3, bucket)
    granted = [
        {"Grantee": {"Type": "CanonicalUser", **mine}, "Permission": "WRITE_ACP"},
        {"Grantee": {"Type": "Group", "URI": EVERYBODY}, "Permission": "READ"},
    ]
    policy = {"Owner": mine, "Grants": granted}
    s3.put_bucket_acl(Bucket=bucket, AccessControlPolicy=policy)
    assert s3.get_bucket_acl(Bucket=bucket)["Grants"] == granted
    s3.put_object_acl(Bucket=bucket, Key="k", AccessControlPolicy=policy)
    assert s3.get_object_acl(Bucket=bucket, Key="k")["Grants"] == granted
    s3.put_object_acl(Bucket=bucket, Key="k", GrantRead=f'uri="{EVERYBODY}", id="{mine["ID"]}"')
    permissions = [each["Permission"] for each in s3.get_object_acl(Bucket=bucket, Key="k")["Grants"]]
    assert permissions == ["READ", "READ"]
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="public-read")
    permissions = [each["Permission"] for each in s3.get_object_acl(Bucket=bucket, Key="k")["Grants"]]
    assert permissions == ["FULL_CONTROL", "READ"]
    refused("NoSuchKey", s3.put_object_acl, 404, Bucket=bucket, Key="none", ACL="private")


def test_acls_that_are_wrong(s3: Any, bucket: str) -> None:
    mine = owner(s3, bucket)

    def wrong(code: str, message: str, **given: Any) -> dict[str, Any]:
        error = refused(code, s3.put_bucket_acl, 400, Bucket=bucket, **given)
        assert (error["Message"] or "") == message
        return error

    def spelled(grantee: dict[str, str], permission: str = "READ") -> dict[str, Any]:
        return {"Owner": mine, "Grants": [{"Grantee": grantee, "Permission": permission}]}

    schema = "The XML you provided was not well-formed or did not validate against our published schema"
    assert wrong("InvalidArgument", "", ACL="fake")["ArgumentValue"] == "fake"
    wrong("InvalidArgument", "Invalid id", GrantRead='id="wrong"')
    wrong("InvalidArgument", "Invalid group uri", GrantRead='uri="http://acs/fake"')
    wrong("InvalidArgument", "Argument format not recognized", GrantRead='fakekey="1234"')
    both = {"ACL": "public-read", "GrantRead": f'id="{mine["ID"]}"'}
    wrong("InvalidRequest", "Specifying both Canned ACLs and Header Grants is not allowed", **both)
    user = {"Type": "CanonicalUser", "ID": "wrong"}
    wrong("InvalidArgument", "Invalid id", AccessControlPolicy=spelled(user))
    group = {"Type": "Group", "URI": "http://acs/fake"}
    wrong("InvalidArgument", "Invalid group uri", AccessControlPolicy=spelled(group))
    user = {"Type": "CanonicalUser", "ID": mine["ID"]}
    wrong("MalformedACLError", schema, AccessControlPolicy=spelled(user, "WRONG"))
    wrong("MalformedACLError", schema, AccessControlPolicy={"Owner": mine})
    wrong("MissingSecurityHeader", "Your request was missing a required header")
    body = {"ACL": "private", "AccessControlPolicy": spelled(user)}
    wrong("UnexpectedContent", "This request does not support content", **body)


def test_new_objects_say_the_encryption_that_their_bucket_says(s3: Any, bucket: str) -> None:
    def say(**default: Any) -> None:
        rule = {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}
        s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})

    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}
    assert [{name: rules[0][name] for name in default}] == [default]
    assert s3.put_object(Bucket=bucket, Key="a")["ServerSideEncryption"] == "AES256"
    say(SSEAlgorithm="aws:kms", KMSMasterKeyID="1234")
    done = s3.put_object(Bucket=bucket, Key="b")
    assert (done["ServerSideEncryption"], done["BucketKeyEnabled"]) == ("aws:kms", True)
    assert done["SSEKMSKeyId"] == "arn:aws:kms:us-east-1:000000000000:key/1234"
    assert s3.head_object(Bucket=bucket, Key="b")["SSEKMSKeyId"] == done["SSEKMSKeyId"]
    begun = s3.create_multipart_upload(Bucket=bucket, Key="c")
    assert begun["ServerSideEncryption"] == "aws:kms"
    mine = {"Bucket": bucket, "Key": "e", "ServerSideEncryption": "aws:kms"}
    for more, inherits in (({}, True), ({"BucketKeyEnabled": False}, None), ({"SSEKMSKeyId": ""}, True)):
        done = s3.put_object(**mine, **more)
        assert done.get("BucketKeyEnabled") is inherits
        assert not done["SSEKMSKeyId"].endswith("/")
    own = s3.put_object(Bucket=bucket, Key="d", ServerSideEncryption="AES256")
    assert own["ServerSideEncryption"] == "AES256"
    assert s3.head_object(Bucket=bucket, Key="a")["ServerSideEncryption"] == "AES256"
    s3.delete_bucket_encryption(Bucket=bucket)
    assert s3.put_object(Bucket=bucket, Key="e")["ServerSideEncryption"] == "AES256"


def test_who_pays_and_how_quickly(s3: Any, bucket: str) -> None:
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    s3.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": "Requester"})
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "Requester"
    fast = s3.put_bucket_accelerate_configuration
    refused("MalformedXML", fast, 400, Bucket=bucket, AccelerateConfiguration={"Status": "enabled"})
    fast(Bucket=bucket, AccelerateConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_accelerate_configuration(Bucket=bucket)["Status"] == "Enabled"


def test_configurations_by_id(s3: Any, bucket: str) -> None:
    for id in ("b", "a"):
        config = {"Id": id, "Filter": {"Prefix": f"{id}/"}}
        s3.put_bucket_metrics_configuration(Bucket=bucket, Id=id, MetricsConfiguration=config)
    listed = s3.list_bucket_metrics_configurations(Bucket=bucket)["MetricsConfigurationList"]
    assert [each["Id"] for each in listed] == ["a", "b"]
    found = s3.get_bucket_metrics_configuration(Bucket=bucket, Id="a")["MetricsConfiguration"]
    assert found["Filter"] == {"Prefix": "a/"}
    s3.delete_bucket_metrics_configuration(Bucket=bucket, Id="a")
    refused("NoSuchConfiguration", s3.get_bucket_metrics_configuration, 404, Bucket=bucket, Id="a")
    refused("NoSuchConfiguration", s3.delete_bucket_metrics_configuration, 404, Bucket=bucket, Id="a")
    tier = {"Id": "t", "Status": "Enabled", "Tierings": [{"Days": 90, "AccessTier": "ARCHIVE_ACCESS"}]}
    call = s3.put_bucket_intelligent_tiering_configuration
    call(Bucket=bucket, Id="t", IntelligentTieringConfiguration=tier)
    found = s3.get_bucket_intelligent_tiering_configuration(Bucket=bucket, Id="t")
    assert found["IntelligentTieringConfiguration"] == tier
    refused("MalformedXML", call, 400, Bucket=bucket, Id="other", IntelligentTieringConfiguration=tier)


def test_whoever_makes_a_bucket_again_resets_its_acl(s3: Any, bucket: str) -> None:
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    assert len(s3.get_bucket_acl(Bucket=bucket)["Grants"]) == 2
    s3.create_bucket(Bucket=bucket)
    assert len(s3.get_bucket_acl(Bucket=bucket)["Grants"]) == 1


def test_a_bucket_whose_owner_owns_all_takes_no_acl(s3: Any, bucket: str) -> None:
    enforced = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    s3.put_object(Bucket=bucket, Key="open", Body=b"x", ACL="public-read")
    call = s3.put_bucket_ownership_controls
    code = "InvalidBucketAclWithObjectOwnership"
    refused(code, call, 400, Bucket=bucket, OwnershipControls=enforced)
    s3.put_bucket_acl(Bucket=bucket, ACL="private")
    call(Bucket=bucket, OwnershipControls=enforced)
    refused("AccessControlListNotSupported", s3.put_bucket_acl, 400, Bucket=bucket, ACL="private")
    for acl in ("private", "bucket-owner-read", "bucket-owner-full-control"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL=acl)
    assert len(s3.get_object_acl(Bucket=bucket, Key="open")["Grants"]) == 1
    s3.delete_bucket_ownership_controls(Bucket=bucket)
    assert len(s3.get_object_acl(Bucket=bucket, Key="open")["Grants"]) == 2


def test_a_new_buckets_tags_are_refused_in_words_of_their_own(s3: Any) -> None:
    def make(*keys: str) -> dict[str, Any]:
        tags = [{"Key": key, "Value": "v"} for key in keys]
        return {"Bucket": "tagged-at-birth", "CreateBucketConfiguration": {"Tags": tags}}

    error = refused("InvalidTag", s3.create_bucket, 400, **make("aws:x"))
    assert error["Message"].startswith("User-defined tag keys can't start with")
    error = refused("BadRequest", s3.create_bucket, 400, **make(*(f"k{n}" for n in range(51))))
    assert error["Message"] == "Bucket tag count cannot be greater than 50"
