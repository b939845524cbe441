"""The flow as a whole: deliveries side by side, a project that changes, trouble with the disk, its process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from forebay import room
from forebay.catalog.section import ProjectionSpec, TableSpec
from forebay.delivery import writer as writer_module
from forebay.delivery.section import BufferSpec, DeliverySpec, TransformSpec
from forebay.errors import Unavailable, UsageError
from forebay.ipc import AsyncClient
from forebay.lake.files import Files
from forebay.lake.section import BucketSpec
from forebay.ports import Lines, Origin, Outcome
from forebay.project.model import Location, Ref
from forebay.running import upkeep
from forebay.runtime.flow_process import serve
from forebay.runtime.options import Options
from tests.delivery.world import World, eventually, spec


@pytest.fixture
def worlds(tmp_path: Path) -> Iterator[list[World]]:
    made: list[World] = []
    yield made
    for world in made:
        world.close()


@pytest.fixture
def world(tmp_path: Path, worlds: list[World]) -> World:
    worlds.append(World(tmp_path, {"clicks": spec()}))
    return worlds[0]


def change(world: World, **deliveries: DeliverySpec) -> None:
    sections = {**world.project.sections, "delivery": dict(deliveries)}
    world.project = msgspec.structs.replace(world.project, sections=sections)


class Hanging:
    """Code that never answers until it is closed."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def apply(self, records: Sequence[bytes], origins: Sequence[Origin]) -> Outcome:
        self.closed.wait(60)
        raise Unavailable("Closed", "the worker was stopped")

    def close(self) -> None:
        self.closed.set()


def test_code_that_hangs_holds_up_nobody_else(tmp_path: Path, worlds: list[World]) -> None:
    source = Ref("streams", "all")
    world = World(tmp_path, {"slow": spec("slow/", from_=source), "quick": spec("quick/", from_=source)})
    worlds.append(world)
    world.transforms["slow"] = Hanging()
    with world.flow() as flow:
        world.send("streams.all", b"1")
        eventually(lambda: world.hot() == [b"1"], "the quick one's row")
        assert [row["delivery"] for row in flow.flush("quick")] == ["quick"]
    ledgers = {name: world.ledger(f"delivery.{name}") for name in ("slow", "quick")}
    assert (ledgers["slow"]["read"], ledgers["quick"]["delivered"]) == (0, 1)


def test_rows_are_hot_while_events_flow_and_long_before_their_buffer_is_full(world: World) -> None:
    with world.flow():
        for n in range(15):
            world.send("delivery.clicks", *[b'{"n":%d}' % n] * 50)
            eventually(lambda n=n: b'{"n":%d}' % n in world.hot(), "the rows")  # type: ignore[misc]
        assert world.objects() == {}


def test_a_changed_project_writes_what_is_buffered_as_it_was_and_goes_on(world: World) -> None:
    with world.flow() as flow:
        world.send("delivery.clicks", b'{"a":1}')
        eventually(lambda: world.hot() == [b'{"a":1}'], "the row")
        change(world, clicks=spec("other/", format="csv"), more=spec("more/", from_=None))
        flow.apply(world.project)
        world.send("delivery.clicks", b'{"a":2}')
        world.send("delivery.more", b"3")
        flow.flush()
        eventually(lambda: len(world.objects()) == 3, "the objects")
        assert sorted((key.split("/")[0], raw) for key, raw in world.objects().items()) == [
            ("clicks", b'{"a":1}\n'),
            ("more", b"3\n"),
            ("other", b"a\n2\n"),
        ]
        change(world, more=spec("more/"))
        world.send("delivery.clicks", b'{"a":4}')
        flow.apply(world.project)
        with pytest.raises(UsageError):
            flow.flush("clicks")
        assert world.ledger("delivery.clicks")["delivered"] in (2, 3)


