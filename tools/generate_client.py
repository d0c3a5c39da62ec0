"""Writes src/lamplighter/client/generated, the client that waits, from the asynchronous one: ``make client``.

From each module with an ``Async…`` class those classes are taken over without ``async`` and ``await``; all else
of the module (shapes of answers, pure functions) is imported from it, so that there is one of each.

With ``--check`` nothing is written; the exit status is 1 when a file is out of date. A test does that too.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = "lamplighter.client"
SOURCE = ROOT / "src/lamplighter/client"
FOLDER = SOURCE / "generated"
_HEADER = "Made from client/{name} by `make client`. Do not edit."
_WORDS = (  # also in docstrings, so that their examples are right
    (r"\basync (?=def|with|for)", ""),
    (r"\bawait ", ""),
    (r"\bAsync(?=[A-Z])", ""),
    (r"\basynccontextmanager\b", "contextmanager"),
    (r"\basyncio\b", "time"),
    (r"\b__a(enter|exit)__\b", r"__\1__"),
    (r"\ba(close|read|iter_bytes|iter_text)\b", r"\1"),
    (r"  # noqa: ASYNC.*", ""),
)


def sources() -> list[Path]:
    """The modules of the client that have something asynchronous in them."""
    return [path for path in sorted(SOURCE.glob("*.py")) if "class Async" in path.read_text(encoding="utf-8")]


def generated(source: Path) -> str:
    """The content of the generated module."""
    text = source.read_text(encoding="utf-8")
    imports, shared, classes = [], [], []
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Async"):
            classes.append("\n".join(text.splitlines()[node.lineno - 1 : node.end_lineno]))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE):
            imports += [_import(str(node.module), name.name) for name in node.names]
        elif isinstance(node, ast.Import | ast.ImportFrom):
            imports.append(ast.unparse(node))
        else:
            shared += _defined(node)
    imports += [_import(f"{PACKAGE}.{source.stem}", name) for name in shared]
    body = "\n\n\n".join(["\n".join(imports), *classes])
    for pattern, new in _WORDS:
        body = re.sub(pattern, new, body)
    return _tidied(f'"""{_HEADER.format(name=source.name)}"""\n\n{body}\n', source.name)


def _import(module: str, name: str) -> str:
    if name.startswith("Async"):
        module = module.replace(PACKAGE, f"{PACKAGE}.{FOLDER.name}")
    return f"from {module} import {name}"


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _tidied(text: str, name: str) -> str:
    """Without imports that are not used, sorted and formatted."""
    ruff = str(Path(sys.executable).with_name("ruff"))
    as_yield_from = "lint.extend-safe-fixes=['UP028']"  # which asynchronous functions do not have
    for command in (["check", "--fix-only", "--config", as_yield_from], ["format"]):
        arguments = [ruff, *command, "--quiet", f"--stdin-filename={FOLDER / name}", "-"]
        done = subprocess.run(arguments, input=text, stdout=subprocess.PIPE, text=True, cwd=ROOT, check=True)
        text = done.stdout
    return text


def main() -> None:
    """Write the files, or with ``--check`` name those that are out of date."""
    wanted = {source.name: generated(source) for source in sources()}
    wanted["__init__.py"] = '"""The client that waits, made by `make client`. Do not edit."""\n'
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.py")}
    stale = sorted(name for name in wanted | there if wanted.get(name) != there.get(name))
    if "--check" in sys.argv:
        sys.exit(f"out of date: {', '.join(stale)}; run `make client`" if stale else 0)
    FOLDER.mkdir(exist_ok=True)
    for name in stale:
        path = FOLDER / name
        if name in wanted:
            path.write_text(wanted[name], encoding="utf-8")
        else:
            path.unlink()


if __name__ == "__main__":
    main()
