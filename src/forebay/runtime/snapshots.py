"""Snapshots of a whole state, and the way back to one.

    <state>/snapshots/<name>/manifest.json   what is in it
                             project.json    the project as it was applied
                             state/...       databases copied, objects of the lake as hard links

Both are done while nobody writes: with the system stopped, or by its supervisor while its processes are
ended (`runtime.requests`). An object of the lake never changes once it is there, so a hard link is a copy
that takes no room. A way back that a crash cut short is finished by the next start (`finish`).

Not part of a state: the processes' own logs, what can be rebuilt (`cache`, `venvs`), and the snapshots.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from forebay import __version__
from forebay.clock import iso, now_us
from forebay.errors import ForebayError, NotFound, UsageError
from forebay.layout import Layout
from forebay.telemetry.groups import rebind

FOLDER = "snapshots"
RESET = ".reset"
LEFT = frozenset({FOLDER, RESET, "run", "cache", "venvs", "logs"})
"""Entries of a state folder that neither are taken nor put back."""
LINKED = frozenset({"lake", "functions"})
"""Entries whose files never change once they have their name."""
FUNCTION_LOGS = "function-logs"
"""In a snapshot: `logs/functions`."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def folder_of(layout: Layout, name: str) -> Path:
    """Where a snapshot lies. Raises UsageError `BadName`."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            "BadName",
            f"{name!r} is no name for a snapshot",
            fix="letters, digits, `.`, `_` and `-`, at most 64, beginning with a letter or digit",
        )
    return layout.root / FOLDER / name


def listed(layout: Layout) -> list[dict[str, Any]]:
    """The manifests of all snapshots, oldest first."""
    found = []
    for path in (layout.root / FOLDER).glob("*/manifest.json"):
        if not path.parent.name.startswith("."):
            found.append({"name": path.parent.name, **json.loads(path.read_bytes())})
    return sorted(found, key=lambda each: str(each["made"]))


def take(layout: Layout, name: str) -> dict[str, Any]:
    """Snapshot the state, which nobody writes meanwhile; its manifest. Raises UsageError `SnapshotExists`."""
    finish(layout)
    target = folder_of(layout, name)
    if target.exists():
        raise UsageError(
            "SnapshotExists",
            f"there is a snapshot {name}",
            where=str(target),
            fix=f"take another name, or remove it: forebay snapshot {name} --delete",
        )
    if not layout.applied.exists():
        raise UsageError("NeverRun", "nothing was ever run here", where=str(layout.root))
    partial = target.with_name(f".{name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    (partial / "state").mkdir(mode=0o700, parents=True)
    entries = sorted(path.name for path in layout.root.iterdir() if path.name not in LEFT)
    for entry in entries:
        _bring(layout.root / entry, partial / "state" / entry, link=entry in LINKED)
    functions = layout.logs / "functions"
    _bring(functions, partial / FUNCTION_LOGS, link=False)
    manifest = {
        "made": iso(now_us()),
        "version": __version__,
        "entries": [entry for entry in entries if (partial / "state" / entry).exists()],
        "inodes": {path.name: path.stat().st_ino for path in functions.glob("*.log*")},
    }
    shutil.copy2(layout.applied, partial / "project.json")
    (partial / "manifest.json").write_text(json.dumps(manifest))
    os.sync()
    partial.rename(target)
    return {"name": name, **manifest}


def delete(layout: Layout, name: str) -> None:
    """Remove a snapshot. Raises NotFound `NoSuchSnapshot`."""
    target = _existing(layout, name)
    gone = target.with_name(f".{name}.gone")
    target.rename(gone)
    shutil.rmtree(gone)


def same_project(layout: Layout, name: str) -> bool:
    """Whether the project that is applied is the one of a snapshot."""
    return (_existing(layout, name) / "project.json").read_bytes() == layout.applied.read_bytes()


def reset(layout: Layout, name: str) -> None:
    """Put the state back, which nobody uses meanwhile; all or, after a crash, with the next `finish`."""
    source = _existing(layout, name)
    manifest = json.loads((source / "manifest.json").read_bytes())
    staged = layout.root / RESET
    shutil.rmtree(staged, ignore_errors=True)
    (staged / "new").mkdir(mode=0o700, parents=True)
    for entry in manifest["entries"]:
        _bring(source / "state" / entry, staged / "new" / entry, link=entry in LINKED)
    _bring(source / FUNCTION_LOGS, staged / FUNCTION_LOGS, link=False)
    shutil.copy2(source / "project.json", staged / "project.json")
    inodes = {
        old: path.stat().st_ino
        for file, old in manifest["inodes"].items()
        if (path := staged / FUNCTION_LOGS / file).exists()
    }
    rebind(staged / "new" / layout.log_groups.name, inodes)
    wanted = [path.name for path in (staged / "new").iterdir()]  # rebind may have merged a -wal file
    (staged / "entries.json").write_text(json.dumps(wanted))
    os.sync()
    (staged / "ready").touch()
    finish(layout)


def finish(layout: Layout) -> bool:
    """Finish the way back that was begun, if one was; whether so. Before it was ready, it is forgotten."""
    staged = layout.root / RESET
    if not staged.exists():
        return False
    ready = (staged / "ready").exists()
    if ready:
        _swap(layout, staged)
        (staged / "ready").unlink()
    shutil.rmtree(staged)
    return ready


def _swap(layout: Layout, staged: Path) -> None:
    """Each step may have been done already."""
    wanted = set(json.loads((staged / "entries.json").read_bytes()))
    old = staged / "old"
    old.mkdir(exist_ok=True)
    for path in list(layout.root.iterdir()):
        if path.name not in LEFT and (path.name not in wanted or (staged / "new" / path.name).exists()):
            path.rename(old / path.name)
    for path in list((staged / "new").iterdir()):
        path.rename(layout.root / path.name)
    if (staged / FUNCTION_LOGS).exists():
        functions = layout.logs / "functions"
        if functions.exists():
            functions.rename(old / FUNCTION_LOGS)
        (staged / FUNCTION_LOGS).rename(functions)
    if layout.cache.exists():
        layout.cache.rename(old / "cache")
    layout.make()
    if (staged / "project.json").exists():
        (staged / "project.json").replace(layout.applied)


def _existing(layout: Layout, name: str) -> Path:
    found = folder_of(layout, name)
    if not (found / "manifest.json").exists():
        known = ", ".join(str(each["name"]) for each in listed(layout)) or "none"
        raise NotFound("NoSuchSnapshot", f"there is no snapshot {name}", why=f"there are: {known}")
    return found


def _bring(source: Path, target: Path, *, link: bool) -> None:
    """Copy or link a file or folder, without what SQLite and writers make anew."""
    copy: Callable[[str, str], object] = _link if link else shutil.copy2
    try:
        if source.is_dir():
            shutil.copytree(
                source,
                target,
                copy_function=copy,
                ignore=shutil.ignore_patterns("*-shm", ".tmp"),
                symlinks=True,
            )
        elif source.is_file() and not source.name.endswith("-shm"):
            copy(str(source), str(target))
    except (OSError, shutil.Error) as error:
        raise ForebayError(
            "SnapshotFailed", f"{source} cannot be copied: {error}", where=str(target), fix="free some space"
        ) from error


def _link(source: str, target: str) -> None:
    with contextlib.suppress(OSError):  # too many links, or a file system without them
        os.link(source, target)
        return
    shutil.copy2(source, target)
