"""A simulated power cut: see `sitecustomize`."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from tests.system.powercut.sitecustomize import RECORD

HERE = Path(__file__).parent


def environment(folder: Path, state: Path) -> dict[str, str]:
    """The variables under which a system's processes remember what they have not synced."""
    paths = [str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        "PYTHONPATH": os.pathsep.join(paths),
        "FOREBAY_POWERCUT": str(folder),
        "FOREBAY_POWERCUT_STATE": str(state.resolve()),
    }


def cut(folder: Path) -> list[str]:
    """Undo what was not durable; every process must be dead. Returns a line for each thing taken back."""
    lost = [*_undo_sqlite(folder / "sqlite"), *_undo_files(folder / "trace")]
    shutil.rmtree(folder)
    return lost


def _undo_sqlite(folder: Path) -> list[str]:
    lost = []
    for journal in sorted(folder.iterdir()):
        raw = journal.read_bytes()
        path = Path("/" + journal.name.replace("%", "/"))
        entries = []
        at = 0
        while at < len(raw):
            kind, offset, size, length = RECORD.unpack_from(raw, at)
            at += RECORD.size
            entries.append((kind, offset, size, raw[at : at + length]))
            at += length
        if entries and path.exists():
            lost.append(f"{len(entries)} writes of {path.name}")
            with path.open("r+b") as file:
                for _kind, offset, size, old in reversed(entries):
                    file.seek(offset)
                    file.write(old)
                    file.truncate(size)
        if path.name.endswith("-wal"):
            path.with_name(path.name[:-4] + "-shm").unlink(missing_ok=True)
    return lost


def _undo_files(trace: Path) -> list[str]:
    if not trace.exists():
        return []
    lost = []
    synced: set[int] = set()
    pending: list[dict[str, str | int | None]] = []
    unsynced: list[tuple[str, int]] = []
    for line in trace.read_text().splitlines():
        entry = json.loads(line)
        match entry["op"]:
            case "sync":
                synced.add(entry["ino"])
            case "syncdir":
                pending = [
                    p for p in pending if os.path.dirname(str(p.get("dst") or p["path"])) != entry["path"]
                ]
            case "rename":
                pending.append(entry)
                if entry["ino"] not in synced:
                    unsynced.append((entry["dst"], entry["ino"]))
            case _:
                pending.append(entry)
    for path, ino in unsynced:
        if ino not in synced and os.path.exists(path) and os.stat(path).st_ino == ino:
            lost.append(f"the bytes of {path}")
            os.truncate(path, 0)
    for entry in reversed(pending):
        path = str(entry.get("dst") or entry["path"])
        lost.append(f"{entry['op']} {path}")
        if entry["op"] == "mkdir":
            shutil.rmtree(path, ignore_errors=True)
            continue
        if entry["op"] == "rename":
            Path(path).unlink(missing_ok=True)
        old = entry.get("old")
        if old and Path(path).parent.is_dir() and not Path(path).exists():
            os.link(str(old), path)
    return lost
