"""Small objects are acknowledged before the catalog has them: nobody sees that, and no crash forgets one."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.conftest import Running
from tests.harness import System, until
from tests.projects import project
from tests.wire.s3 import new_bucket, put, read, refused
from tests.wire.sdk import client, serving

PROJECT = """\
name: puts
lake:
  shop: {}
catalog:
  rows: {location: lake.shop/rows/, format: json, columns: {n: bigint}}
"""
POINTS = [
    "puts.written:5",
    "puts.synced:5",
    "lake.puts.asked:3",
    "lake.puts.filed:3",
    "lake.puts.committed:3",
]


system = serving(PROJECT, sql=True)


def journaled(system: System) -> bool:
    """Whether puts go through the journal: it is opened when it is first wanted."""
    return (system.layout.puts / "puts.0").exists()


def warm(s3: Any, system: System, bucket: str) -> None:
    def tried() -> bool:
        s3.put_object(Bucket=bucket, Key="warm", Body=b"")
        return journaled(system)

    until(tried)
    s3.delete_object(Bucket=bucket, Key="warm")


def test_every_way_of_reading_sees_what_was_just_put(system: System, s3: Any) -> None:
    bucket = new_bucket(s3)
    warm(s3, system, bucket)
    for n in range(12):
        key = f"a/{n}"
        etag = s3.put_object(Bucket=bucket, Key=key, Body=b"%d" % n, Metadata={"n": str(n)})["ETag"]
        match n % 6:
            case 0:
                assert read(s3, bucket, key) == b"%d" % n
            case 1:
                head = s3.head_object(Bucket=bucket, Key=key)
                assert (head["ETag"], head["Metadata"]) == (etag, {"n": str(n)})
            case 2:
                assert key in [
                    each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix="a/")["Contents"]
                ]
            case 3:
                s3.copy_object(Bucket=bucket, Key=f"b/{n}", CopySource=f"{bucket}/{key}")
                assert read(s3, bucket, f"b/{n}") == b"%d" % n
            case 4:
                s3.delete_object(Bucket=bucket, Key=key)
                refused("NoSuchKey", s3.get_object, Bucket=bucket, Key=key)
            case _:
                assert s3.get_object_attributes(Bucket=bucket, Key=key, ObjectAttributes=["ETag"])[
                    "ETag"
                ] == (etag.strip('"'))


def test_sql_sees_what_was_just_put(system: System, s3: Any, athena: Any) -> None:
    warm(s3, system, "shop")
    for n in range(5):
        put(s3, "shop", f"rows/{n}.json", body=b'{"n": %d}\n' % n)
        told = system.cli("query", "select count(*) n from rows", "--format", "csv").out
        assert told.splitlines() == ['"n"', f'"{n + 1}"']
    put(s3, "shop", "rows/last.json", body=b'{"n": 5}\n')
    id = athena.start_query_execution(
        QueryString="select sum(n) from rows", QueryExecutionContext={"Database": "puts"}
    )["QueryExecutionId"]
    until(
        lambda: (
            athena.get_query_execution(QueryExecutionId=id)["QueryExecution"]["Status"]["State"]
            == "SUCCEEDED"
        )
    )
    rows = athena.get_query_results(QueryExecutionId=id)["ResultSet"]["Rows"]
    assert rows[1]["Data"][0]["VarCharValue"] == "15"


def test_the_last_of_many_puts_of_a_key_is_the_object(system: System, s3: Any) -> None:
    bucket = new_bucket(s3)
    warm(s3, system, bucket)
    for n in range(60):
        put(s3, bucket, "k", body=b"%d" % n)
        if n % 20 == 19:
            assert read(s3, bucket, "k") == b"%d" % n
    place = system.layout.lake / bucket / "k"
    until(lambda: place.exists() and place.read_bytes() == b"59")


def test_many_who_put_at_the_same_time(system: System, s3: Any) -> None:
    bucket = new_bucket(s3)
    warm(s3, system, bucket)
    bodies = {f"k{n:03}": bytes([n % 256]) * (n * 331 % 70_000) for n in range(300)}

    def one(key: str) -> str:
        tag: str = s3.put_object(Bucket=bucket, Key=key, Body=bodies[key])["ETag"]
        return tag

    with ThreadPoolExecutor(16) as pool:
        tags = dict(zip(bodies, pool.map(one, bodies), strict=True))
    listed = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert {each["Key"]: each["ETag"] for each in listed} == tags
    assert tags == {key: f'"{hashlib.md5(body).hexdigest()}"' for key, body in bodies.items()}  # noqa: S324
    assert all(read(s3, bucket, key) == body for key, body in bodies.items())


def test_what_a_bucket_was_just_told_holds_for_the_next_put(system: System, s3: Any) -> None:
    bucket = new_bucket(s3)
    warm(s3, system, bucket)
    put(s3, bucket, "k", body=b"null version")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"first")["VersionId"]
    assert s3.put_object(Bucket=bucket, Key="k", Body=b"second")["VersionId"] != first
    assert read(s3, bucket, "k", VersionId=first) == b"first"
    assert read(s3, bucket, "k", VersionId="null") == b"null version"


def test_lifecycle_and_encryption_are_answered(system: System, s3: Any) -> None:
    bucket = new_bucket(s3)
    warm(s3, system, bucket)
    rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": "old/"}, "Expiration": {"Days": 3}}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    by_default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [by_default]})
    answer = s3.put_object(Bucket=bucket, Key="old/k", Body=b"x")
    assert 'rule-id="r"' in answer["Expiration"]
    assert answer["ServerSideEncryption"] == "aws:kms"
    head = s3.head_object(Bucket=bucket, Key="old/k")
    assert (head["ServerSideEncryption"], head["Expiration"]) == ("aws:kms", answer["Expiration"])
    assert "Expiration" not in s3.put_object(Bucket=bucket, Key="new/k", Body=b"x")


def test_a_bucket_is_not_removed_with_what_was_just_put_in_it(system: System, s3: Any) -> None:
    bucket = new_bucket(s3)
    warm(s3, system, bucket)
    put(s3, bucket, "k")
    refused("BucketNotEmpty", s3.delete_bucket, Bucket=bucket)
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_bucket(Bucket=bucket)
    refused("NoSuchBucket", s3.put_object, Bucket=bucket, Key="k", Body=b"x")
    s3.create_bucket(Bucket=bucket)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_what_is_put_while_a_bucket_is_removed_is_there_or_refused(system: System, s3: Any) -> None:
    bucket = new_bucket(s3)
    warm(s3, system, bucket)
    stop = threading.Event()
    answered: list[int] = []
    ended: list[str] = []

    def keep_putting() -> None:
        n = 0
        while not stop.is_set() and n < 2000:
            try:
                s3.put_object(Bucket=bucket, Key=f"k{n}", Body=b"x")
            except ClientError as error:
                ended.append(error.response["Error"]["Code"])
                return
            answered.append(n)
            s3.delete_object(Bucket=bucket, Key=f"k{n}")
            answered.pop()
            n += 1

    thread = threading.Thread(target=keep_putting)
    thread.start()

    def removed() -> bool:
        try:
            s3.delete_bucket(Bucket=bucket)
        except ClientError as error:
            return bool(error.response["Error"]["Code"] != "BucketNotEmpty")
        return True

    try:
        until(removed)
    finally:
        stop.set()
        thread.join()
    assert (answered, ended) == ([], ["NoSuchBucket"])


def test_puts_are_taken_while_the_flow_is_down_and_read_when_it_is_up(
    running: Running, tmp_path: Path
) -> None:
    running_system = running(project(tmp_path / "p", PROJECT), sql=False)
    s3 = client(running_system, "s3", retries=8)
    warm(s3, running_system, "shop")
    running_system.kill("flow")
    for n in range(5):
        put(s3, "shop", f"k{n}", body=b"%d" % n)
    assert [read(s3, "shop", f"k{n}") for n in range(5)] == [b"%d" % n for n in range(5)]


def test_a_clean_end_leaves_no_journal_and_a_snapshot_has_all(running: Running, tmp_path: Path) -> None:
    first = running(project(tmp_path / "p", PROJECT), sql=False)
    s3 = client(first, "s3")
    warm(s3, first, "shop")
    put(s3, "shop", "k", body=b"before")
    assert first.cli("snapshot", "one").code == 0
    until(lambda: read(s3, "shop", "k") == b"before")
    warm(s3, first, "shop")
    put(s3, "shop", "k", body=b"after")
    assert first.cli("reset", "--to", "one").code == 0
    until(lambda: read(s3, "shop", "k") == b"before")
    assert s3.list_objects_v2(Bucket="shop")["KeyCount"] == 1
    put(s3, "shop", "k", body=b"last")
    assert first.stop() == 0
    again = running(first.folder, state=first.layout.root, sql=False)
    assert read(client(again, "s3"), "shop", "k") == b"last"
    assert again.stop() == 0
    assert not list(first.layout.puts.glob("*"))


def test_all_processes_die_right_after_the_answer(running: Running, tmp_path: Path) -> None:
    first = running(project(tmp_path / "p", PROJECT), sql=False)
    s3 = client(first, "s3")
    warm(s3, first, "shop")
    for n in range(30):
        put(s3, "shop", f"k{n % 10}", body=b"%d" % n)
    first.kill_all()
    again = running(first.folder, state=first.layout.root, sql=False)
    s3 = client(again, "s3", retries=8)
    assert [read(s3, "shop", f"k{n}") for n in range(10)] == [b"%d" % (20 + n) for n in range(10)]


@pytest.mark.parametrize("point", POINTS)
def test_a_crash_at_any_point_forgets_nothing_and_doubles_nothing(
    running: Running, tmp_path: Path, point: str
) -> None:
    """The process that comes to the point dies there every so often, and is started again."""
    system = running(project(tmp_path / "p", PROJECT), sql=False, environment={"FOREBAY_CRASH_AT": point})
    s3 = client(system, "s3", retries=0, connect_timeout=20, read_timeout=20)
    role = "front" if point.startswith("puts") else "flow"
    acknowledged: dict[str, int] = {}
    asked: dict[str, set[int]] = {}

    def one(n: int) -> bool:
        key = f"k{n % 5}"
        asked.setdefault(key, set()).add(n)
        try:
            s3.put_object(Bucket="shop", Key=key, Body=b"%d" % n)
        except (ClientError, BotoCoreError):
            return False
        acknowledged[key] = n
        asked[key] = {n}
        return True

    n = 0
    while n < 400 and not (system.restarts(role) >= 2 and len(acknowledged) == 5):
        n += 1
        until(lambda n=n: one(n))  # type: ignore[misc]
        threading.Event().wait(0.02)
    assert system.restarts(role) >= 2
    system.kill_all()
    again = running(system.folder, state=system.layout.root, sql=False)
    s3 = client(again, "s3", retries=8)
    for key, possible in asked.items():
        assert int(read(s3, "shop", key)) in possible
    assert s3.list_objects_v2(Bucket="shop", Prefix="k")["KeyCount"] == len(acknowledged)
