"""Requests to S3 that no SDK would make, and what S3 says of them."""

from __future__ import annotations

import base64
import html
import http.client
import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from tests.harness import System
from tests.wire import s3 as sent
from tests.wire.s3 import new_bucket, raw
from tests.wire.sdk import serving

system = serving("name: requests\n")


@pytest.fixture
def bucket(s3: Any) -> str:
    return new_bucket(s3)


def refused(answer: tuple[int, dict[str, str], bytes]) -> tuple[int, str, str]:
    """Status, code and message of an answer."""
    status, _, body = answer
    text = body.decode()
    code, message = (re.search(f"<{name}>([^<]*)<", text) for name in ("Code", "Message"))
    assert code is not None, text
    assert message is not None, text
    return status, code[1], message[1]


@pytest.mark.parametrize(
    "wanted",
    [
        ("DELETE", "/", "SERVICE", "GET"),
        ("PUT", "/?acl", "SERVICE", "GET"),
        ("POST", "/", "SERVICE", "GET"),
        ("PATCH", "/{}", "BUCKET", "HEAD, DELETE, POST, GET, PUT"),
        ("POST", "/{}/k", "OBJECT", "HEAD, DELETE, GET, PUT"),
        ("POST", "/{}/k?upload", "OBJECT", "HEAD, DELETE, GET, PUT"),
        ("DELETE", "/{}?acl", "ACL", "GET, PUT"),
        ("DELETE", "/{}?versioning=", "VERSIONING", "GET, PUT"),
        ("DELETE", "/{}?uploads", "UPLOADS", "GET"),
        ("DELETE", "/{}?policyStatus=1", "POLICY_STATUS", "GET"),
        ("DELETE", "/{}?delete", "MULTI_OBJECT_DELETE", "POST"),
        ("DELETE", "/{}?metrics", "METRICS", "GET, PUT"),
        ("POST", "/{}?acl", "ACL", "GET, PUT"),
        ("PUT", "/{}?location", "LOCATION", "GET"),
        ("GET", "/{}?delete", "MULTI_OBJECT_DELETE", "POST"),
        ("GET", "/{}?restore", "RESTORE", None),
        ("DELETE", "/{}/k?acl", "OBJECT_ACL", "GET, PUT"),
        ("DELETE", "/{}/k?legal-hold", "LEGAL_HOLD", "GET, PUT"),
        ("DELETE", "/{}/k?restore", "RESTORE", "POST"),
        ("DELETE", "/{}/k?versioning", "VERSIONING", None),
        ("PUT", "/{}/k?uploads", "UPLOADS", "POST"),
        ("PUT", "/{}/k?select", "SELECT", "POST"),
        ("PUT", "/{}/k?uploadId=U", "UPLOAD", "DELETE, POST, GET"),
        ("GET", "/{}/k?uploadId=U&partNumber=1", "PART", "PUT"),
        ("GET", "/{}/k?encryption", "OBJECT_ENCRYPTION", "PUT"),
        ("GET", "/{}/k?uploads", "UPLOADS", "POST"),
    ],
)
def test_a_method_that_a_resource_does_not_have_is_refused(
    s3: Any, system: System, bucket: str, wanted: tuple[str, str, str, str | None]
) -> None:
    method, path, kind, allow = wanted
    s3.put_object(Bucket=bucket, Key="k", Body=b"kept")
    for headers in ({}, {"x-amz-copy-source": f"{bucket}/other"}) if method == "PUT" else ({},):
        answer = raw(system, method, path.format(bucket), b"", headers)
        assert refused(answer)[:2] == (405, "MethodNotAllowed")
        assert f"<Method>{method}</Method><ResourceType>{kind}</ResourceType>" in answer[2].decode()
        assert answer[1].get("allow") == allow
    assert sent.read(s3, bucket, "k") == b"kept"