def test_a_delivery_that_was_changed_while_nothing_ran_finishes_its_buffers_as_they_were(
    world: World,
) -> None:
    with world.flow():
        world.send("delivery.clicks", b'{"a":1}')
        eventually(lambda: world.hot() == [b'{"a":1}'], "the row")
    change(world, clicks=spec(format="csv"))
    with world.flow() as flow:
        world.send("delivery.clicks", b'{"a":2}')
        flow.flush()
        eventually(lambda: len(world.objects()) == 2, "both objects")
    assert sorted(world.objects().values()) == [b"a\n2\n", b'{"a":1}\n']


def test_buffers_of_a_delivery_that_is_gone_become_objects(world: World) -> None:
    with world.flow():
        world.send("delivery.clicks", b"1")
        eventually(lambda: world.hot() == [b"1"], "the row")
    change(world)
    with world.flow():
        eventually(lambda: list(world.objects().values()) == [b"1\n"], "the object")


def test_buffers_of_a_delivery_that_goes_are_sealed_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with world.flow() as flow:
        world.send("delivery.clicks", b"1")
        eventually(lambda: world.hot() == [b"1"], "a buffered row")
        change(world)
        flow.apply(world.project)
        eventually(lambda: world.ledger("delivery.clicks")["delivered"] == 1, "its object")
    assert "could not be sealed" not in caplog.text


def test_a_delivery_that_cannot_be_built_says_so_and_the_others_run(world: World) -> None:
    change(world, clicks=spec(), broken=spec("broken/", prefix="!{timestamp:b}/"))
    with world.flow() as flow:
        assert "timestamp pattern" in flow.status()["deliveries"]["broken"]["last_error"]
        world.send("delivery.clicks", b"1")
        eventually(lambda: world.hot() == [b"1"], "the row")
        with pytest.raises(UsageError, match="no delivery is named broken"):
            flow.flush("broken")


def test_a_disk_that_refuses_objects_keeps_the_segments_until_it_works_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "RETRY_FIRST", 0.05)
    broken = threading.Event()
    broken.set()
    real = Files.create

    def create(self: Files, path: Path) -> Any:
        if broken.is_set():
            raise OSError(28, "No space left on device")
        return real(self, path)

    monkeypatch.setattr(Files, "create", create)
    change(world, clicks=spec(buffer=BufferSpec(seconds=0.1)))
    with world.flow() as flow:
        world.send("delivery.clicks", b"1")
        said = eventually(lambda: flow.status()["deliveries"]["clicks"]["last_error"], "the reason")
        assert "No space left" in said
        assert world.hot() == [b"1"]
        broken.clear()
        eventually(lambda: list(world.objects().values()) == [b"1\n"], "the object")
        eventually(lambda: flow.status()["deliveries"]["clicks"]["last_error"] is None, "no reason")


def test_a_disk_that_is_nearly_full_stops_reading_and_loses_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "RESERVE", 1 << 62)
    with world.flow() as flow:
        world.send("delivery.clicks", b"1")
        said = eventually(lambda: flow.status()["deliveries"]["clicks"]["last_error"], "the reason")
        assert "nearly full" in said
        assert flow.status()["deliveries"]["clicks"]["position"] == 0
        monkeypatch.setattr(room, "RESERVE", 0)
        eventually(lambda: world.hot() == [b"1"], "the row")


