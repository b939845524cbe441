"""Readers and writers of S3 that are not boto3: pyarrow, s3fs, Polars, smart_open. Settings by `forebay connect`."""

import os
import uuid
from pathlib import Path

import boto3
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import s3fs
from pyarrow import fs
from smart_open import open as smart_open

settings = {}
exec(Path("pyarrow.py.txt").read_text(), settings)  # what `forebay connect pyarrow` printed
arrow = settings["filesystem"]
files = s3fs.S3FileSystem()

BUCKET = f"files-{uuid.uuid4().hex[:10]}"
boto3.client("s3").create_bucket(Bucket=BUCKET)
TABLE = pa.table({"a": range(1000), "b": [f"x{i}" for i in range(1000)], "p": [i % 3 for i in range(1000)]})


def check_pyarrow_reads_and_writes_tables():
    pq.write_table(TABLE, f"{BUCKET}/pa/t.parquet", filesystem=arrow)
    assert pq.read_table(f"{BUCKET}/pa/t.parquet", filesystem=arrow).equals(TABLE)
    form = ds.partitioning(pa.schema([("p", pa.int64())]), flavor="hive")
    ds.write_dataset(TABLE, f"{BUCKET}/set", filesystem=arrow, format="parquet", partitioning=form)
    found = ds.dataset(f"{BUCKET}/set", filesystem=arrow, partitioning="hive")
    assert found.count_rows() == 1000
    assert found.to_table(filter=ds.field("p") == 1).num_rows == 333


def check_pyarrow_streams_large_files_and_manages_them():
    pieces = [os.urandom(1 << 20) for _ in range(25)]
    with arrow.open_output_stream(f"{BUCKET}/large/a") as out:
        for piece in pieces:
            out.write(piece)
    with arrow.open_input_file(f"{BUCKET}/large/a") as read:
        assert read.size() == 25 << 20
        read.seek(20 << 20)
        assert read.read(1 << 20) == pieces[20]
    arrow.copy_file(f"{BUCKET}/large/a", f"{BUCKET}/large/b")
    arrow.move(f"{BUCKET}/large/b", f"{BUCKET}/large/c")
    listed = arrow.get_file_info(fs.FileSelector(f"{BUCKET}/large"))
    assert [info.base_name for info in listed] == ["a", "c"]
    assert arrow.get_file_info(f"{BUCKET}/large/b").type == fs.FileType.NotFound
    arrow.create_dir(f"{BUCKET}/large/d")
    arrow.delete_file(f"{BUCKET}/large/c")
    arrow.delete_dir(f"{BUCKET}/large")
    assert arrow.get_file_info(f"{BUCKET}/large").type == fs.FileType.NotFound


def check_s3fs_writes_reads_and_lists():
    data = os.urandom(12 << 20)
    with files.open(f"{BUCKET}/s3fs/a.bin", "wb") as out:
        out.write(data)
    assert files.cat_file(f"{BUCKET}/s3fs/a.bin") == data
    assert files.cat_file(f"{BUCKET}/s3fs/a.bin", start=100, end=200) == data[100:200]
    files.pipe({f"{BUCKET}/s3fs/b.txt": b"hello", f"{BUCKET}/s3fs/c ü+%.txt": b"again"})
    with files.open(f"{BUCKET}/s3fs/b.txt", "ab") as out:
        out.write(b" there")
    assert files.cat(f"{BUCKET}/s3fs/b.txt") == b"hello there"
    assert sorted(files.glob(f"{BUCKET}/s3fs/*.txt")) == [f"{BUCKET}/s3fs/b.txt", f"{BUCKET}/s3fs/c ü+%.txt"]
    assert files.du(f"{BUCKET}/s3fs") == len(data) + 16
    assert files.isdir(f"{BUCKET}/s3fs")
    assert files.exists(f"{BUCKET}/s3fs/b.txt")
    assert not files.exists(f"{BUCKET}/s3fs/nothing")
    assert BUCKET in [each.strip("/") for each in files.ls("")]


def check_s3fs_moves_tags_and_removes():
    Path("local").write_bytes(os.urandom(9 << 20))
    files.put("local", f"{BUCKET}/moved/a")
    files.cp(f"{BUCKET}/moved/a", f"{BUCKET}/moved/b")
    files.mv(f"{BUCKET}/moved/b", f"{BUCKET}/moved/c")
    files.get(f"{BUCKET}/moved/c", "local.again")
    assert Path("local.again").read_bytes() == Path("local").read_bytes()
    files.put_tags(f"{BUCKET}/moved/a", {"team": "käse"})
    assert files.get_tags(f"{BUCKET}/moved/a") == {"team": "käse"}
    files.touch(f"{BUCKET}/moved/empty")
    files.setxattr(f"{BUCKET}/moved/empty", foo="bar")
    assert files.getxattr(f"{BUCKET}/moved/empty", "foo") == "bar"
    files.rm(f"{BUCKET}/moved", recursive=True)
    files.invalidate_cache()
    assert not files.exists(f"{BUCKET}/moved")
    name = f"files-{uuid.uuid4().hex[:10]}"
    files.mkdir(name)
    files.rmdir(name)


def check_polars_reads_and_writes():
    frame = pl.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]})
    frame.write_parquet(f"s3://{BUCKET}/pl/a.parquet")
    frame.write_csv(f"s3://{BUCKET}/pl/a.csv")
    frame.lazy().sink_parquet(f"s3://{BUCKET}/pl/b.parquet")
    assert pl.read_parquet(f"s3://{BUCKET}/pl/a.parquet").equals(frame)
    some = pl.scan_parquet(f"s3://{BUCKET}/pl/*.parquet").filter(pl.col("a") > 1).collect()
    assert some["a"].sort().to_list() == [2, 2, 3, 3]
    assert pl.read_csv(f"s3://{BUCKET}/pl/a.csv").equals(frame)
    assert pl.scan_csv(f"s3://{BUCKET}/pl/a.csv").select(pl.len()).collect().item() == 3


def check_smart_open_streams():
    with smart_open(f"s3://{BUCKET}/so/a.txt", "w") as out:
        out.write("one\ntwo\n")
    assert list(smart_open(f"s3://{BUCKET}/so/a.txt")) == ["one\n", "two\n"]
    with smart_open(f"s3://{BUCKET}/so/a.txt.gz", "w") as out:
        out.write("one\ntwo\n" * 100)
    assert sum(1 for _ in smart_open(f"s3://{BUCKET}/so/a.txt.gz")) == 200
    pieces = [os.urandom(1 << 20) for _ in range(60)]
    with smart_open(f"s3://{BUCKET}/so/large", "wb") as out:
        for piece in pieces:
            out.write(piece)
    with smart_open(f"s3://{BUCKET}/so/large", "rb") as read:
        read.seek(50 << 20)
        assert read.read(100) == pieces[50][:100]
