"""Does a handler exist? Answered by reading the file, never by running it."""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass
from pathlib import Path

from forebay.project.files import FileTrouble, read_inside
from forebay.project.near import nearest


@dataclass(frozen=True, slots=True)
class Broken:
    """Why a handler cannot be used; `line` and `column` are in `file`, where that is where it is."""

    code: str
    message: str
    why: str | None = None
    fix: str | None = None
    file: str | None = None
    line: int = 0
    column: int = 0


def split(handler: str) -> tuple[str, str]:
    """`functions/clean.lambda_handler` or `functions/clean.py:clean` → file and attribute.

    Raises ValueError.
    """
    file, colon, attribute = handler.partition(".py:")
    if not colon:
        file, _, attribute = handler.rpartition(".")
    if not file or not attribute.isidentifier():
        raise ValueError(f"{handler!r} is neither file.attribute nor file.py:attribute")
    return f"{file}.py", attribute


def find(root: Path, handler: str, *, arguments: int | None) -> Broken | None:
    """What keeps `handler` from being called with so many positional arguments; None if nothing.

    `arguments` None leaves the parameters unlooked at.
    """
    try:
        file, attribute = split(handler)
    except ValueError as error:
        fix = "functions/clean.lambda_handler (as on Lambda) or functions/clean.py:clean (a plain function)"
        return Broken("BadHandler", str(error), fix=fix)
    try:
        source = read_inside(root, file)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it is not run here, and what is doubtful is not wrong
            tree = ast.parse(source, filename=file)
    except FileTrouble as trouble:
        return Broken(trouble.code, trouble.message, why=trouble.why, fix=trouble.fix)
    except SyntaxError as error:
        return Broken("PythonSyntax", error.msg, file=file, line=error.lineno or 1, column=error.offset or 1)
    except (ValueError, RecursionError, MemoryError) as error:  # a NUL byte; nesting without end
        return Broken("PythonSyntax", str(error) or "nested too deep", file=file, line=1, column=1)
    names: dict[str, ast.AST] = {}
    if not _names(tree.body, names):
        return None  # `from x import *`: only running it would tell
    if attribute not in names:
        near = nearest(attribute, names)
        fix = f"did you mean {near}?" if near else f"define {attribute} in {file}"
        return Broken("BadHandler", f"{file} does not define {attribute}", fix=fix)
    return _callable(names[attribute], file, attribute, arguments)


def _names(body: list[ast.stmt], names: dict[str, ast.AST]) -> bool:
    """Gather what a module's top level binds; False if that cannot be known."""
    known = True
    for node in body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names[node.name] = node
            case ast.Import() | ast.ImportFrom():
                for alias in node.names:
                    known = known and alias.name != "*"
                    names[(alias.asname or alias.name).partition(".")[0]] = node
            case ast.Assign():
                for target in node.targets:
                    for part in ast.walk(target):
                        if isinstance(part, ast.Name):
                            names[part.id] = node
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
                names[name] = node
            case ast.If() | ast.Try() | ast.With() | ast.For() | ast.While():
                for block in ("body", "orelse", "finalbody"):
                    known = _names(getattr(node, block, []), names) and known
                for handler in getattr(node, "handlers", []):
                    known = _names(handler.body, names) and known
    return known


def _callable(node: ast.AST, file: str, attribute: str, arguments: int | None) -> Broken | None:
    if isinstance(node, ast.AsyncFunctionDef):
        return Broken(
            "BadHandler",
            f"{attribute} is `async`",
            why="it is called without an event loop, as on Lambda",
            fix="remove `async`, or use asyncio.run inside",
            file=file,
            line=node.lineno,
            column=node.col_offset + 1,
        )
    if not isinstance(node, ast.FunctionDef) or arguments is None or node.decorator_list:
        return None
    spec = node.args
    positional = len(spec.posonlyargs) + len(spec.args)
    needed = positional - len(spec.defaults)
    keyword_only = [a.arg for a, d in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if d is None]
    if needed <= arguments and (positional >= arguments or spec.vararg) and not keyword_only:
        return None
    wanted = "(event, context)" if arguments == 2 else "(event)"
    return Broken(
        "BadHandler",
        f"{attribute} is called with {wanted} and cannot be",
        fix=f"def {attribute}{wanted}:",
        file=file,
        line=node.lineno,
        column=node.col_offset + 1,
    )
