"""Signatures in every form that clients have for them: good once, good again within their time, and good for nothing else."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import zlib
from typing import Any
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from forebay.access.sigv4 import EMPTY, signing_key
from tests.harness import Answer, System, request
from tests.wire.access import allow, keyed, refused, user
from tests.wire.sdk import serving

system = serving("name: signed\nlake: {shelf: {}}\nstreams: {open: {}}\n")
PUT = b'{"StreamName":"open","Data":"MQ==","PartitionKey":"k"}'
CONTENT = b"the content, in two pieces: " + b"x" * 9000


@pytest.fixture(scope="module")
def keys(system: System, iam: Any) -> dict[str, str]:
    return user(iam, "signer", allow("*"))


@pytest.fixture(scope="module")
def credentials(keys: dict[str, str]) -> Credentials:
    return Credentials(keys["AccessKeyId"], keys["SecretAccessKey"])


def signed(system: System, credentials: Credentials, body: bytes, *, ago: float = 0.0) -> dict[str, str]:
    """The headers of a PutRecord of Kinesis, signed so many seconds ago."""
    headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": "Kinesis_20131202.PutRecord"}
    asked = AWSRequest("POST", system.urls["aws"] + "/", headers=headers, data=body)
    auth = SigV4Auth(credentials, "kinesis", "us-east-1")
    asked.context["timestamp"] = stamp(ago)
    auth._modify_request_before_signing(asked)
    text = auth.string_to_sign(asked, auth.canonical_request(asked))
    auth._inject_signature_to_request(asked, auth.signature(text, asked))
    return dict(asked.headers.items())


def stamp(ago: float) -> str:
    return (dt.datetime.now(dt.UTC) - dt.timedelta(seconds=ago)).strftime("%Y%m%dT%H%M%SZ")


def put(system: System, headers: dict[str, str], body: bytes = PUT) -> Answer:
    return request(system.urls["aws"] + "/", "POST", body, headers)


def test_a_repeat_within_its_time_is_valid_and_a_stale_or_early_one_is_not(
    system: System, credentials: Credentials
) -> None:
    headers = signed(system, credentials, PUT, ago=600)
    first, again = put(system, headers), put(system, headers)
    assert (first.status, again.status) == (200, 200)
    for ago, words in ((16 * 60, "Signature expired: "), (-16 * 60, "Signature not yet current: ")):
        answer = put(system, signed(system, credentials, PUT, ago=ago))
        assert (answer.status, answer.json()["__type"]) == (400, "InvalidSignatureException")
        assert words in answer.json()["message"]


@pytest.mark.parametrize("part", ["signature", "secret", "key", "date", "service", "region", "term"])
def test_a_forged_signature_is_refused(
    system: System, keys: dict[str, str], credentials: Credentials, part: str
) -> None:
    by = Credentials(keys["AccessKeyId"], "another secret") if part == "secret" else credentials
    headers = signed(system, by, PUT)
    said = headers["Authorization"]
    day = headers["X-Amz-Date"][:8]
    last, key = said[-1], keys["AccessKeyId"]
    forged = {
        "signature": said[:-1] + ("0" if last != "0" else "1"),
        "secret": said,
        "key": said.replace(key, key[:-1] + ("7" if key[-1] != "7" else "2")),
        "date": said.replace(f"/{day}/", "/20200101/"),
        "service": said.replace("/kinesis/", "/firehose/"),
        "region": said.replace("/us-east-1/", "/eu-west-1/"),
        "term": said.replace("aws4_request", "aws5_request"),
    }[part]
    assert (forged != said) is (part != "secret")
    answer = put(system, {**headers, "Authorization": forged})
    assert answer.status == 400
    assert answer.json()["__type"] in (
        "InvalidSignatureException",
        "UnrecognizedClientException",
        "IncompleteSignatureException",
    )


def test_what_is_covered_by_a_signature_may_not_be_altered(system: System, credentials: Credentials) -> None:
    headers = signed(system, credentials, PUT)
    for altered in (
        {"X-Amz-Target": "Kinesis_20131202.ListStreams"},
        {"X-Amz-Date": stamp(-60)},
        {"Host": "localhost:1"},
        {"x-amz-more": "1"},
    ):
        answer = put(system, {**headers, **altered})
        assert (answer.status, answer.json()["__type"]) == (400, "InvalidSignatureException"), altered
    assert put(system, headers, PUT.replace(b"MQ==", b"Mg==")).status == 400


UNDATED = (403, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
ANOTHER_DAY = (
    400,
    "AuthorizationHeaderMalformed",
    "The authorization header is malformed; Invalid credential date. Date is not the same as X-Amz-Date.",
)
SKEWED = (
    403,
    "RequestTimeTooSkewed",
    "The difference between the request time and the current time is too large.",
)


@pytest.mark.parametrize(
    ("altered", "wanted"),
    [
        ({"X-Amz-Date": "today"}, UNDATED),
        ({"X-Amz-Date": ""}, UNDATED),
        ({"X-Amz-Date": None}, UNDATED),
        ({"X-Amz-Date": "20200101T000000Z"}, SKEWED),
        ({"X-Amz-Date": "20990101T000000Z"}, SKEWED),
        ({"day": "20200101"}, ANOTHER_DAY),
        (
            {"X-Amz-Content-SHA256": None},
            (400, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256"),
        ),
    ],
)
def test_s3_has_words_of_its_own_for_a_signatures_day_and_parts(
    system: System, credentials: Credentials, altered: dict[str, str | None], wanted: tuple[int, str, str]
) -> None:
    asked = AWSRequest("PUT", system.urls["aws"] + "/shelf/dated", data=b"x")
    S3SigV4Auth(credentials, "s3", "us-east-1").add_auth(asked)
    headers = dict(asked.headers.items())
    if (day := altered.pop("day", None)) is not None:
        headers["Authorization"] = headers["Authorization"].replace(f"/{stamp(0)[:8]}/", f"/{day}/")
    headers = {name: value for name, value in {**headers, **altered}.items() if value is not None}
    answer = request(asked.url, "PUT", b"x", headers)
    status, code, message = wanted
    assert answer.status == status, answer
    assert f"<Code>{code}</Code><Message>{message}</Message>".encode() in answer.body


def fetched(url: str, method: str = "GET", *, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    answer = request(url, method, headers=headers)
    return answer.status, answer.body


def presigned(system: System, credentials: Credentials, *, seconds: int = 60) -> str:
    """A URL of the object `shelf/k`."""
    asked = AWSRequest("GET", system.urls["aws"] + "/shelf/k")
    S3SigV4QueryAuth(credentials, "s3", "us-east-1", expires=seconds).add_auth(asked)
    return str(asked.url)


def test_a_presigned_url_is_good_for_what_it_says_only(
    system: System, s3: Any, credentials: Credentials
) -> None:
    s3.put_object(Bucket="shelf", Key="k", Body=b"here")
    url = presigned(system, credentials)
    assert fetched(url) == (200, b"here")
    assert fetched(url) == (200, b"here"), "it may be used again"
    for altered in (
        url.replace("/shelf/k", "/shelf/other"),
        url.replace("X-Amz-Expires=60", "X-Amz-Expires=6000"),
        url.replace("us-east-1", "eu-west-1"),
        url + "&versionId=null",
    ):
        assert fetched(altered)[0] == 403, altered
    assert fetched(url, "DELETE")[0] == 403
    assert fetched(url, headers={"x-amz-more": "1"})[0] == 403
    status, said = fetched(presigned(system, credentials, seconds=700_000))
    assert (status, b"X-Amz-Expires" in said) == (400, True)
    assert fetched(url.replace("X-Amz-Signature=", "X-Amz-Other="))[0] == 400


def test_a_query_may_be_presigned_for_other_services_too(system: System, credentials: Credentials) -> None:
    text = f"{system.urls['aws']}/?Action=GetCallerIdentity&Version=2011-06-15"
    asked = AWSRequest("GET", text)
    SigV4QueryAuth(credentials, "sts", "us-east-1", expires=60).add_auth(asked)
    status, said = fetched(str(asked.url))
    assert (status, b":user/signer</Arn>" in said) == (200, True)
    status, said = fetched(str(asked.url).replace("GetCallerIdentity", "GetSessionToken"))
    assert (status, b"SignatureDoesNotMatch" in said) == (403, True)


def test_a_session_is_its_keys_and_its_token_together(system: System, keys: dict[str, str]) -> None:
    with keyed(system, "sts", keys) as sts:
        one, other = (sts.get_session_token()["Credentials"] for _ in range(2))
    with keyed(system, "sts", one) as sts:
        assert sts.get_caller_identity()["Arn"].endswith(":user/signer")
    raw = bytearray(base64.b64decode(one["SessionToken"]))
    raw[40] ^= 1
    for token in (other["SessionToken"], base64.b64encode(bytes(raw)).decode(), "no token"):
        with keyed(system, "sts", {**one, "SessionToken": token}) as sts:
            assert refused(sts.get_caller_identity)[0] == "InvalidClientTokenId"


# Bodies in signed pieces, with checksums behind them.


class Streaming(S3SigV4Auth):  # type: ignore[misc, unused-ignore]
    """Signs the headers of a body that comes in pieces."""

    def __init__(self, credentials: Credentials, payload: str) -> None:
        super().__init__(credentials, "s3", "us-east-1")
        self._payload = payload

    def payload(self, request: AWSRequest) -> str:
        return self._payload


class Upload:
    """A PUT of `shelf/pieces` in aws-chunked encoding with a trailing checksum; its parts may be tampered with."""

    def __init__(self, system: System, keys: dict[str, str], *, sign: bool) -> None:
        self.sign = sign
        secret = keys["SecretAccessKey"]
        self.asked = AWSRequest("PUT", system.urls["aws"] + "/shelf/pieces")
        kind = "AWS4-HMAC-SHA256-PAYLOAD-TRAILER" if sign else "UNSIGNED-PAYLOAD-TRAILER"
        self.asked.headers["x-amz-decoded-content-length"] = str(len(CONTENT))
        self.asked.headers["content-encoding"] = "aws-chunked"
        self.asked.headers["x-amz-trailer"] = "x-amz-checksum-crc32"
        Streaming(Credentials(keys["AccessKeyId"], secret), f"STREAMING-{kind}").add_auth(self.asked)
        self.stamp = self.asked.context["timestamp"]
        self.scope = f"{self.stamp[:8]}/us-east-1/s3/aws4_request"
        self.key = signing_key(secret, self.stamp[:8], "us-east-1", "s3")
        self.before = self.asked.headers["Authorization"].rpartition("Signature=")[2]

    def _signature(self, kind: str, *hashes: str) -> str:
        text = "\n".join([kind, self.stamp, self.scope, self.before, *hashes])
        signature = hmac.new(self.key, text.encode(), "sha256").hexdigest()
        self.before = signature
        return signature

    def send(
        self,
        *,
        chunk: bool = False,
        trailer: bool = False,
        signature: bool = False,
        cut: bool = False,
        stripped: bool = False,
        broken: bool = False,
    ) -> Answer:
        """Send it; what is said of its parts is how it is tampered with after it was signed.

        A trailer that is `broken` ends with a line break more, as minio's clients send it.
        """
        body = b""
        for index, piece in enumerate((CONTENT[:5000], CONTENT[5000:], b"")):
            head = f"{len(piece):x}"
            if self.sign:
                digest = hashlib.sha256(piece).hexdigest()
                head += f";chunk-signature={self._signature('AWS4-HMAC-SHA256-PAYLOAD', EMPTY, digest)}"
            sent = piece.swapcase() if chunk and index == 0 else piece
            body += head.encode() + b"\r\n" + sent + (b"\r\n" if piece else b"")
        sum_ = base64.b64encode(zlib.crc32(CONTENT).to_bytes(4, "big")).decode()
        line = f"x-amz-checksum-crc32:{sum_}"
        if self.sign:
            digest = hashlib.sha256(f"{line}\n".encode()).hexdigest()
            mark = self._signature("AWS4-HMAC-SHA256-TRAILER", digest)
            if signature:
                mark = mark[::-1]
        if trailer:
            line = f"x-amz-checksum-crc32:{base64.b64encode(b'0000').decode()}"
        if not stripped:
            body += line.encode() + (b"\n\r\n" if broken else b"\r\n")
        if self.sign and not cut and not stripped:
            body += f"x-amz-trailer-signature:{mark}\r\n".encode()
        return request(self.asked.url, "PUT", body + b"\r\n", dict(self.asked.headers.items()))


@pytest.mark.parametrize(
    ("sign", "broken"),
    [(True, False), (True, True), (False, False), (False, True)],
    ids=["signed", "signed-broken", "unsigned", "unsigned-broken"],
)
def test_a_body_in_pieces_with_a_trailing_checksum_is_kept(
    system: System, s3: Any, keys: dict[str, str], *, sign: bool, broken: bool
) -> None:
    assert Upload(system, keys, sign=sign).send(broken=broken).status == 200
    found = s3.get_object(Bucket="shelf", Key="pieces", ChecksumMode="ENABLED")
    assert found["Body"].read() == CONTENT
    assert found["ChecksumCRC32"] == base64.b64encode(zlib.crc32(CONTENT).to_bytes(4, "big")).decode()
    s3.delete_object(Bucket="shelf", Key="pieces")


@pytest.mark.parametrize(
    ("sign", "tampered"),
    [
        (True, {"chunk": True}),
        (True, {"trailer": True}),
        (True, {"signature": True}),
        (True, {"cut": True}),
        (True, {"stripped": True}),
        (False, {"chunk": True}),
        (False, {"trailer": True}),
        (False, {"stripped": True}),
    ],
)
def test_a_piece_or_trailer_that_is_not_what_was_signed_is_refused(
    system: System, s3: Any, keys: dict[str, str], *, sign: bool, tampered: dict[str, bool]
) -> None:
    answer = Upload(system, keys, sign=sign).send(**tampered)
    assert answer.status in (400, 403), answer
    listed = s3.list_objects_v2(Bucket="shelf", Prefix=quote("pieces"))
    assert "Contents" not in listed, "nothing of it was kept"


@pytest.mark.parametrize("path", ["/shelf/%AE%8A-", "/shelf/a%FF?tagging", "/%AE"])
def test_a_path_that_is_not_utf8_is_told_so(system: System, credentials: Credentials, path: str) -> None:
    asked = AWSRequest("GET", system.urls["aws"] + path, headers={"x-amz-content-sha256": EMPTY})
    S3SigV4Auth(credentials, "s3", "us-east-1").add_auth(asked)
    answer = request(str(asked.url), "GET", None, dict(asked.headers.items()))
    assert (answer.status, b"<Code>InvalidURI</Code>" in answer.body) == (400, True)
