"""Compile CasADi functions to native code once and reuse them (interpreter where no compiler exists)."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import casadi as ca


def compile_functions(functions: list[ca.Function], folder: Path) -> list[ca.Function]:
    """Compile functions together, or return them unchanged without a C compiler.

    The finished library is moved into place in one step, so processes that compile at the same time do
    not read a half-written file.
    """
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return functions
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    generator = ca.CodeGenerator("engine.c", {"with_header": False})
    for function in functions:
        generator.add(function)
    source = generator.dump()
    digest = hashlib.sha256(source.encode()).hexdigest()[:16]
    library = folder / f"engine_{digest}.so"
    if not library.exists():
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            code = Path(scratch) / "engine.c"
            code.write_text(source, encoding="utf-8")
            built = Path(scratch) / "engine.so"
            subprocess.run(
                [compiler, "-O2", "-fPIC", "-shared", "-o", str(built), str(code), "-lm"],
                check=True,
                capture_output=True,
            )
            os.replace(built, library)
    return [ca.external(function.name(), str(library)) for function in functions]
