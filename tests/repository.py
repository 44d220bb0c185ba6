"""The project as text: its files, its modules and what they import."""

import ast
import importlib.util
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gaitlib.environment import ROOT


@cache
def list_files():
    """Files that git tracks, or would track."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [path for name in done.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def show(path: Path) -> str:
    return str(path.relative_to(ROOT))


@dataclass(frozen=True)
class Import:
    name: str
    line: int
    at_module_level: bool
    for_types: bool = False


@cache
def read_modules() -> dict[str, ast.Module]:
    """Syntax trees of gaitlib by module name."""
    trees = {}
    for path in sorted((ROOT / "gaitlib").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        trees[name] = ast.parse(path.read_text(encoding="utf-8"), filename=show(path))
    return trees


def list_imports(tree: ast.Module) -> list[Import]:
    """Absolute imports of a module, those inside functions too; `from a import b` gives a and a.b."""
    found = []

    def visit(node, top, types=False):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                found.extend(Import(alias.name, child.lineno, top, types) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert not child.level, f"line {child.lineno}: relative import, write it in full"
                names = [child.module, *(f"{child.module}.{alias.name}" for alias in child.names)]
                found.extend(Import(name, child.lineno, top, types) for name in names)
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            condition = getattr(child, "test", None)
            visit(child, top and not inside, types or getattr(condition, "id", "") == "TYPE_CHECKING")

    visit(tree, True)
    return found


def find_reach(module: str) -> set[str]:
    """Everything that importing a module imports through gaitlib: names of modules, ours and others."""
    trees, reach, waiting = read_modules(), set(), [module]
    while waiting:
        name = waiting.pop()
        if name in reach:
            continue
        reach.add(name)
        if name in trees:
            found = list_imports(trees[name])
            waiting += [item.name for item in found if item.at_module_level and not item.for_types]
            parent = name.rpartition(".")[0]
            waiting += [parent] if parent else []
    return reach


@cache
def load_script(name: str, folder: str = "studies"):
    """A script outside gaitlib as a module."""
    specification = importlib.util.spec_from_file_location(name, ROOT / folder / f"{name}.py")
    module = sys.modules[name] = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module
