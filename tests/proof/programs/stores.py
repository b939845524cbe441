"""Clients that were written for other stores, or to be one: MinIO's own, delta-rs, s3cmd. They are told the endpoint."""

import io
import os
import subprocess
import sys
import urllib.request
import uuid
from pathlib import Path

import boto3
import deltalake
import pyarrow as pa
from minio import Minio
from minio.commonconfig import CopySource, Tags
from minio.deleteobjects import DeleteObject

URL = os.environ["AWS_ENDPOINT_URL"]
HOST = URL.removeprefix("http://")
BUCKET = f"stores-{uuid.uuid4().hex[:10]}"
boto3.client("s3").create_bucket(Bucket=BUCKET)
KEYS = {"access_key": os.environ["AWS_ACCESS_KEY_ID"], "secret_key": os.environ["AWS_SECRET_ACCESS_KEY"]}


def check_minios_client():
    minio = Minio(HOST, secure=False, region="us-east-1", **KEYS)
    assert minio.bucket_exists(BUCKET)
    data = os.urandom(12 << 20)
    minio.put_object(BUCKET, "a/large", io.BytesIO(data), -1, part_size=5 << 20)
    answer = minio.get_object(BUCKET, "a/large")
    assert answer.read() == data
    answer.close()
    minio.put_object(BUCKET, "a/b", io.BytesIO(b"x"), 1, metadata={"who": "ann"})
    assert minio.stat_object(BUCKET, "a/b").metadata["x-amz-meta-who"] == "ann"
    minio.copy_object(BUCKET, "a/c", CopySource(BUCKET, "a/b"))
    tags = Tags.new_object_tags()
    tags["team"] = "blue"
    minio.set_object_tags(BUCKET, "a/b", tags)
    assert dict(minio.get_object_tags(BUCKET, "a/b")) == {"team": "blue"}
    assert urllib.request.urlopen(minio.presigned_get_object(BUCKET, "a/b")).read() == b"x"
    assert list(minio.remove_objects(BUCKET, [DeleteObject("a/c")])) == []
    assert [each.object_name for each in minio.list_objects(BUCKET, recursive=True)] == ["a/b", "a/large"]


def check_delta_tables_are_committed_once():
    options = {"AWS_ALLOW_HTTP": "true", "aws_conditional_put": "etag"}
    place = f"s3://{BUCKET}/delta"
    for n in range(3):
        deltalake.write_deltalake(place, pa.table({"a": [n, n + 1]}), mode="append", storage_options=options)
    table = deltalake.DeltaTable(place, storage_options=options)
    table.optimize.compact()
    assert table.version() == 3
    assert sorted(table.to_pyarrow_table()["a"].to_pylist()) == [0, 1, 1, 2, 2, 3]


def check_s3cmd():
    Path("s3cfg").write_text(
        f"[default]\naccess_key = {KEYS['access_key']}\nsecret_key = {KEYS['secret_key']}\n"
        f"host_base = {HOST}\nhost_bucket = {HOST}\nuse_https = False\n"
    )

    def s3cmd(*arguments):
        program = str(Path(sys.executable).with_name("s3cmd"))
        done = subprocess.run(
            [program, "-c", "s3cfg", "--no-progress", *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    place = f"s3://stores-{uuid.uuid4().hex[:10]}"
    s3cmd("mb", place)
    Path("folder").mkdir()
    Path("folder", "large").write_bytes(os.urandom(20 << 20))
    Path("folder", "empty").write_bytes(b"")
    s3cmd("sync", "folder/", f"{place}/x/")
    assert s3cmd("ls", "--recursive", place).count(f"{place}/x/") == 2
    s3cmd("cp", f"{place}/x/large", f"{place}/y")
    s3cmd("get", f"{place}/y", "back")
    assert Path("back").read_bytes() == Path("folder", "large").read_bytes()
    assert urllib.request.urlopen(s3cmd("signurl", f"{place}/y", "+60").strip()).status == 200
    s3cmd("del", "--recursive", "--force", place)
    s3cmd("rb", place)
