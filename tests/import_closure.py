"""The project files that a module reads when it runs: what a stage must declare to DVC."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = "gan/plots"  # the folder of the Jinja templates


def import_closure(module: str, root: Path = ROOT) -> set[str]:
    """Paths, relative to `root`, of `module` and of all project modules that it imports, directly or not.

    Includes imports inside functions and the packages' `__init__.py`, but not files without code.
    """
    closure: set[str] = set()
    visited: set[str] = set()
    queue = [module]
    while queue:
        name = queue.pop()
        path = find_module(name, root)
        if path is None or name in visited:
            continue
        visited.add(name)
        tree = ast.parse((root / path).read_text(encoding="utf-8"))
        if has_code(tree):
            closure.add(path)
        if "." in name:
            queue.append(name.rpartition(".")[0])
        queue += imported_names(tree)
    return closure


def template_closure(paths: set[str], root: Path = ROOT) -> set[str]:
    """Jinja templates that these Python files name, and the templates that those include."""
    names: set[str] = set()
    texts = [(root / path).read_text(encoding="utf-8") for path in paths]
    while texts:
        new_names = set(re.findall(r'"(\w[\w.]*\.j2)"', texts.pop())) - names
        texts += [(root / TEMPLATES / name).read_text(encoding="utf-8") for name in new_names]
        names |= new_names
    return {f"{TEMPLATES}/{name}" for name in names}


def find_module(name: str, root: Path) -> str | None:
    """Path of a project module or package; None for modules of other packages."""
    base = Path(*name.split("."))
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if (root / candidate).is_file():
            return candidate.as_posix()
    return None


def has_code(tree: ast.Module) -> bool:
    """Whether a module has more than a docstring."""
    return any(not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in tree.body)


def imported_names(tree: ast.Module) -> Iterator[str]:
    """Names that could be modules: those after `import` and `from`, and those that are imported from them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, "this project uses absolute imports"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
