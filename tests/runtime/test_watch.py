from __future__ import annotations

import os
from pathlib import Path

from forebay.runtime.watch import changed, signature


def touch(path: Path, text: str, when: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, ns=(when, when))


def test_what_is_saved_added_or_removed_is_noticed(tmp_path: Path) -> None:
    touch(tmp_path / "forebay.yaml", "a", 1)
    touch(tmp_path / "functions" / "f.py", "a", 1)
    touch(tmp_path / "gone.sql", "a", 1)
    before = signature(tmp_path)
    touch(tmp_path / "functions" / "f.py", "b", 2)
    (tmp_path / "gone.sql").unlink()
    touch(tmp_path / "queries" / "new.sql", "a", 1)
    assert changed(before, signature(tmp_path)) == ["functions/f.py", "gone.sql", "queries/new.sql"]


def test_state_caches_and_hidden_files_do_not_count(tmp_path: Path) -> None:
    touch(tmp_path / "forebay.yaml", "a", 1)
    before = signature(tmp_path)
    touch(tmp_path / ".forebay" / "catalog.db", "a", 1)
    touch(tmp_path / "__pycache__" / "f.pyc", "a", 1)
    touch(tmp_path / ".f.py.swp", "a", 1)
    touch(tmp_path / "kept-here" / "run" / "lock", "1", 1)
    touch(tmp_path / "kept-here" / "catalog.db", "a", 1)
    assert changed(before, signature(tmp_path)) == []
