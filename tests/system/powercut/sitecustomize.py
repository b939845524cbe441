"""Remembers what has not been fsynced, so that a test can take it back as a power cut would.

SIGKILL keeps the page cache, so killing processes never shows a forgotten fsync. With this folder on
PYTHONPATH and FOREBAY_POWERCUT naming a folder, every Python process of a system under test

- opens SQLite through a VFS that, before each write or truncation, journals what it overwrites, and
  empties that journal on xSync;
- traces fsync, rename, mkdir and unlink below the state folder.

`powercut.cut()` then undoes everything that was not made durable.
"""

from __future__ import annotations

import json
import os
import stat
import struct
from pathlib import Path
from typing import Any

FOLDER = os.environ.get("FOREBAY_POWERCUT")
RECORD = struct.Struct("<cqqq")  # kind, offset, old size of the file, length of the old bytes


def _install(folder: Path) -> None:
    import apsw

    class File(apsw.VFSFile):  # type: ignore[misc, unused-ignore]
        def __init__(self, name: Any, flags: Any) -> None:
            path = name.filename() if isinstance(name, apsw.URIFilename) else name
            self.journal = -1
            self.data = -1
            super().__init__("unix", name, flags)
            if path and flags[0] & apsw.SQLITE_OPEN_READWRITE:
                # One folder for all processes: the owner of a file is the only one that writes it.
                target = folder / "sqlite" / path.strip("/").replace("/", "%")
                self.journal = os.open(target, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
                self.data = os.open(path, os.O_RDONLY)

        def _remember(self, kind: bytes, offset: int, length: int) -> None:
            if self.journal >= 0:
                size = os.fstat(self.data).st_size
                old = os.pread(self.data, length, offset)
                os.write(self.journal, RECORD.pack(kind, offset, size, len(old)) + old)

        def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
            self._remember(b"w", offset, len(data))
            super().xWrite(data, offset)

        def xTruncate(self, size: int) -> None:  # noqa: N802
            if self.journal >= 0:
                self._remember(b"t", size, max(0, os.fstat(self.data).st_size - size))
            super().xTruncate(size)

        def xSync(self, flags: int) -> None:  # noqa: N802
            super().xSync(flags)
            if self.journal >= 0 and "FOREBAY_POWERCUT_LIE" not in os.environ:  # else: a planted fault
                os.ftruncate(self.journal, 0)

        def xClose(self) -> None:  # noqa: N802
            for fd in (self.journal, self.data):
                if fd >= 0:
                    os.close(fd)
            self.journal = self.data = -1
            super().xClose()

    class Vfs(apsw.VFS):  # type: ignore[misc, unused-ignore]
        def __init__(self) -> None:
            super().__init__("powercut", "unix", makedefault=True)

        def xOpen(self, name: Any, flags: Any) -> File:  # noqa: N802
            return File(name, flags)

    (folder / "sqlite").mkdir(parents=True, exist_ok=True)
    (folder / "kept").mkdir(parents=True, exist_ok=True)
    globals()["_vfs"] = Vfs()  # SQLite keeps a pointer: the object must live as long as the process
    _trace(folder)


def _trace(folder: Path) -> None:
    state = os.environ["FOREBAY_POWERCUT_STATE"]
    log = os.open(folder / "trace", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    real = {
        name: getattr(os, name)
        for name in ("fsync", "fdatasync", "rename", "replace", "mkdir", "unlink", "remove")
    }
    count = 0

    def ours(path: Any) -> str | None:
        text = os.path.abspath(os.fsdecode(path)) if isinstance(path, str | bytes | os.PathLike) else ""
        return text if text.startswith(state + "/lake") or text.startswith(state + "/cache") else None

    def say(**entry: Any) -> None:
        os.write(log, json.dumps(entry).encode() + b"\n")

    def keep(path: str) -> str | None:
        nonlocal count
        if not os.path.isfile(path):
            return None
        count += 1
        kept = str(folder / "kept" / f"{os.getpid()}-{count}")
        os.link(path, kept)
        return kept

    def synced(name: str) -> Any:
        def wrapper(fd: Any) -> None:
            real[name](fd)
            number = fd if isinstance(fd, int) else fd.fileno()
            info = os.fstat(number)
            if stat.S_ISDIR(info.st_mode):
                say(op="syncdir", path=os.readlink(f"/proc/self/fd/{number}"))
            else:
                say(op="sync", ino=info.st_ino, size=info.st_size)

        return wrapper

    def renamed(name: str) -> Any:
        def wrapper(src: Any, dst: Any, **kw: Any) -> None:
            target = ours(dst)
            old = keep(target) if target else None
            real[name](src, dst, **kw)
            if target:
                say(op="rename", dst=target, ino=os.stat(target).st_ino, old=old)

        return wrapper

    def removed(name: str) -> Any:
        def wrapper(path: Any, **kw: Any) -> None:
            target = ours(path)
            old = keep(target) if target else None
            real[name](path, **kw)
            if target and old:
                say(op="unlink", path=target, old=old)

        return wrapper

    def mkdir(path: Any, mode: int = 0o777, **kw: Any) -> None:
        real["mkdir"](path, mode, **kw)
        target = ours(path)
        if target:
            say(op="mkdir", path=target)

    for name in ("fsync", "fdatasync"):
        setattr(os, name, synced(name))
    for name in ("rename", "replace"):
        setattr(os, name, renamed(name))
    for name in ("unlink", "remove"):
        setattr(os, name, removed(name))
    os.mkdir = mkdir


if FOLDER:
    _install(Path(FOLDER))
