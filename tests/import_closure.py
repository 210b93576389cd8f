"""The project files that a module imports, directly or not: what a stage must declare to DVC."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def closure(module: str, root: Path = ROOT) -> set[str]:
    """Paths, relative to `root`, of `module` and all project modules that it imports, packages' own files included."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = _path(name, root)
        if path is None or path in found:
            continue
        found.add(path)
        waiting += [name.rsplit(".", 1)[0]] if "." in name else []
        waiting += _imports(ast.parse((root / path).read_text(encoding="utf-8")))
    return found


def _path(name: str, root: Path) -> str | None:
    base = Path(*name.split("."))
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if (root / candidate).is_file():
            return candidate.as_posix()
    return None


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):  # also those inside functions: they run too
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, "this project imports by full name"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