def test_declared_tables_are_rows_with_athenas_properties(tmp_path: Path, worlds: list[World]) -> None:
    table = TableSpec(
        location=Location("shop-lake", "clicks/"),
        format="json",
        columns={"Element": "string"},
        partitions={"datehour": "string"},
        projection={
            "datehour": ProjectionSpec(
                type="date", format="yyyy/MM/dd/HH", range="2022/01/01/00,NOW", interval_unit="HOURS"
            )
        },
        location_template="s3://shop-lake/clicks/${datehour}/",
    )
    world = World(
        tmp_path,
        {
            "orders": spec(
                "orders/", table="sales.orders", format="parquet", partition=["day"], columns={"n": "int"}
            )
        },
        catalog={"clicks": table},
    )
    worlds.append(world)
    with world.flow():
        docs = {
            (db, name): (kind, msgspec.json.decode(doc))
            for db, name, kind, doc in world.ask("SELECT db, name, kind, doc FROM tables")
        }
    kind, doc = docs["shop", "clicks"]
    assert kind == "external"
    assert doc["serde"] == "org.openx.data.jsonserde.JsonSerDe"
    assert doc["columns"] == [["element", "string"]]
    assert doc["parameters"] == {
        "classification": "json",
        "projection.enabled": "true",
        "projection.datehour.type": "date",
        "projection.datehour.format": "yyyy/MM/dd/HH",
        "projection.datehour.range": "2022/01/01/00,NOW",
        "projection.datehour.interval": "1",
        "projection.datehour.interval.unit": "HOURS",
        "storage.location.template": "s3://shop-lake/clicks/${datehour}/",
    }
    kind, doc = docs["sales", "orders"]
    assert (kind, doc["partition_keys"], doc["inferred"]) == ("managed", [["day", "string"]], False)


def test_objects_go_when_their_buckets_time_is_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "EVERY", 0.05)
    monkeypatch.setattr(upkeep, "LOOK_AROUND", 1)
    monkeypatch.setattr(upkeep, "GRACE", 0.0)
    foreign = world.layout.lake / "shop-lake" / "mine.txt"
    with world.flow() as flow:
        world.send("delivery.clicks", b"1")
        flow.flush()
        foreign.write_bytes(b"mine")
        (key,) = world.objects()
        sections = {**world.project.sections, "lake": {"shop-lake": BucketSpec(expire=0.2)}}
        flow.apply(msgspec.structs.replace(world.project, sections=sections))
        eventually(lambda: not foreign.exists(), "the foreign file is gone")
        eventually(lambda: not (world.layout.lake / "shop-lake" / key).exists(), "the object is gone")
    ledger = world.ledger("delivery.clicks")
    assert (ledger["delivered"], ledger["removed"]) == (1, 1)


def test_its_process_runs_the_applied_project_and_answers(tmp_path: Path, worlds: list[World]) -> None:
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions" / "clean.py").write_text(
        "def clean(event):\n    return {**event, 'seen': True}\n"
    )
    code = TransformSpec(handler="functions/clean.py:clean")
    world = World(tmp_path, {"clicks": spec(transform=code)})
    worlds.append(world)
    world.layout.applied.write_bytes(world.project.encode())
    world.send("delivery.clicks", b'{"a":1}')

    async def scenario() -> None:
        stop = asyncio.Event()
        serving = asyncio.create_task(serve(world.layout, stop, Options()))
        client = AsyncClient(world.layout.socket("flow"), "flow")
        while not world.layout.socket("flow").exists():
            await asyncio.sleep(0.02)
        ((flushed,),) = ((await client.call("flush", timeout=60))["objects"],)
        assert (flushed["delivery"], flushed["rows"]) == ("clicks", 1)
        status = await client.call("status")
        assert status["deliveries"]["clicks"]["lag"] == 0
        assert (await client.call("replay", delivery="clicks"))["objects"] == 0
        await client.call("reload")
        await client.call("drain")
        await serving
        await client.close()

    asyncio.run(scenario())
    assert list(world.objects().values()) == [b'{"a":1,"seen":true}\n']


def test_a_transforms_rows_may_be_more_or_fewer_than_its_events(world: World) -> None:
    class Doubles:
        def apply(self, records: Sequence[bytes], origins: Sequence[Origin]) -> Outcome:
            data = [record for record in records for _ in range(2)]
            source = [i for i in range(len(records)) for _ in range(2)]
            return Outcome(Lines([*data, b""], [*source, 0]))

        def close(self) -> None:
            pass

    world.transforms["clicks"] = Doubles()
    with world.flow() as flow:
        world.send("delivery.clicks", b"1", b"2")
        assert [row["rows"] for row in flow.flush()] == [4]
    ledger = world.ledger("delivery.clicks")
    assert (ledger["delivered"], ledger["read"]) == (2, 2)
