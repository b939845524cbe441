"""Objects under a key of the caller's own (SSE-C): encrypted on disk, and read by who has the key."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.harness import System, request
from tests.wire.s3 import new_bucket, put, raw, read, refused
from tests.wire.sdk import client, served, serving
from tests.wire.test_s3_post import posted

system = serving("name: keys\n")
KEY = b"0123456789abcdef0123456789abcdef"
OTHER = KEY[::-1]
MIN_PART = 5 << 20
HEADER = "x-amz-server-side-encryption-customer"
WRONG = "Requests specifying Server Side Encryption with Customer provided keys must provide the correct secret key."


def under(key: bytes, start: str = "SSECustomer") -> dict[str, Any]:
    """The members that give a key, as the SDK itself makes them where it does so."""
    md5 = base64.b64encode(hashlib.md5(key, usedforsecurity=False).digest()).decode()
    text = base64.b64encode(key).decode()
    return {f"{start}Algorithm": "AES256", f"{start}Key": text, f"{start}KeyMD5": md5}


SOURCE = under(KEY, "CopySourceSSECustomer")
FORM = dict(zip(("algorithm", "key", "key-MD5"), under(KEY).values(), strict=True))


@pytest.fixture
def bucket(s3: Any) -> str:
    return new_bucket(s3)


def test_an_object_under_a_key_of_the_callers_is_encrypted_on_disk_and_read_with_the_key(
    s3: Any, system: System, bucket: str
) -> None:
    body = b"a secret that is found nowhere " * 1000
    done = s3.put_object(Bucket=bucket, Key="k", Body=body, **under(KEY))
    md5 = base64.b64encode(hashlib.md5(KEY, usedforsecurity=False).digest()).decode()
    assert (done["SSECustomerAlgorithm"], done["SSECustomerKeyMD5"]) == ("AES256", md5)
    assert "ServerSideEncryption" not in done
    assert done["ETag"].strip('"') != hashlib.md5(body, usedforsecurity=False).hexdigest()
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED", **under(KEY))
    assert (head["ContentLength"], head["SSECustomerKeyMD5"]) == (len(body), md5)
    assert head["ChecksumCRC32"] == done["ChecksumCRC32"]
    assert read(s3, bucket, "k", **under(KEY)) == body
    for span in ("bytes=5-40", "bytes=16-31", "bytes=-7", "bytes=20000-"):
        first, _, last = span.removeprefix("bytes=").partition("-")
        wanted = body[int(first) : int(last) + 1 if last else None] if first else body[-int(last) :]
        assert read(s3, bucket, "k", Range=span, **under(KEY)) == wanted
    files = []
    for path in system.layout.catalog.parent.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # some are there for a moment only
            files += [path.read_bytes()] if path.is_file() else []
    assert files
    assert not any(b"found nowhere" in data or KEY in data for data in files)


def test_without_the_key_an_object_is_not_read(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", **under(KEY))
    put(s3, bucket, "plain")
    where = {"Bucket": bucket, "Key": "k"}
    attributes = {**where, "ObjectAttributes": ["ETag"]}
    copy = {"Bucket": bucket, "Key": "c", "CopySource": where}
    stored = "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object."
    for call, given in (
        (s3.get_object, where),
        (s3.get_object_attributes, attributes),
        (s3.copy_object, copy),
    ):
        assert refused("InvalidRequest", call, 400, **given)["Message"] == stored
    for key in (OTHER, KEY[:24], b"x"):
        wrong = refused("AccessDenied", s3.get_object, 403, **where, **under(key))
        assert wrong["Message"] == WRONG
    refused("AccessDenied", s3.get_object_attributes, 403, **attributes, **under(OTHER))
    refused("AccessDenied", s3.copy_object, 403, **copy, **under(OTHER, "CopySourceSSECustomer"))
    for more, status in (({}, 400), (under(OTHER), 403)):
        with pytest.raises(ClientError) as raised:
            s3.head_object(**where, **more)
        assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    refused("InvalidRequest", s3.get_object, 400, Bucket=bucket, Key="plain", **under(KEY))
    assert s3.get_object_attributes(**attributes, **under(KEY))["ETag"]


def test_keys_that_are_none_are_refused(s3: Any, system: System, bucket: str) -> None:
    def asked(**headers: str) -> str:
        given = {f"{HEADER}-{name.replace('_', '-')}": value for name, value in headers.items()}
        status, _, body = raw(system, "PUT", f"/{bucket}/k", b"x", given)
        assert status == 400
        return body.decode()

    text = base64.b64encode(KEY).decode()
    md5 = base64.b64encode(hashlib.md5(KEY, usedforsecurity=False).digest()).decode()
    assert "valid encryption algorithm" in asked(key=text, key_MD5=md5)
    told = asked(algorithm="AES256")
    assert "an appropriate secret key" in told
    assert "<ArgumentValue>null</ArgumentValue>" in told
    assert "client calculated MD5" in asked(algorithm="AES256", key=text)
    assert "did not match the hash" in asked(algorithm="AES256", key=text, key_MD5="A" * 22 + "==")
    short = base64.b64encode(KEY[:24]).decode()
    assert "did not match the hash" in asked(algorithm="AES256", key=short, key_MD5=md5)
    its = under(KEY[:24])["SSECustomerKeyMD5"]
    assert "The secret key was invalid" in asked(algorithm="AES256", key=short, key_MD5=its)
    assert "InvalidEncryptionAlgorithmError" in asked(algorithm="AES128", key=text, key_MD5=md5)
    both = {"Bucket": bucket, "Key": "k", "ServerSideEncryption": "AES256", **under(KEY)}
    assert "is incompatible" in refused("InvalidArgument", s3.put_object, 400, **both)["Message"]


def test_copies_take_and_give_keys(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"once", **under(KEY))
    source = {"Bucket": bucket, "Key": "k"}
    s3.copy_object(Bucket=bucket, Key="bare", CopySource=source, **SOURCE)
    assert read(s3, bucket, "bare") == b"once"
    other = s3.copy_object(Bucket=bucket, Key="k", CopySource=source, **SOURCE, **under(OTHER))
    assert "SSECustomerKeyMD5" in other
    assert read(s3, bucket, "k", **under(OTHER)) == b"once"
    refused("AccessDenied", s3.get_object, 403, **source, **under(KEY))


def test_an_upload_in_parts_is_under_one_key(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="from", Body=b"copied-part", **under(OTHER))
    begun = s3.create_multipart_upload(Bucket=bucket, Key="k", **under(KEY))
    assert begun["SSECustomerAlgorithm"] == "AES256"
    part = {"Bucket": bucket, "Key": "k", "UploadId": begun["UploadId"]}
    body = bytes(range(256)) * (MIN_PART // 256)
    without = refused("InvalidRequest", s3.upload_part, 400, **part, PartNumber=1, Body=b"x")
    assert without["Message"].startswith("The multipart upload initiate requested encryption.")
    mixed = refused("InvalidRequest", s3.upload_part, 400, **part, PartNumber=1, Body=b"x", **under(OTHER))
    assert mixed["Message"] == "The provided encryption parameters did not match the ones used originally."
    tags = [s3.upload_part(**part, PartNumber=n, Body=body, **under(KEY))["ETag"] for n in (1, 2)]
    source = {"CopySource": {"Bucket": bucket, "Key": "from"}, "CopySourceRange": "bytes=0-5"}
    given = {**source, **under(OTHER, "CopySourceSSECustomer"), **under(KEY)}
    tags.append(s3.upload_part_copy(**part, PartNumber=3, **given)["CopyPartResult"]["ETag"])
    parts = [{"PartNumber": n, "ETag": tag} for n, tag in enumerate(tags, 1)]
    done = s3.complete_multipart_upload(**part, MultipartUpload={"Parts": parts})
    assert done["ETag"].endswith('-3"')
    assert read(s3, bucket, "k", **under(KEY)) == body * 2 + b"copied"
    edge = f"bytes={2 * MIN_PART - 3}-{2 * MIN_PART + 2}"
    assert read(s3, bucket, "k", Range=edge, **under(KEY)) == body[-3:] + b"cop"
    assert read(s3, bucket, "k", PartNumber=3, **under(KEY)) == b"copied"
    refused("InvalidRequest", s3.get_object, 400, Bucket=bucket, Key="k")


def test_an_upload_with_a_checksum_is_completed_with_the_key(s3: Any, bucket: str) -> None:
    """CompleteMultipartUpload (Amazon S3 API Reference), of its SSECustomerAlgorithm."""
    summed = {"ChecksumAlgorithm": "CRC32"}
    begun = s3.create_multipart_upload(Bucket=bucket, Key="k", **summed, **under(KEY))
    this = {"Bucket": bucket, "Key": "k", "UploadId": begun["UploadId"]}
    done = s3.upload_part(**this, PartNumber=1, Body=b"x", **summed, **under(KEY))
    part = {"PartNumber": 1, **{name: done[name] for name in ("ETag", "ChecksumCRC32")}}
    whole = {**this, "MultipartUpload": {"Parts": [part]}}
    told = refused("InvalidArgument", s3.complete_multipart_upload, 400, **whole)
    assert told["Message"].endswith("must provide an appropriate secret key.")
    s3.complete_multipart_upload(**whole, **under(KEY))
    assert read(s3, bucket, "k", **under(KEY)) == b"x"


def test_a_form_may_bring_a_key(s3: Any, system: System, bucket: str) -> None:
    text = base64.b64encode(KEY).decode()
    md5 = base64.b64encode(hashlib.md5(KEY, usedforsecurity=False).digest()).decode()
    fields = {
        "key": "posted",
        f"{HEADER}-algorithm": "AES256",
        f"{HEADER}-key": text,
        f"{HEADER}-key-MD5": md5,
    }
    lines = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    form = (
        f'{lines}--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nhidden\r\n--x--\r\n'
    )
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    status, headers, _ = raw(system, "POST", f"/{bucket}", form.encode(), kind)
    assert (status, headers[f"{HEADER}-key-md5"]) == (204, md5)
    assert read(s3, bucket, "posted", **under(KEY)) == b"hidden"


def test_sql_over_an_object_under_a_key_is_refused(tmp_path: Path) -> None:
    text = (
        "name: hidden\nlake: {shelf: {}}\n"
        "catalog: {rows: {location: lake.shelf/rows/, format: json, columns: {a: bigint}}}\n"
    )
    with served(tmp_path, text, sql=True) as running:
        s3 = client(running, "s3")
        s3.put_object(Bucket="shelf", Key="rows/1.json", Body=b'{"a": 1}\n')
        assert running.query("SELECT sum(a) FROM rows") == [[1]]
        s3.put_object(Bucket="shelf", Key="rows/2.json", Body=b'{"a": 2}\n', **under(KEY))
        asked = json.dumps({"sql": "SELECT sum(a) FROM rows"}).encode()
        kind = {"Content-Type": "application/json"}
        answer = request(running.console + "/api/query", "POST", asked, kind, timeout=30)
        assert answer.status == 400
        assert "s3://shelf/rows/2.json is encrypted under a key of its owner's" in answer.body.decode()


@pytest.mark.parametrize("rule", [{}, {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}])
def test_a_bucket_may_take_no_new_objects_under_customer_keys(
    s3: Any, system: System, bucket: str, rule: dict[str, Any]
) -> None:
    def say(kind: str) -> None:
        rules = [{**rule, "BlockedEncryptionTypes": {"EncryptionType": [kind]}}]
        s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": rules})
        kept = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
        assert kept["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
        assert kept["BlockedEncryptionTypes"] == {"EncryptionType": [kind]}

    this = {"Bucket": bucket, "Key": "k"}
    s3.put_object(**this, Body=b"x", **under(KEY))
    form = {"key": "k", **{f"{HEADER}-{name}": value for name, value in FORM.items()}}
    say("SSE-C")
    for call in (s3.put_object, s3.create_multipart_upload):
        refused("AccessDenied", call, 403, **this, **under(KEY))
    refused("AccessDenied", s3.copy_object, 403, **this, CopySource=f"{bucket}/k", **SOURCE, **under(KEY))
    assert posted(system, bucket, form)[0] == 403
    assert read(s3, bucket, "k", **under(KEY)) == b"x"
    s3.copy_object(**this, CopySource=f"{bucket}/k", **SOURCE)
    say("NONE")
    s3.put_object(**this, Body=b"x", **under(KEY))
    assert posted(system, bucket, form)[0] == 204
