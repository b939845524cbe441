"""`forebay init`: a project to start from."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import click

import forebay
from forebay.errors import UsageError
from forebay.project.annotate import annotate
from forebay.project.load import FILE, load
from forebay.project.near import nearest
from forebay.sections import SECTIONS

_PACKAGE = Path(forebay.__file__).parent
_LEFT_OUT = {"__pycache__", ".forebay", ".env"}


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--example",
    metavar="NAME",
    help="Start from an example instead: restaurant, orders, sports, gaming, ecommerce.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(folder: Path, example: str | None, as_json: bool) -> int:
    """Make a project in DIR to start from: events in, a table, a live dashboard."""
    source = _PACKAGE / "starter" if example is None else find_example(example)
    _refuse_unless_empty(folder)
    name = project_name(folder)
    made = []
    try:
        for path in files(source):
            target = folder / (".gitignore" if path == Path("gitignore") else path)
            target.parent.mkdir(parents=True, exist_ok=True)
            if example is None:
                target.write_text(_named((source / path).read_text("utf-8"), path, name), "utf-8")
            else:
                shutil.copyfile(source / path, target)
            made.append(target.relative_to(folder).as_posix())
        ignored = folder / ".gitignore"
        if not ignored.exists():
            shutil.copyfile(_PACKAGE / "starter" / "gitignore", ignored)
            made.append(ignored.name)
    except OSError as error:
        raise UsageError(
            "CannotWrite", f"{folder} cannot be written", where=error.filename, why=error.strerror
        ) from error
    if as_json:
        print(json.dumps({"folder": str(folder.resolve()), "files": made}, ensure_ascii=False))
        return 0
    click.echo(f"{folder}: {len(made)} files, {FILE} first")
    project, _ = load(folder, SECTIONS)
    simulated = project is not None and project.sections.get("simulate")
    click.echo(f"\n  cd {folder}\n  forebay run{' --simulate' if simulated else ''}")
    if example is not None:
        click.echo("\nREADME.md says what to do next.")
    return 0


def project_name(folder: Path) -> str:
    """A name for the project in `folder`: `my-Shop 2` → `my_shop_2`."""
    return re.sub(r"[^a-z0-9]+", "_", folder.resolve().name.lower()).strip("_0123456789")[:40] or "my_project"


def find_example(name: str) -> Path:
    """The folder of an example: in the package, or beside it in the repository. Raises UsageError."""
    places = (_PACKAGE / "examples", _PACKAGE.parents[1] / "examples")
    known = {path.parent.name: path.parent for place in places for path in sorted(place.glob(f"*/{FILE}"))}
    if name not in known:
        near = nearest(name, known)
        raise UsageError(
            "UnknownExample",
            f"there is no example {name}",
            fix=f"did you mean {near}?" if near else f"known: {', '.join(sorted(known))}",
        )
    return known[name]


def files(source: Path) -> Iterator[Path]:
    """The files under `source`, relative to it; those that running it left behind are not among them."""
    for path in sorted(source.rglob("*"), key=lambda path: (len(path.parts), path)):
        relative = path.relative_to(source)
        if path.is_file() and not _LEFT_OUT.intersection(relative.parts):
            yield relative


def _named(text: str, path: Path, name: str) -> str:
    if path != Path(FILE):
        return text
    bucket = name.replace("_", "-") + "-lake"
    return annotate(text.replace("starter-lake", bucket).replace("name: starter", f"name: {name}"), SECTIONS)


def _refuse_unless_empty(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise UsageError("NotEmpty", f"{folder} is a file", fix="name a folder that is not there yet")
    if folder.is_dir():
        there = sorted(path.name for path in folder.iterdir() if path.name != ".git")
        if there:
            shown = ", ".join(there[:3]) + (" …" if len(there) > 3 else "")
            raise UsageError(
                "NotEmpty",
                f"{folder} is not empty",
                why=f"it has {shown}, and nothing is overwritten",
                fix="name a folder that is not there yet",
            )