def test_what_names_two_things_or_a_part_of_no_upload_is_refused(
    s3: Any, system: System, bucket: str
) -> None:
    for method, query, named in (
        ("GET", "versioning&acl", "acl, versioning"),
        ("DELETE", "uploads=&uploadId=1", "uploadId, uploads"),
        ("PUT", "partNumber=1&tagging", "partNumber, tagging"),
    ):
        for path in (f"/{bucket}", f"/{bucket}/k"):
            answer = raw(system, method, f"{path}?{query}", b"")
            assert refused(answer) == (
                400,
                "InvalidArgument",
                f"Conflicting query string parameters: {named}",
            )
            first = named.partition(",")[0]
            shown = f"<ArgumentName>ResourceType</ArgumentName><ArgumentValue>{first}</ArgumentValue>"
            assert shown in answer[2].decode()
    for method, query, status in (
        ("HEAD", "uploadId=", 405),
        ("HEAD", "acl", 405),
        ("HEAD", "acl&cors", 400),
    ):
        assert raw(system, method, f"/{bucket}/k?{query}")[0] == status
    answer = raw(system, "PUT", f"/{bucket}/k?partNumber=1", b"x")
    assert refused(answer)[1:] == (
        "InvalidArgument",
        "This operation does not accept partNumber without uploadId",
    )
    assert b"<ArgumentValue>partNumber</ArgumentValue>" in answer[2]
    for query, said in (
        ("partNumber=1", (400, "InvalidRequest", "Object must have a valid key name.")),
        ("versionId=null", (400, "InvalidArgument", "This operation does not accept a version-id.")),
    ):
        assert refused(raw(system, "DELETE", f"/{bucket}?{query}")) == said
    s3.head_bucket(Bucket=bucket)
    assert raw(system, "GET", f"/{bucket}?Versioning&x-id=ListObjects")[2].count(b"<ListBucketResult") == 1


NO_KIND = (400, "InvalidArgument", "Unsupported Authorization Type")
NO_CREDENTIAL = (
    400,
    "AuthorizationHeaderMalformed",
    "The authorization header is malformed; the Credential is mal-formed; expecting"
    ' "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
)
NO_COMPONENTS = (
    400,
    "AuthorizationHeaderMalformed",
    "The authorization header is malformed; the authorization header requires three components: Credential,"
    " SignedHeaders, and Signature.",
)


@pytest.mark.parametrize("path", ["/k", "?uploads", ""])
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Basic abc", NO_KIND),
        ("AWS4 HAHAHA", NO_KIND),
        ("AWS4-HMAC-MD5 Credential=a", NO_KIND),
        (
            "AWS HAHAHA",
            (
                400,
                "InvalidArgument",
                "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature",
            ),
        ),
        ("AWS4-HMAC-SHA256 Credential=HAHAHA", NO_COMPONENTS),
        ("AWS4-HMAC-SHA256", NO_COMPONENTS),
        ("AWS4-HMAC-SHA256 Credential=HAHAHA, SignedHeaders=host, Signature=a", NO_CREDENTIAL),
    ],
)
def test_a_header_that_signs_nothing_is_refused(
    system: System, bucket: str, text: str, wanted: tuple[int, str, str], path: str
) -> None:
    status, code, message = wanted
    answered, _, body = raw(system, "GET", f"/{bucket}{path}", None, {"Authorization": text})
    said = f"<Code>{code}</Code><Message>{html.escape(message, quote=False)}</Message>"
    assert (answered, said in body.decode()) == (status, True), body
    shown = b"<ArgumentName>Authorization</ArgumentName><ArgumentValue>%b</ArgumentValue>" % text.encode()
    assert (shown in body) is (code == "InvalidArgument")


def test_a_body_of_unknown_length_or_hash_is_refused(system: System, bucket: str) -> None:
    chunked = {"Transfer-Encoding": "chunked"}
    said = refused(raw(system, "PUT", f"/{bucket}/k", b"1\r\nx\r\n0\r\n\r\n", chunked))
    assert said[:2] == (501, "NotImplemented")
    said = refused(raw(system, "PUT", f"/{bucket}/k", b"x", {"x-amz-content-sha256": "none"}))
    assert said[:2] == (400, "InvalidArgument")
    assert said[2].startswith("x-amz-content-sha256 must be UNSIGNED-PAYLOAD, ")


