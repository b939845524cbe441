"""Where secrets come from, and that they show nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from forebay.errors import ForebayError
from forebay.project.secrets import find_secret, reveal, secrets_of


def put(root: Path, text: str, mode: int = 0o600, file: str = ".forebay/secrets") -> None:
    path = root / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def test_the_environment_comes_first_then_the_files(tmp_path: Path) -> None:
    put(tmp_path, "A=file\nB=file\n")
    put(tmp_path, "B=env file\nC=env file\n", file=".env")
    environ = {"FOREBAY_SECRET_A": "ours", "A": "plain"}
    assert find_secret("A", tmp_path, environ) == "ours"
    assert find_secret("A", tmp_path, {"A": "plain"}) == "plain"
    assert find_secret("A", tmp_path, {}) == "file"
    assert find_secret("B", tmp_path, {}) == "file"
    assert find_secret("C", tmp_path, {}) == "env file"
    assert find_secret("D", tmp_path, {}) is None


def test_lines_of_a_file(tmp_path: Path) -> None:
    put(tmp_path, "# a comment\n\nA = spaced \nexport B='quoted # kept'\nC=a=b\nD=\"\"\nnot a line\n")
    look_up = secrets_of(tmp_path, {})
    assert [look_up(name) for name in "ABCD"] == ["spaced", "quoted # kept", "a=b", ""]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    put(tmp_path, "A=canary\n", mode)
    with pytest.raises(ForebayError) as caught:
        find_secret("A", tmp_path, {})
    assert caught.value.code == "SecretsExposed"
    assert "chmod 600" in str(caught.value.fix)
    assert "canary" not in str(caught.value.to_dict())


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    put(tmp_path, "")
    (tmp_path / ".forebay" / "secrets").write_bytes(b"A=\xff\n")
    with pytest.raises(ForebayError) as caught:
        find_secret("A", tmp_path, {})
    assert caught.value.code == "SecretsUnreadable"


def test_an_unknown_secret_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ForebayError) as caught:
        secrets_of(tmp_path, {})("TOKEN")
    assert caught.value.code == "UnknownSecret"
    assert ".forebay/secrets" in str(caught.value.why)


def test_secrets_are_put_in_their_place(tmp_path: Path) -> None:
    look_up = secrets_of(tmp_path, {"A": "1", "B": "${secret:A}"})
    assert reveal("x-${secret:A}-${secret:B}-$A", look_up) == "x-1-${secret:A}-$A"
