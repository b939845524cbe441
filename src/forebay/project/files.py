"""A file that the project names: inside its folder, there, and readable; or why not."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from forebay.project.near import nearest


class FileTrouble(Exception):
    """Why a file cannot be used; the parts are those of a finding."""

    def __init__(self, code: str, message: str, *, why: str | None = None, fix: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.why = why
        self.fix = fix


def read_inside(root: Path, file: str) -> bytes:
    """The content of `file`, a path relative to the project's folder `root`.

    Raises FileTrouble: `OutsideProject` (links are followed), `FileNotFound` with the nearest name,
    `FileUnreadable`.
    """
    path = root / file
    try:
        inside = path.resolve().is_relative_to(root.resolve()) and not PurePosixPath(file).is_absolute()
        if not inside:
            message = f"{file} is outside the project's folder"
            raise FileTrouble("OutsideProject", message, fix="move it inside")
        if path.is_dir():
            raise FileTrouble("FileNotFound", f"{file} is a folder, not a file")
        return path.read_bytes()
    except FileNotFoundError:
        near = nearest(path.name, _around(path))
        fix = f"did you mean {PurePosixPath(file).parent / near}?" if near else f"create {file}"
        raise FileTrouble("FileNotFound", f"{file} does not exist", fix=fix) from None
    except (OSError, RuntimeError) as error:  # RuntimeError: a link that leads to itself
        why = getattr(error, "strerror", None) or str(error)
        raise FileTrouble("FileUnreadable", f"{file} cannot be read", why=why) from None


def _around(path: Path) -> list[str]:
    try:
        return [other.name for other in path.parent.iterdir() if other.suffix == path.suffix]
    except OSError:
        return []