def test_who_signs_nothing_says_nothing_of_the_answers_headers(s3: Any, system: System, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    said = refused(raw(system, "GET", f"/{bucket}/k?response-content-type=text%2Fplain"))
    anonymous = "Request specific response headers cannot be used for anonymous GET requests."
    assert said == (400, "InvalidRequest", anonymous)


def test_who_reads_says_nothing_of_encryption(s3: Any, system: System, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    header = "x-amz-server-side-encryption"
    for each in (header, f"{header}-aws-kms-key-id"):
        said = refused(raw(system, "GET", f"/{bucket}/k", None, {each: "AES256"}))
        assert said == (400, "InvalidArgument", f"{each} header is not supported for this operation.")
        assert raw(system, "HEAD", f"/{bucket}/k", None, {each: "aws:kms"})[0] == 400
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", ServerSideEncryption="AES256")["UploadId"]
    source = {"x-amz-copy-source": f"{bucket}/k"}
    for method, path, more in (
        ("PUT", f"?partNumber=1&uploadId={upload}", {}),
        ("PUT", f"?partNumber=1&uploadId={upload}", source),
        ("POST", f"?uploadId={upload}", {}),
    ):
        answer = raw(system, method, f"/{bucket}/k{path}", b"", {header: "AES256", **more})
        assert refused(answer) == (
            400,
            "InvalidArgument",
            f"{header} header is not supported for this operation.",
        )
        assert f"<ArgumentName>{header}</ArgumentName><ArgumentValue>AES256<" in answer[2].decode()


@pytest.mark.parametrize("context", [b"no JSON", b"[]", b'{"a": 1}', b'{"a": {"b": "c"}}', b"\xff", None])
def test_the_context_of_a_key_is_texts_by_name(s3: Any, bucket: str, context: bytes | None) -> None:
    def put(context: str) -> Any:
        kms = {"ServerSideEncryption": "aws:kms", "SSEKMSEncryptionContext": context}
        return s3.put_object(Bucket=bucket, Key="k", **kms)

    name = "x-amz-server-side-encryption-context"
    text = "no base64!" if context is None else base64.b64encode(context).decode()
    error = sent.refused("InvalidArgument", lambda: put(text), 400)
    assert error["Message"].startswith(
        f"The header '{name}' shall be Base64-encoded UTF-8 string holding JSON"
    )
    assert (error["ArgumentName"], error["ArgumentValue"]) == (name, text)
    assert put(base64.b64encode(b'{"a": "b"}').decode())["ServerSideEncryption"] == "aws:kms"


def test_chunks_need_no_length_and_headers_may_come_in_several_lines(
    s3: Any, system: System, bucket: str
) -> None:
    body = b"4;chunk-signature=ab\r\nbody\r\n0;chunk-signature=ab\r\n\r\n"
    host = urlsplit(system.urls["aws"]).netloc
    connection = http.client.HTTPConnection(host, timeout=30)
    connection.putrequest("PUT", f"/{bucket}/k")
    for name, value in (
        ("content-length", str(len(body))),
        ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
        ("content-encoding", "gzip"),
        ("content-encoding", "aws-chunked"),
    ):
        connection.putheader(name, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"")
    connection.close()
    found = s3.get_object(Bucket=bucket, Key="k")
    assert (found["ContentEncoding"], found["Body"].read()) == ("gzip", b"body")


def test_names_and_rules_that_s3_does_not_take(s3: Any, bucket: str) -> None:
    for name in ("dot.-dash", "dash-.dot", "two..dots"):
        with pytest.raises(ClientError, match="specified bucket is not valid"):
            s3.create_bucket(Bucket=name)
    transition = {"Days": 29, "StorageClass": "STANDARD_IA"}
    rule = {"ID": "a", "Filter": {"Prefix": "x"}, "Status": "Enabled", "Transitions": [transition]}
    with pytest.raises(ClientError, match="must be greater than or equal to 30 for storageClass"):
        s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})


