"""What a function's requirements name is installed once, and is what its worker imports."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.conftest import Running
from tests.harness import forebay, request, until


def wheel(folder: Path, name: str, version: str, source: str) -> Path:
    """A wheel with one module."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", source)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "needy"
    made.mkdir()
    library = wheel(made, "forebay_test_library", "1.0", "VALUE = 7\n")
    (made / "requirements.txt").write_text(f"./{library.name}\n")
    (made / "forebay.yaml").write_text(
        "name: needy\n"
        "ingest:\n  seven: {route: GET /seven, to: functions.seven}\n"
        "functions:\n  seven: {handler: seven.handler, requirements: requirements.txt}\n"
    )
    (made / "seven.py").write_text(
        "import forebay_test_library\ndef handler(event, context): return forebay_test_library.VALUE\n"
    )
    return made


def test_a_project_is_not_run_before_its_requirements_are_installed(folder: Path) -> None:
    done = forebay("run", str(folder), "--state", str(folder / "state"), "--json", timeout=60)
    assert done.code != 0
    assert "NotInstalled" in done.out + done.err
    assert "forebay install" in done.out + done.err


def test_what_is_installed_is_what_the_function_imports(folder: Path, running: Running) -> None:
    first = forebay("install", str(folder), "--json", timeout=240)
    assert first.code == 0, first
    (made,) = first.json()["installed"].values()
    assert Path(made).is_relative_to(folder / ".forebay" / "venvs")
    assert "there already" in forebay("install", str(folder)).out
    system = running(folder, sql=False)
    assert until(lambda: request(system.ingest + "/seven").body == b"7")


def test_what_cannot_be_installed_is_said(folder: Path) -> None:
    (folder / "requirements.txt").write_text("./no-such-file.whl\n")
    done = forebay("install", str(folder), timeout=240)
    assert done.code == 1
    assert "NotInstalled" in done.err
