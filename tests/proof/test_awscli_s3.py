"""The AWS CLI on S3: its own transfer commands, and the API's."""

from __future__ import annotations

import os
import re
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

import pytest

from tests.proof.clients import AwsCli, Refused

pytestmark = [pytest.mark.proof, pytest.mark.timeout(900)]


@pytest.fixture
def bucket(aws: AwsCli) -> str:
    name = f"cli-{uuid.uuid4().hex[:10]}"
    assert aws("s3", "mb", f"s3://{name}") == f"make_bucket: {name}\n"
    return name


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_buckets_are_made_listed_and_removed(aws: AwsCli, bucket: str) -> None:
    assert bucket in aws("s3", "ls")
    aws("s3", "cp", "-", f"s3://{bucket}/k", stdin=b"x")
    with pytest.raises(Refused, match="BucketNotEmpty"):
        aws("s3", "rb", f"s3://{bucket}")
    assert f"remove_bucket: {bucket}" in aws("s3", "rb", "--force", f"s3://{bucket}")
    assert bucket not in aws("s3", "ls")
    with pytest.raises(Refused, match="NoSuchBucket"):
        aws("s3", "ls", f"s3://{bucket}")


def test_a_file_over_8_mb_goes_up_in_parts_and_comes_back(aws: AwsCli, bucket: str, folder: Path) -> None:
    (folder / "large").write_bytes(os.urandom(20_000_001))
    aws("s3", "cp", "large", f"s3://{bucket}/a b/large", "--metadata", "who=ann", "--content-type", "a/b")
    head = aws("s3api", "head-object", "--bucket", bucket, "--key", "a b/large")
    assert head["ETag"].endswith('-3"')
    assert (head["ContentLength"], head["ContentType"], head["Metadata"]) == (
        20_000_001,
        "a/b",
        {"who": "ann"},
    )
    assert "Uploads" not in aws("s3api", "list-multipart-uploads", "--bucket", bucket)
    aws("s3", "cp", f"s3://{bucket}/a b/large", "back")
    assert (folder / "back").read_bytes() == (folder / "large").read_bytes()
    aws("s3", "cp", f"s3://{bucket}/a b/large", f"s3://{bucket}/copied")
    aws("s3", "mv", f"s3://{bucket}/copied", f"s3://{bucket}/moved")
    assert aws.bytes("s3", "cp", f"s3://{bucket}/moved", "-") == (folder / "large").read_bytes()
    listed = aws("s3", "ls", f"s3://{bucket}", "--recursive", "--summarize", "--human-readable")
    assert "19.1 MiB a b/large" in listed
    assert "Total Objects: 2" in listed


def test_sync_both_ways_moves_what_differs(aws: AwsCli, bucket: str, folder: Path) -> None:
    here, there = folder / f"here-{bucket}", folder / f"there-{bucket}"
    for name in ("a.txt", "deep/er/b ü+%25 &.txt", "deep/c.log", "empty"):
        path = here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"" if name == "empty" else name.encode())
    (here / "large").write_bytes(os.urandom(9 << 20))
    # S3 tells times to the second: what it gets in the second of its making is older.
    for path in here.rglob("*"):
        os.utime(path, (time.time() - 2, time.time() - 2))
    assert aws("s3", "sync", str(here), f"s3://{bucket}/x").count("upload: ") == 5
    assert aws("s3", "sync", str(here), f"s3://{bucket}/x") == ""
    aws("s3", "sync", f"s3://{bucket}/x", str(there))
    assert tree(there) == tree(here)
    assert aws("s3", "sync", f"s3://{bucket}/x", str(there)) == ""
    (here / "a.txt").write_text("changed and longer")
    (here / "deep" / "c.log").unlink()
    said = aws("s3", "sync", "--delete", str(here), f"s3://{bucket}/x")
    assert (said.count("delete: "), said.count("upload: ")) == (1, 1)
    assert aws("s3", "sync", f"s3://{bucket}/x", f"s3://{bucket}/y", "--exclude", "*", "--include", "*.txt")
    assert aws("s3", "rm", f"s3://{bucket}", "--recursive").count("delete: ") == 6


def test_presigned_addresses_end(aws: AwsCli, bucket: str) -> None:
    aws("s3", "cp", "-", f"s3://{bucket}/a b.txt", stdin=b"signed")
    url = aws("s3", "presign", f"s3://{bucket}/a b.txt", "--expires-in", "600").strip()
    with urllib.request.urlopen(url, timeout=30) as answer:
        assert answer.read() == b"signed"
    late = re.sub(r"Expires=\d+", "Expires=1", url)
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(late, timeout=30)


