"""A bucket of the project that keeps versions, seen by S3's clients."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.harness import System
from tests.projects import project
from tests.wire.sdk import client


def test_a_declared_bucket_keeps_versions_over_crashes_and_only_the_project_ends_it(tmp_path: Path) -> None:
    folder = project(tmp_path / "project", "name: kept\nlake:\n  kept-lake: {versioning: true}\n")
    system = System(folder, tmp_path / "state", [], {}).start()
    try:
        with closing(client(system, "s3")) as s3:
            s3.put_object(Bucket="kept-lake", Key="menu", Body=b"soup")
        system.kill_all()
        system.start()
        with closing(client(system, "s3")) as s3:
            assert s3.get_bucket_versioning(Bucket="kept-lake")["Status"] == "Enabled"
            s3.put_object(Bucket="kept-lake", Key="menu", Body=b"salad")
            s3.delete_object(Bucket="kept-lake", Key="menu")
            listed = s3.list_object_versions(Bucket="kept-lake")
            assert len(listed["DeleteMarkers"]) == 1
            old = [
                s3.get_object(Bucket="kept-lake", Key="menu", VersionId=each["VersionId"])["Body"].read()
                for each in listed["Versions"]
            ]
            assert old == [b"salad", b"soup"]
            with pytest.raises(ClientError, match=r"lake\.kept-lake in forebay\.yaml"):
                s3.put_bucket_versioning(Bucket="kept-lake", VersioningConfiguration={"Status": "Suspended"})
    finally:
        system.end()
