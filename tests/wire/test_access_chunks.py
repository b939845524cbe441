"""Uploads signed chunk by chunk, as AWS's Java and Go SDKs send them: each chunk's signature is checked."""

from __future__ import annotations

import hashlib
import hmac

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from forebay.access.sigv4 import EMPTY, signing_key
from tests.harness import Answer, System, request
from tests.wire.access import allow, user
from tests.wire.sdk import client, serving

STREAMING = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"

system = serving("name: chunks\nlake: {shelf: {}}\n")


class Streaming(S3SigV4Auth):  # type: ignore[misc, unused-ignore]
    """Signs the headers of a body that is signed in chunks."""

    def payload(self, request: AWSRequest) -> str:
        return STREAMING


def put(system: System, keys: dict[str, str], chunks: list[bytes], *, altered: bool = False) -> Answer:
    """PUT these chunks; with `altered`, the first one is not what was signed."""
    secret = keys["SecretAccessKey"]
    asked = AWSRequest("PUT", system.urls["aws"] + "/shelf/chunked")
    asked.headers["x-amz-decoded-content-length"] = str(sum(map(len, chunks)))
    asked.headers["content-encoding"] = "aws-chunked"
    Streaming(Credentials(keys["AccessKeyId"], secret), "s3", "us-east-1").add_auth(asked)
    stamp = asked.context["timestamp"]
    scope = f"{stamp[:8]}/us-east-1/s3/aws4_request"
    key = signing_key(secret, stamp[:8], "us-east-1", "s3")
    before = asked.headers["Authorization"].rpartition("Signature=")[2]
    body = b""
    for index, chunk in enumerate([*chunks, b""]):
        digest = hashlib.sha256(chunk).hexdigest()
        text = "\n".join(["AWS4-HMAC-SHA256-PAYLOAD", stamp, scope, before, EMPTY, digest])
        before = hmac.new(key, text.encode(), "sha256").hexdigest()
        sent = chunk.swapcase() if altered and index == 0 else chunk
        body += f"{len(sent):x};chunk-signature={before}\r\n".encode() + sent + b"\r\n"
    return request(asked.url, "PUT", body, dict(asked.headers.items()))


def test_each_chunk_is_held_against_its_signature(system: System) -> None:
    iam, s3 = client(system, "iam"), client(system, "s3")
    keys = user(iam, "chu", allow("s3:*"))
    chunks = [b"a" * 70_000, b"b" * 10]
    assert put(system, keys, chunks).status == 200
    refused = put(system, keys, chunks, altered=True)
    assert (refused.status, b"SignatureDoesNotMatch" in refused.body) == (403, True)
    assert s3.get_object(Bucket="shelf", Key="chunked")["Body"].read() == b"".join(chunks)
    iam.close()
    s3.close()
