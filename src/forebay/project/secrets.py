"""`${secret:NAME}`: where secrets are found, and how they get into the text that needs them.

Looked for in the environment (`FOREBAY_SECRET_NAME`, then `NAME`), then in the files `.forebay/secrets` and
`.env` of the project (lines `NAME=value`), which nobody but their owner may read. A value is never part of a
message, a log or the applied project: it is put in its place only where a worker starts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from forebay.errors import ForebayError

FILES = (".forebay/secrets", ".env")
USE = re.compile(r"\$\{secret:([A-Za-z_][A-Za-z0-9_]*)\}")
_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)")


def find_secret(name: str, root: Path, environ: Mapping[str, str] = os.environ) -> str | None:
    """The secret's value, or None.

    Raises ForebayError `SecretsExposed` for a file that others may read, `SecretsUnreadable`.
    """
    for variable in (f"FOREBAY_SECRET_{name}", name):
        if variable in environ:
            return environ[variable]
    for file in FILES:
        found = _read(root / file).get(name)
        if found is not None:
            return found
    return None


def _read(path: Path) -> dict[str, str]:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode & 0o077
            raw = file.read()
        lines = raw.decode().splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ForebayError("SecretsUnreadable", f"{path} cannot be read", why=why) from None
    if mode:
        raise ForebayError(
            "SecretsExposed",
            f"{path} may be read by others",
            why="it holds secrets",
            fix=f"chmod 600 {path}",
        )
    found = {}
    for line in lines:
        match = _LINE.fullmatch(line)
        if match:
            value = match[2].strip()
            if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
                value = value[1:-1]
            found[match[1]] = value
    return found


def secrets_of(root: Path, environ: Mapping[str, str] = os.environ) -> Callable[[str], str]:
    """A `forebay.ports.Secrets` for the project in `root`: name → value.

    It raises ForebayError: `UnknownSecret`, naming where it looked, and what `find_secret` raises.
    """

    def look_up(name: str) -> str:
        found = find_secret(name, root, environ)
        if found is None:
            raise ForebayError(
                "UnknownSecret",
                f"the secret {name} is not set",
                why=f"it is neither in the environment nor in {' or '.join(FILES)}",
                fix=f"set {name} in the environment, or add {name}=… to {FILES[0]} (mode 600)",
            )
        return found

    return look_up


def reveal(text: str, secrets: Callable[[str], str]) -> str:
    """`text` with every `${secret:NAME}` replaced by its value; raises what `secrets` raises."""
    return USE.sub(lambda match: secrets(match[1]), text)
