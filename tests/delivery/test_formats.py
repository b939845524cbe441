"""What objects hold: Parquet, CSV, raw bytes; compressed or not; in Hive's folders."""

from __future__ import annotations

import base64
import gzip
import io
import json
import struct
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from forebay.delivery.section import BufferSpec, DeliverySpec
from tests.delivery.world import World, eventually, spec


@pytest.fixture
def world_of(tmp_path: Path) -> Iterator[type[World]]:
    made: list[World] = []

    class Made(World):
        def __init__(self, **deliveries: DeliverySpec) -> None:
            super().__init__(tmp_path, deliveries)
            made.append(self)

    yield Made
    for world in made:
        world.close()


def columns(world: World, table: str = "clicks") -> list[list[str]]:
    ((found,),) = world.ask("SELECT json_extract(doc, '$.columns') FROM tables WHERE name = ?", table)
    return list(json.loads(found))


def test_parquet_has_the_columns_of_the_events_and_the_table_knows_them(world_of: type[World]) -> None:
    world = world_of(clicks=spec(format="parquet", compression="snappy", table="clicks"))  # type: ignore[call-arg]
    with world.flow() as flow:
        world.send("delivery.clicks", b'{"a":1,"b":"x"}', b'{"a":2}')
        eventually(lambda: world.ask("SELECT 1 FROM segments WHERE encoding = 'arrow'"), "a hot segment")
        assert columns(world) == [["a", "bigint"], ["b", "string"]]
        world.send("delivery.clicks", b'{"a":2.5,"c":"2026-01-31"}')
        flow.flush()
    assert columns(world) == [["a", "double"], ["b", "string"], ["c", "date"]]
    ((key, raw),) = world.objects().items()
    assert key.endswith(".parquet")
    table = pq.read_table(io.BytesIO(raw))
    assert table.column("a").to_pylist() == [1.0, 2.0, 2.5]
    assert table.column("b").to_pylist() == ["x", None, None]
    assert str(table.schema.field("c").type) == "date32[day]"


def test_the_columns_are_known_to_the_next_flow(world_of: type[World]) -> None:
    world = world_of(clicks=spec(format="parquet", compression="zstd", table="shop.clicks"))  # type: ignore[call-arg]
    with world.flow() as flow:
        world.send("delivery.clicks", b'{"a":1.5}')
        flow.flush()
    with world.flow() as flow:
        world.send("delivery.clicks", b'{"a":1}')
        flow.flush()
    assert columns(world) == [["a", "double"]]
    tables = [pq.read_table(io.BytesIO(raw)) for raw in world.objects().values()]
    assert [table.schema.field("a").type for table in tables] == [pa.float64(), pa.float64()]


def test_what_does_not_fit_a_declared_column_is_rejected_with_its_bytes(world_of: type[World]) -> None:
    world = world_of(  # type: ignore[call-arg]
        clicks=spec(format="parquet", compression="snappy", table="clicks", columns={"a": "int"})
    )
    with world.flow() as flow:
        world.send("delivery.clicks", b'{"a":1}', b'{"a":"many"}', b"rubbish")
        flow.flush()
    ((key, raw),) = world.objects("error").items()
    assert key.startswith("errors/clicks/format-conversion-failed/20")
    first, second = (json.loads(line) for line in raw.splitlines())
    assert first["errorMessage"] == 'column a: "many" is no int'
    assert first["errorCode"] == "DataFormatConversion.ParseError"
    assert base64.b64decode(second["rawData"]) == b"rubbish"
    assert second["eventId"] == {"log": "delivery.clicks", "shard": 0, "offset": 2}
    ledger = world.ledger("delivery.clicks")
    assert (ledger["delivered"], ledger["rejected"], ledger["read"]) == (1, 2, 3)


