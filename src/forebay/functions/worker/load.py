"""Find and import the user's code, and say what went wrong in one line."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

_COROUTINE = 0x80 | 0x200  # CO_COROUTINE, CO_ASYNC_GENERATOR
_GENERATOR = 0x20


class LoadFailed(Exception):
    """The user's code cannot be used; the text says why, in one line."""


def split_handler(handler: str) -> tuple[str, str]:
    """`functions/clean.lambda_handler` or `functions/clean.py:clean` as (path without .py, attribute)."""
    if ":" in handler:
        path, _, attribute = handler.rpartition(":")
        return path.removesuffix(".py"), attribute
    path, _, attribute = handler.rpartition(".")
    return path, attribute


def load(root: Path, handler: str) -> Callable[..., Any]:
    """The function that `handler` names, imported from the project at `root`. Raises LoadFailed."""
    path, attribute = split_handler(handler)
    if not path or not attribute:
        raise LoadFailed(f"Runtime.MalformedHandlerName: Bad handler '{handler}': need <file>.<function>")
    file = _find(root, path)
    if file is None:
        raise LoadFailed(
            f"Runtime.ImportModuleError: Unable to import module '{path}': no such file under {root}"
        )
    module = _import(root, file, path)
    function = getattr(module, attribute, None)
    if not callable(function):
        raise LoadFailed(f"Runtime.HandlerNotFound: Handler '{attribute}' missing on module '{path}'")
    flags = getattr(getattr(function, "__code__", None), "co_flags", 0)
    if flags & _COROUTINE:
        raise LoadFailed(f"Runtime.BadHandler: '{attribute}' is async; write it as a plain def")
    if flags & _GENERATOR:
        raise LoadFailed(f"Runtime.BadHandler: '{attribute}' is a generator (yield); return a list instead")
    return function  # type: ignore[no-any-return]  # callable() was asked


def _find(root: Path, path: str) -> Path | None:
    for name in (path, path.replace(".", "/")):
        for candidate in (root / f"{name}.py", root / name / "__init__.py"):
            if candidate.is_file():
                return candidate
    return None


def _import(root: Path, file: Path, path: str) -> ModuleType:
    """Import by file, under the dotted name AWS would use, so that a handler may be called `json.py`."""
    sys.dont_write_bytecode = True  # a cached .pyc knows mtimes in seconds only: a quick edit would be missed
    for folder in dict.fromkeys((str(root), str(file.parent))):
        sys.path.insert(0, folder)
    name = path.replace("/", ".")
    if name in sys.modules or any(not part for part in name.split(".")):
        name = f"_forebay_function_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise LoadFailed(
            f"Runtime.UserCodeSyntaxError: {error.msg} ({_relative(error.filename or '', root)}:{error.lineno})"
        ) from error
    except ImportError as error:
        raise LoadFailed(f"Runtime.ImportModuleError: {describe(error, root)}") from error
    except BaseException as error:
        raise LoadFailed(f"Runtime.ImportModuleError: {describe(error, root)}") from error
    return module


def describe(error: BaseException, root: Path) -> str:
    """`KeyError: 'user' (functions/clean.py:12)`: the exception and the innermost line of the project."""
    try:
        text = str(error)
    except Exception as broken:  # a __str__ of the user's own may raise as well
        text = f"<str() raised {type(broken).__name__}>"
    name = type(error).__name__
    head = f"{name}: {text}" if text else name
    place = _place(error.__traceback__, root)
    return f"{head[:2000]} ({place})" if place else head[:2000]


def report(error: BaseException) -> None:
    """Print the traceback to the function's log."""
    import traceback  # noqa: PLC0415 - only paid for when something is wrong

    try:
        say("".join(traceback.format_exception(error)))
    except Exception:  # an exception that cannot be shown as text
        say(f"{type(error).__name__} (its traceback cannot be shown)")


def say(text: str) -> None:
    """Write to the function's log, past `sys.stderr`, which the user's code may have closed or replaced."""
    with contextlib.suppress(OSError):
        os.write(2, text.rstrip("\n").encode("utf-8", "backslashreplace") + b"\n")


def _place(trace: TracebackType | None, root: Path) -> str:
    inside, last = "", ""
    prefix = f"{root}{os.sep}"
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        last = f"{file}:{trace.tb_lineno}"
        if file.startswith(prefix) and "site-packages" not in file:
            inside = f"{file[len(prefix) :]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return inside or ("" if "/forebay/functions/" in last else last)


def _relative(file: str, root: Path) -> str:
    return file.removeprefix(f"{root}{os.sep}")


def project_files(root: Path) -> list[str]:
    """The files of the project that are imported now, to watch for changes."""
    prefix = f"{root}{os.sep}"
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    return sorted({file for file in files if isinstance(file, str) and file.startswith(prefix)})
