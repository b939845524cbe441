"""Uploaded code: a zip file, checked, kept by its hash, unpacked beside it.

    functions/<sha256>.zip    as it was uploaded, durable
    functions/<sha256>/       what is in it, read-only as `/var/task` is
    functions/<sha256>.boot   the machine's start during which it was unpacked

The unpacked files are not synced one by one: after a power cut the zip file is unpacked again.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import stat
import time
import uuid
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from forebay import durable
from forebay.errors import DataRejected

UNZIPPED = 262_144_000
"""Bytes that a function's files may have together, as on AWS."""

ENTRIES = 50_000
DEPTH = 60
OLD = 3600.0
"""Seconds before code that no function names is removed."""

_ENCRYPTED = 0x1


@dataclass(frozen=True, slots=True)
class Package:
    """An upload that was kept."""

    sha256: str
    size: int


def keep(folder: Path, data: bytes) -> Package:
    """Check `data`, and keep it below `folder` unpacked. Raises DataRejected: `NotAZip`, `TooLarge`, `BadEntry`."""
    digest = hashlib.sha256(data).hexdigest()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    archive = folder / f"{digest}.zip"
    if archive.exists():
        os.utime(archive)
    else:
        _check(data)
        durable.write(archive, data)
    try:
        unpacked(folder, digest)
    except DataRejected:
        archive.unlink(missing_ok=True)
        raise
    return Package(digest, len(data))


def unpacked(folder: Path, digest: str) -> Path:
    """The folder with the files of an upload, unpacked anew where that is needed.

    Raises FileNotFoundError if there is no such upload, DataRejected if it can no longer be unpacked.
    """
    target, mark = folder / digest, folder / f"{digest}.boot"
    boot = _boot()
    with contextlib.suppress(FileNotFoundError):
        if target.is_dir() and mark.read_text() == boot:
            return target
    partial = folder / f".{uuid.uuid4().hex}"
    try:
        with zipfile.ZipFile(folder / f"{digest}.zip") as archive:
            _unpack(archive, partial)
        if target.exists():
            _remove(target)
        partial.rename(target)
    except (OSError, zipfile.BadZipFile) as error:
        _remove(partial)
        if target.is_dir() and not isinstance(error, zipfile.BadZipFile):  # another was quicker
            return target
        raise
    except BaseException:
        _remove(partial)
        raise
    mark.write_text(boot)
    return target


def sweep(folder: Path, named: Iterable[str]) -> None:
    """Remove uploads that no function names any more, and what a crash left."""
    if not folder.is_dir():
        return
    wanted = set(named)
    old = time.time() - OLD
    for path in folder.iterdir():
        digest = path.name.partition(".")[0]
        with contextlib.suppress(OSError):
            newest = max(path.stat().st_mtime, _mtime(folder / f"{digest}.zip"))
            if digest not in wanted and newest < old:
                _remove(path)


def _mtime(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"


def _check(data: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if len(entries) > ENTRIES:
                raise DataRejected("TooLarge", f"the zip file has {len(entries)} entries, {ENTRIES} at most")
            if sum(entry.file_size for entry in entries) > UNZIPPED:
                raise DataRejected("TooLarge", f"Unzipped size must be smaller than {UNZIPPED} bytes")
            for entry in entries:
                _place(entry)
            if not any(not entry.is_dir() for entry in entries):
                raise DataRejected("NotAZip", "Uploaded file must be a non-empty zip")
    except (zipfile.BadZipFile, zipfile.LargeZipFile, ValueError, EOFError, RuntimeError) as error:
        raise DataRejected("NotAZip", f"the upload is no zip file: {error}") from None


def _place(entry: zipfile.ZipInfo) -> PurePosixPath:
    """Where an entry goes, below the folder. Raises DataRejected for what would go elsewhere."""
    name = entry.filename
    place = PurePosixPath(name)
    kind = stat.S_IFMT(entry.external_attr >> 16)
    bad = (
        not place.parts
        or place.is_absolute()
        or ".." in place.parts
        or "\\" in name
        or "\0" in name
        or len(place.parts) > DEPTH
        or any(len(os.fsencode(part)) > 255 for part in place.parts)
        or kind not in (0, stat.S_IFREG, stat.S_IFDIR)
        or entry.flag_bits & _ENCRYPTED
    )
    if bad:
        raise DataRejected("BadEntry", f"the zip file's entry {name[:200]!r} is no plain file below its top")
    return place


def _unpack(archive: zipfile.ZipFile, target: Path) -> None:
    """Write the entries; what they hold is counted, whatever they announce."""
    target.mkdir(mode=0o700)
    left = UNZIPPED
    folders: set[Path] = {target}
    for entry in archive.infolist():
        path = target.joinpath(*_place(entry).parts)
        try:
            if entry.is_dir():
                path.mkdir(parents=True, exist_ok=True)
                folders.add(path)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            folders.update(each for each in path.parents if each.is_relative_to(target))
            path.unlink(missing_ok=True)  # of two entries with one name the last counts
            with archive.open(entry) as source, path.open("wb") as file:
                while piece := source.read(1 << 20):
                    left -= len(piece)
                    if left < 0:
                        raise DataRejected("TooLarge", f"Unzipped size must be smaller than {UNZIPPED} bytes")
                    file.write(piece)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise DataRejected("BadEntry", f"{entry.filename!r} is a file and a folder at once") from None
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            raise DataRejected("NotAZip", f"{entry.filename!r} cannot be unpacked: {error}") from None
        path.chmod(0o555 if entry.external_attr >> 16 & 0o111 else 0o444)
    for folder in folders:
        folder.chmod(0o555)
    target.chmod(0o755)  # so that it can be renamed and, later, removed


def _remove(path: Path) -> None:
    if not path.is_dir():
        path.unlink(missing_ok=True)
        return
    for folder, _, _ in os.walk(path):
        with contextlib.suppress(OSError):
            Path(folder).chmod(0o700)
    shutil.rmtree(path, ignore_errors=True)