def test_partition_fields_become_hive_folders_and_leave_the_columns(world_of: type[World]) -> None:
    world = world_of(  # type: ignore[call-arg]
        clicks=spec(format="parquet", compression="snappy", table="clicks", partition=["day", "kind"])
    )
    with world.flow() as flow:
        world.send(
            "delivery.clicks",
            b'{"day":"2026-01-01","kind":"a/b","n":1}',
            b'{"day":"2026-01-02","kind":null,"n":2}',
            b'{"day":"2026-01-01","kind":"a/b","n":3}',
        )
        flow.flush()
    found = {key.rpartition("/")[0]: raw for key, raw in world.objects().items()}
    assert {folder: pq.read_table(io.BytesIO(raw)).to_pylist() for folder, raw in found.items()} == {
        "clicks/day=2026-01-01/kind=a%2Fb": [{"n": 1}, {"n": 3}],
        "clicks/day=2026-01-02/kind=__HIVE_DEFAULT_PARTITION__": [{"n": 2}],
    }
    assert columns(world) == [["n", "bigint"]]


def test_json_lines_are_partitioned_too_and_keep_their_bytes(world_of: type[World]) -> None:
    world = world_of(clicks=spec(partition=["detail.day"]))  # type: ignore[call-arg]
    with world.flow() as flow:
        world.send("delivery.clicks", b'{"detail": {"day": 3}}', b'{ "detail":null }', b"no json")
        flow.flush()
    assert {key.rpartition("/")[0]: raw for key, raw in world.objects().items()} == {
        "clicks/day=3": b'{"detail": {"day": 3}}\n',
        "clicks/day=__HIVE_DEFAULT_PARTITION__": b'{ "detail":null }\n',
    }
    ((key, _),) = world.objects("error").items()
    assert "/processing-failed/" in key


def test_csv_has_a_header_once_an_object_and_quotes_where_needed(world_of: type[World]) -> None:
    world = world_of(clicks=spec(format="csv"))  # type: ignore[call-arg]
    with world.flow() as flow:
        world.send("delivery.clicks", b'{"a":"x,y","b":1.50}', b'{"b":true,"a":"say \\"hi\\""}')
        eventually(lambda: len(world.hot()) == 2, "hot rows")
        world.send("delivery.clicks", b'{"c":"line\\nend"}')
        flow.flush()
    assert sorted(world.objects().values()) == [
        b'a,b\n"x,y",1.5\n"say ""hi""",true\n',
        b'a,b,c\n,,"line\nend"\n',
    ]


def test_raw_bytes_stay_as_they_are(world_of: type[World]) -> None:
    world = world_of(clicks=spec(format="raw"))  # type: ignore[call-arg]
    with world.flow() as flow:
        world.send("delivery.clicks", b"one\n", b"\x00two", b"three")
        flow.flush()
    assert list(world.objects().values()) == [b"one\n\x00twothree"]


def _hadoop_snappy(raw: bytes) -> bytes:
    out = b""
    while raw:
        plain, packed = struct.unpack_from(">II", raw)
        out += pa.decompress(raw[8 : 8 + packed], plain, codec="snappy", asbytes=True)
        raw = raw[8 + packed :]
    return out


@pytest.mark.parametrize(
    ("compression", "extension", "read"),
    [
        ("gzip", ".gz", gzip.decompress),
        ("zstd", ".zst", lambda raw: zstandard.ZstdDecompressor().decompressobj().decompress(raw)),
        ("snappy", ".snappy", _hadoop_snappy),
    ],
)
def test_compressed_objects_say_so_in_their_names(
    world_of: type[World], compression: str, extension: str, read: object
) -> None:
    world = world_of(clicks=spec(compression=compression))  # type: ignore[call-arg]
    with world.flow() as flow:
        world.send("delivery.clicks", *[b"x" * 1000] * 600)
        flow.flush()
    ((bucket, key),) = world.ask("SELECT bucket, key FROM objects")
    assert key.endswith(extension)
    assert read((world.layout.lake / bucket / key).read_bytes()) == (b"x" * 1000 + b"\n") * 600  # type: ignore[operator]


def test_a_table_over_json_lines_learns_its_columns(world_of: type[World]) -> None:
    world = world_of(clicks=spec(table="clicks", buffer=BufferSpec(seconds=3600)))  # type: ignore[call-arg]
    with world.flow():
        world.send("delivery.clicks", b'{"a":1}')
        eventually(lambda: columns(world) == [["a", "bigint"]], "a column")
        world.send("delivery.clicks", b'{"a":"x"}')
        eventually(lambda: columns(world) == [["a", "string"]], "a wider column")
