from __future__ import annotations

import asyncio
import io
import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from forebay.telemetry import log


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[io.StringIO]:
    before = logging.getLogger().level, logging.getLogger("forebay").level
    stream = io.StringIO()
    log.configure(tmp_path, "front", terminal=stream)
    yield stream
    log.end_logging()
    for name, level in zip((None, "forebay"), before, strict=True):
        logging.getLogger(name).setLevel(level)


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "front.log").read_text().splitlines()]


def test_a_record_is_one_line_of_json_with_its_extras(tmp_path: Path, terminal: io.StringIO) -> None:
    logging.getLogger("forebay.x").info("took %d\nevents", 5, extra={"route": "clicks"})
    (line,) = lines(tmp_path)
    assert line["text"] == "took 5\nevents"
    assert (line["level"], line["from"], line["route"]) == ("INFO", "forebay.x", "clicks")
    assert str(line["t"]).endswith("Z")
    assert terminal.getvalue() == ""


def test_errors_are_said_on_the_terminal_too_with_who_says_so(tmp_path: Path, terminal: io.StringIO) -> None:
    try:
        raise ValueError("why")
    except ValueError:
        logging.getLogger("forebay.x").exception("it failed")
    assert terminal.getvalue().startswith("front: it failed\nTraceback")
    assert "ValueError: why" in str(lines(tmp_path)[0]["error"])


def test_what_nothing_caught_is_logged_from_threads_and_tasks(tmp_path: Path, terminal: io.StringIO) -> None:
    def fail() -> None:
        raise ValueError("in a thread")

    thread = threading.Thread(target=fail, name="worker")
    thread.start()
    thread.join()

    async def main() -> None:
        log.loud(asyncio.get_running_loop())
        asyncio.get_running_loop().call_soon(fail)
        await asyncio.sleep(0.01)

    asyncio.run(main())
    said = [str(line["text"]) for line in lines(tmp_path)]
    assert "thread worker" in said[0]
    assert len(said) == 2
    assert "in a thread" in terminal.getvalue()


def test_the_file_rotates_by_size(
    tmp_path: Path, terminal: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "MAX_BYTES", 2000)
    log.configure(tmp_path, "front", terminal=terminal)
    for number in range(100):
        logging.getLogger("forebay").info("line %d", number)
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["front.log", "front.log.1", "front.log.2", "front.log.3"]
    assert all((tmp_path / name).stat().st_size <= 2000 for name in files)


def test_the_project_says_what_is_the_least_that_is_logged(tmp_path: Path, terminal: io.StringIO) -> None:
    applied = tmp_path / "project.json"
    for level in ("warning", "debug", "info"):
        spec = {"level": level}
        applied.write_text(json.dumps({"sections": {"telemetry": {"telemetry": spec}}}))
        log.follow(applied)
        for name in ("forebay.x", "library"):
            logging.getLogger(name).debug("%s debug", level)
            logging.getLogger(name).info("%s info", level)
            logging.getLogger(name).warning("%s warning", level)
    said = [(str(line["from"]), str(line["text"])) for line in lines(tmp_path)]
    assert [text for name, text in said if name == "forebay.x"] == [
        "warning warning",
        *(f"debug {level}" for level in ("debug", "info", "warning")),
        *(f"info {level}" for level in ("info", "warning")),
    ]
    assert [text for name, text in said if name == "library" and "debug debug" in text] == []
    assert {str(line["process"]) for line in lines(tmp_path)} == {"front"}


def test_a_project_that_cannot_be_read_changes_nothing(tmp_path: Path, terminal: io.StringIO) -> None:
    log.quieten("warning")
    log.follow(tmp_path / "missing.json")
    (tmp_path / "broken.json").write_text("{")
    log.follow(tmp_path / "broken.json")
    logging.getLogger("forebay.x").info("quiet")
    logging.getLogger("forebay.x").warning("loud")
    assert [str(line["text"]) for line in lines(tmp_path)] == ["loud"]