def test_lists_stand_last_and_both_names_of_a_request_are_told(s3: Any, system: System, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    _, headers, body = raw(system, "GET", "/")
    assert body.index(b"<Owner>") < body.index(b"<Buckets>")
    assert headers["x-amz-id-2"] not in ("", headers["x-amz-request-id"])
    for query in ("", "?list-type=2"):
        _, _, body = raw(system, "GET", f"/{bucket}{query}")
        assert body.endswith(b"</Contents></ListBucketResult>")
    answer = raw(system, "POST", f"/{bucket}/k?uploadId=u", b"", {"x-amz-mp-object-size": "abc"})
    assert refused(answer) == (
        400,
        "InvalidRequest",
        "Value for x-amz-mp-object-size header is invalid: 'abc'",
    )
    _, headers, body = raw(system, "GET", f"/{bucket}/none")
    assert f"<HostId>{headers['x-amz-id-2']}</HostId>" in body.decode()


def test_what_is_missing_is_said_before_what_is_malformed(s3: Any, bucket: str) -> None:
    nothing: dict[str, Any] = {"ServerSideEncryptionConfiguration": {"Rules": []}}
    sent.refused("NoSuchBucket", s3.put_bucket_encryption, 404, Bucket="no-such-bucket", **nothing)
    sent.refused("MalformedXML", s3.put_bucket_encryption, 400, Bucket=bucket, **nothing)
    dotted = "dotted.bucket"
    s3.create_bucket(Bucket=dotted)
    random = {"Bucket": dotted, "AccelerateConfiguration": {"Status": "Random"}}
    assert (
        "periods"
        in sent.refused("InvalidRequest", s3.put_bucket_accelerate_configuration, 400, **random)["Message"]
    )
    random["Bucket"] = bucket
    sent.refused("MalformedXML", s3.put_bucket_accelerate_configuration, 400, **random)
    for owner in ("0000", "abcd"):
        told = sent.refused(
            "InvalidBucketOwnerAWSAccountID",
            s3.list_objects_v2,
            400,
            Bucket=bucket,
            ExpectedBucketOwner=owner,
        )["Message"]
        assert (
            told == f"The value of the expected bucket owner parameter must be an AWS Account ID... [{owner}]"
        )
    unlocked = {"Bucket": bucket, "Key": "k", "BypassGovernanceRetention": True}
    assert "ArgumentValue" not in sent.refused("InvalidArgument", s3.delete_object, 400, **unlocked)


def test_a_copys_source_may_be_an_address_and_have_a_plus_for_a_space(
    s3: Any, system: System, bucket: str
) -> None:
    s3.put_object(Bucket=bucket, Key="a b+c", Body=b"x", ChecksumAlgorithm="SHA256")
    for source in (f"{bucket}/a+b%2Bc", f"{system.urls['aws']}/{bucket}/a%20b%2Bc"):
        assert raw(system, "PUT", f"/{bucket}/copied", b"", {"x-amz-copy-source": source})[0] == 200
    assert "ChecksumSHA256" in s3.get_object(Bucket=bucket, Key="copied", ChecksumMode="enabled")


def test_names_of_headers_are_written_as_aws_writes_them(system: System, s3: Any) -> None:
    """They mean the same in any case; clients of small devices and scripts look for these very letters."""
    bucket = new_bucket(s3)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", CacheControl="no-store")
    connection = http.client.HTTPConnection(urlsplit(system.urls["aws"]).netloc, timeout=60)
    try:
        connection.request("GET", f"/{bucket}/k", headers={"Range": "bytes=0-0"})
        answer = connection.getresponse()
        names = {name for name, _ in answer.getheaders()}
        answer.read()
    finally:
        connection.close()
    assert names >= {
        *(
            "Accept-Ranges",
            "Cache-Control",
            "Content-Length",
            "Content-Range",
            "Content-Type",
            "Date",
            "ETag",
        ),
        *("Last-Modified", "Server", "x-amz-id-2", "x-amz-request-id"),
    }