def test_objects_through_the_api(aws: AwsCli, bucket: str, folder: Path) -> None:
    (folder / "body").write_bytes(b"0123456789")
    s3 = ("--bucket", bucket, "--key", "k")
    etag = aws("s3api", "put-object", *s3, "--body", "body", "--tagging", "a=1")["ETag"]
    assert aws("s3api", "get-object", *s3, "--range", "bytes=2-4", "part")["ContentRange"] == "bytes 2-4/10"
    assert (folder / "part").read_bytes() == b"234"
    assert aws("s3api", "get-object-tagging", *s3)["TagSet"] == [{"Key": "a", "Value": "1"}]
    attributes = aws("s3api", "get-object-attributes", *s3, "--object-attributes", "ETag", "ObjectSize")
    assert (attributes["ETag"], attributes["ObjectSize"]) == (etag.strip('"'), 10)
    with pytest.raises(Refused, match="PreconditionFailed"):
        aws("s3api", "put-object", *s3, "--body", "body", "--if-none-match", "*")
    aws("s3api", "copy-object", "--bucket", bucket, "--key", "copy", "--copy-source", f"{bucket}/k")
    found = aws("s3api", "list-objects-v2", "--bucket", bucket, "--query", "Contents[].Key")
    assert found == ["copy", "k"]
    aws("s3api", "wait", "object-exists", *s3)
    asked = ("--expression", "SELECT _1 FROM S3Object WHERE _1 > 9", "--expression-type", "SQL")
    forms = ("--input-serialization", "CSV={}", "--output-serialization", "JSON={}")
    aws("s3api", "select-object-content", *s3, *asked, *forms, "selected")
    assert (folder / "selected").read_text() == '{"_1":"0123456789"}\n'
    gone = "Objects=[{Key=copy},{Key=k}]"
    assert len(aws("s3api", "delete-objects", "--bucket", bucket, "--delete", gone)["Deleted"]) == 2
    with pytest.raises(Refused, match=r"\(404\)"):
        aws("s3api", "head-object", *s3)


def test_multipart_through_the_api(aws: AwsCli, bucket: str, folder: Path) -> None:
    (folder / "piece").write_bytes(os.urandom(5 << 20))
    s3 = ("--bucket", bucket, "--key", "k")
    id = aws("s3api", "create-multipart-upload", *s3)["UploadId"]
    parts = []
    for number in ("1", "2"):
        given = ("--upload-id", id, "--part-number", number, "--body", "piece")
        parts.append(f"{{ETag={aws('s3api', 'upload-part', *s3, *given)['ETag']},PartNumber={number}}}")
    assert len(aws("s3api", "list-parts", *s3, "--upload-id", id)["Parts"]) == 2
    whole = f"Parts=[{','.join(parts)}]"
    done = aws("s3api", "complete-multipart-upload", *s3, "--upload-id", id, "--multipart-upload", whole)
    assert done["ETag"].endswith('-2"')
    assert aws("s3api", "head-object", *s3)["ContentLength"] == 10 << 20


def test_a_buckets_settings_are_kept(aws: AwsCli, bucket: str) -> None:
    here = ("--bucket", bucket)
    aws("s3api", "put-bucket-tagging", *here, "--tagging", "TagSet=[{Key=team,Value=blue}]")
    assert aws("s3api", "get-bucket-tagging", *here)["TagSet"] == [{"Key": "team", "Value": "blue"}]
    rules = '{"Rules":[{"ID":"old","Status":"Enabled","Filter":{"Prefix":"tmp/"},"Expiration":{"Days":3}}]}'
    aws("s3api", "put-bucket-lifecycle-configuration", *here, "--lifecycle-configuration", rules)
    kept = aws("s3api", "get-bucket-lifecycle-configuration", *here)["Rules"]
    assert kept[0]["Expiration"] == {"Days": 3}
    policy = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",'
        f'"Resource":"arn:aws:s3:::{bucket}/*"}}]}}'
    )
    aws("s3api", "put-bucket-policy", *here, "--policy", policy)
    assert bucket in aws("s3api", "get-bucket-policy", *here)["Policy"]
    assert aws("s3api", "get-bucket-location", *here)["LocationConstraint"] is None
    rule = "CORSRules=[{AllowedOrigins=[http://a.b],AllowedMethods=[GET]}]"
    aws("s3api", "put-bucket-cors", *here, "--cors-configuration", rule)
    assert aws("s3api", "get-bucket-cors", *here)["CORSRules"][0]["AllowedMethods"] == ["GET"]
    aws(
        "s3api",
        "put-public-access-block",
        *here,
        "--public-access-block-configuration",
        "BlockPublicAcls=true",
    )
