"""The rules of the project that a machine can hold: pins, arrows between folders, sizes, docstrings."""

import ast
import importlib.metadata as metadata
import json
import re
import subprocess
import sys
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from repository import find_reach, list_files, list_imports, load_script, read_modules, show

import gaitlib
from gaitlib import environment
from gaitlib.environment import ROOT, normalise_name

licences, lock = (load_script(name, ".ci") for name in ("licences", "lock"))
CHAIN = ("body", "simulate", "generate", "sense", "estimate", "door", "evaluate", "report", "workflow")
"""Folders along the path of the data; an arrow only runs forward."""
BENEATH = (
    *("cohorts", "data", "environment", "errors", "events", "gait"),
    *("outcomes", "person", "schema", "signals", "study", "walk"),
)
ON_TOP = ("cli", "doctor", "verbs")
ENGINES = {
    "casadi": {
        "dynamics",
        "engine",
        "problem",
        "solve",
        "spatial_engine",
        "spatial_problem",
        "spatial_solve",
        "tree_dynamics",
    },
    "opensim": {"opensim_export", "opensim_model", "replay"},
}
"""Worker modules: only spawned processes import them."""
GEOMETRY = ("gaitlib.body.dimensions", "gaitlib.body.kinematics")
"""Lengths of a person and where the joints lie: plain numbers that `outcomes` needs of a simulated stride."""
MANY_BYTES = 6 * 1024**2
LIBRARY_BYTES = 25_000_000


# Environment


def read_project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_conda_environment_says_what_the_lock_says():
    pins = environment.read_lock()
    text = lock.CONDA_FILE.read_text(encoding="utf-8")
    assert text == lock.format_conda(pins), "run: python .ci/lock.py conda"
    python, pip, through_pip = yaml.safe_load(text)["dependencies"]
    assert (python, pip) == ("python=3.11", "pip")
    assert through_pip["pip"] == [f"{name}=={version}" for name, version in pins.items()]


def test_lock_is_what_is_installed():
    pins = environment.read_lock()
    assert environment.find_differences(pins) == {}
    locked = {normalise_name(name) for name in pins}
    # PyPI's torch for Linux brings its CUDA libraries; the one for processors only does not.
    extra = {
        name
        for name in environment.list_installed()
        if normalise_name(name) not in locked and not re.match(r"nvidia-|cuda-|triton", normalise_name(name))
    }
    assert not extra, "installed but not locked: run make lock"


def test_lock_is_sorted_and_free_of_builds_and_addresses():
    lines = environment.LOCK_FILE.read_text(encoding="utf-8").splitlines()[1:]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines)
    names = [normalise_name(line.partition("==")[0]) for line in lines]
    assert names == sorted(set(names))


def test_lock_installs_on_every_python_3_11():
    for name in environment.read_lock():
        needs = metadata.metadata(name).get("Requires-Python") or ""
        assert SpecifierSet(needs).contains("3.11.0"), f"{name} requires Python {needs}"


def read_requirements():
    """Direct requirements by part: 'base' and the extras."""
    project = read_project()
    parts = {"base": project["dependencies"], **project["optional-dependencies"]}
    return {part: [Requirement(line) for line in lines] for part, lines in parts.items()}


def test_every_requirement_admits_what_is_locked():
    locked = {normalise_name(name): version for name, version in environment.read_lock().items()}
    for requirement in sum(read_requirements().values(), []):
        assert requirement.specifier, f"{requirement}: no bound"
        assert requirement.specifier.contains(locked[normalise_name(requirement.name)]), requirement


def test_extras_name_their_modules():
    """`gaitlib.environment.EXTRAS` says of each extra what it brings, so that a missing one is named."""
    owners = metadata.packages_distributions()
    for extra, modules in environment.EXTRAS.items():
        brought = {normalise_name(requirement.name) for requirement in read_requirements()[extra]}
        assert {normalise_name(owners[module][0]) for module in modules} == brought


def test_every_imported_package_is_a_direct_dependency():
    parts = read_requirements()
    del parts["dev"]
    direct = {normalise_name(requirement.name) for requirement in sum(parts.values(), [])}
    owners = metadata.packages_distributions()
    for module, tree in read_modules().items():
        for item in list_imports(tree):
            top = item.name.partition(".")[0]
            if top in sys.stdlib_module_names or top == "gaitlib":
                continue
            found = {normalise_name(owner) for owner in owners.get(top, [])}
            assert found & direct, f"{module} line {item.line} imports {top}: add it to pyproject.toml"


def test_no_licence_forbids_use():
    found = {name: licences.get_licence(name) for name in environment.read_lock()}
    assert licences.find_unwelcome(found) == {}


@pytest.mark.parametrize("text", ["GNU General Public License v3", "GPL-2.0-only", "CC-BY-NC-4.0", ""])
def test_unwelcome_licences_are_seen(text):
    assert licences.find_unwelcome({"some-package": text})


@pytest.mark.parametrize("text", ["LGPLv3+", "GNU Lesser General Public License", "MIT", "BSD License"])
def test_welcome_licences_pass(text):
    assert not licences.find_unwelcome({"some-package": text})


@pytest.mark.parametrize(
    "line", ["numpy", "numpy>=2", "numpy @ file:numpy.whl", "--find-links x", "torch==2.13.0+cpu"]
)
def test_lock_takes_exact_pins_only(tmp_path, line):
    path = tmp_path / "requirements.lock"
    path.write_text(f"# comment\n\nscipy==1.0\n{line}\n")
    with pytest.raises(environment.InputError, match=r"requirements\.lock line 4"):
        environment.read_lock(path)


# Shape


def test_no_file_is_large_but_the_library():
    large = {show(path): path.stat().st_size for path in list_files() if path.stat().st_size > MANY_BYTES}
    library = sum(large.pop(name, 0) for name in list(large) if name.startswith("data/library/"))
    assert large == {} and library <= LIBRARY_BYTES


def test_no_machine_path_and_no_registry_host():
    private = re.compile(rb"/(?:work|farm|tmp/spike|root|home/[a-z]+|Users/[A-Za-z]+)/")
    host = re.compile(
        rb"pypi[.]org|pythonhosted[.]org|anaconda[.]org|--(?:extra-)?index-url|ghcr[.]io", re.IGNORECASE
    )
    for path in list_files():
        for match in (*private.finditer(path.read_bytes()), *host.finditer(path.read_bytes())):
            pytest.fail(f"{show(path)}: {match[0].decode()}")


def list_notebooks():
    return [path for path in list_files() if path.suffix == ".ipynb"]


@pytest.mark.parametrize("path", list_notebooks(), ids=show)
def test_notebooks_have_parameters_and_no_outputs(path):
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    assert not [cell for cell in cells if cell["outputs"] or cell["execution_count"]]
    assert any("parameters" in cell["metadata"].get("tags", []) for cell in cells)


def is_function(node):
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


# Arrows


def get_part(module):
    """Folder or module directly beneath gaitlib."""
    return module.split(".")[1] if "." in module else ""


def find_arrows():
    """(module, line, what it imports) for every import of gaitlib by gaitlib."""
    for module, tree in read_modules().items():
        for item in list_imports(tree):
            if item.name.startswith("gaitlib."):
                yield module, item.line, item.name


def test_every_part_has_its_place():
    parts = {get_part(module) for module in read_modules()} - {""}
    assert parts <= {*CHAIN, *BENEATH, *ON_TOP}


def test_no_two_modules_share_a_name():
    names = [module.rpartition(".")[2] for module in read_modules()]
    assert sorted(name for name in set(names) if names.count(name) > 1) == []


def test_private_names_stay_in_their_module():
    """Neither another module nor a test reaches for what a module keeps to itself."""
    reached = []
    for place, tree in read_programs():
        modules = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "gaitlib":
                modules |= {alias.asname or alias.name for alias in node.names}
                reached += [f"{place}: {alias.name}" for alias in node.names if alias.name.startswith("_")]
        for node in ast.walk(tree):
            owner = getattr(getattr(node, "value", None), "id", "")
            if (
                isinstance(node, ast.Attribute)
                and owner in modules
                and re.match(r"_[a-zA-Z].*[^_]$", node.attr)
            ):
                reached.append(f"{place} line {node.lineno}: {owner}.{node.attr}")
    assert reached == []


def is_geometry(name):
    return name == "gaitlib.body" or name.startswith(GEOMETRY)


def test_arrows_run_forward():
    rank = dict.fromkeys(BENEATH, 0) | {name: n for n, name in enumerate(CHAIN, start=1)}
    rank |= dict.fromkeys((*ON_TOP, ""), len(CHAIN) + 1)
    back = [
        f"{module} line {line} imports {name}"
        for module, line, name in find_arrows()
        if rank[get_part(name)] > rank[get_part(module)] and not is_geometry(name)
    ]
    assert back == []
    assert not [
        name for module, _, name in find_arrows() if is_geometry(module) and get_part(name) in CHAIN[1:]
    ]


def list_names(tree):
    """Names that a module defines or imports at its top, inside `if` and `try` too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) or is_function(node):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)


def read_programs():
    """Syntax trees of everything that imports gaitlib: its modules, tests, scripts and notebooks."""
    for path in list_files():
        if path.suffix == ".py":
            yield show(path), ast.parse(path.read_text(encoding="utf-8"))
        elif path.suffix == ".ipynb":
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
            yield show(path), ast.parse("\n".join(code))


def test_imports_of_gaitlib_find_what_they_name():
    """Those inside functions and notebooks too, which fail only when they run."""
    modules = read_modules()
    names = {module: set(list_names(tree)) for module, tree in modules.items()}
    names["gaitlib"] |= set(gaitlib.__all__)
    lost = [
        f"{place} line {node.lineno}: {node.module} has no {alias.name}"
        for place, tree in read_programs()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "gaitlib"
        for alias in node.names
        if f"{node.module}.{alias.name}" not in modules and alias.name not in names.get(node.module, ())
    ]
    assert lost == []


def test_synthetic_training_never_reaches_recordings():
    parts = ("generate", "sense", "estimate")
    wrong = [arrow for arrow in find_arrows() if get_part(arrow[2]) == "data" and get_part(arrow[0]) in parts]
    assert wrong == []


def test_evaluate_stands_alone():
    allowed = ("evaluate", "errors")
    wrong = [
        arrow
        for arrow in find_arrows()
        if get_part(arrow[0]) == "evaluate" and get_part(arrow[2]) not in allowed
    ]
    assert wrong == []


def test_no_circles():
    """No module reaches itself through others, not inside a room either; imports for types do not count."""
    edges = {module: find_run_time_imports(tree) for module, tree in read_modules().items()}
    reach = {module: walk_from(module, edges) for module in edges}
    circles = sorted(module for module in edges if module in reach[module])
    assert circles == []


def find_run_time_imports(tree):
    for_types = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and getattr(block.test, "id", "") == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    nodes = [
        node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and id(node) not in for_types
    ]
    names = {node.module for node in nodes}
    names |= {f"{node.module}.{alias.name}" for node in nodes for alias in node.names}
    return names & set(read_modules())


def walk_from(module, edges):
    """Every module that one reaches by one import or more."""
    seen, waiting = set(), list(edges[module])
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += edges[name]
    return seen


def test_engines_stay_in_their_worker_modules():
    for module in read_modules():
        reach = find_reach(module)
        for engine, workers in ENGINES.items():
            if engine in reach:
                assert module.split(".")[-1] in workers, f"importing {module} imports {engine}"


def test_no_module_imports_both_engines():
    for module, tree in read_modules().items():
        engines = {item.name.partition(".")[0] for item in list_imports(tree)} & ENGINES.keys()
        assert len(engines) < 2, module
        assert len(find_reach(module) & ENGINES.keys()) < 2, module


@pytest.mark.parametrize("code", ["import gaitlib", "import gaitlib.cli as cli; cli.build_parser()"])
def test_import_is_light(code):
    heavy = [
        "numpy",
        "pandas",
        "xarray",
        "torch",
        "scipy",
        "matplotlib",
        "cv2",
        "mediapipe",
        "opensim",
        "casadi",
    ]
    code += f"; import sys; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# Docstrings


def list_public(tree):
    """Public functions of a module and public methods of its public classes."""
    for node in tree.body:
        if is_function(node) and not node.name.startswith("_"):
            yield node.name, node
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for child in node.body:
                if is_function(child) and not child.name.startswith("_"):
                    yield f"{node.name}.{child.name}", child


def list_arguments(node):
    arguments = node.args
    every = [
        *arguments.posonlyargs,
        *arguments.args,
        arguments.vararg,
        *arguments.kwonlyargs,
        arguments.kwarg,
    ]
    names = [argument.arg for argument in every if argument]
    return [name for name in names if name not in ("self", "cls") and not name.startswith("_")]


def list_documented(docstring):
    """Names in the section Parameters of a numpydoc docstring."""
    lines, names, inside = docstring.splitlines(), [], False
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if re.fullmatch(r"-{3,}", following.strip()) and not line.startswith(" "):
            inside = line.strip() == "Parameters"
        elif inside and line and not line.startswith((" ", "-")):
            names += [name.strip().lstrip("*") for name in line.partition(" :")[0].split(",")]
    return names


SURFACE = set(gaitlib._PLACES.values())
"""What `import gaitlib` offers: every argument and result is described; the rest has one line and types."""


def find_faults(name, node, full=True):
    docstring = ast.get_docstring(node)
    if not docstring:
        return f"{name}: no docstring"
    if not docstring.partition("\n\n")[0].strip().endswith("."):
        return f"{name}: it does not begin with a sentence"
    documented, arguments = list_documented(docstring), list_arguments(node)
    if documented != arguments and (full or documented):
        return f"{name}: documents {documented}, takes {arguments}"
    return None


@pytest.mark.parametrize("module", read_modules())
def test_docstrings_match_signatures(module):
    public = list_public(read_modules()[module])
    faults = [find_faults(name, node, full=f"{module}:{name}" in SURFACE) for name, node in public]
    assert [fault for fault in faults if fault] == []


def test_docstring_check_sees_what_is_missing():
    section = "Parameters\n    ----------\n    a, b : int\n        Numbers.\n    *rest\n        More."
    text = f'def run(a, b, *rest, c=1):\n    """Run.\n\n    {section}\n    """'
    fault = find_faults("run", ast.parse(text).body[0])
    assert "documents ['a', 'b', 'rest'], takes ['a', 'b', 'rest', 'c']" in fault
    assert find_faults("run", ast.parse(text.replace(", c=1", "")).body[0]) is None


# Make and the CI


def test_make_lists_its_targets():
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    targets = {line.split()[1] for line in done.stdout.splitlines()}
    assert {"book", "full", "test", "test-all", "bench", "lint", "clean", "help"} <= targets


def test_ci_runs_tests_then_book():
    path = ROOT / ".ci" / "run"
    assert path.stat().st_mode & 0o111
    stages = re.findall(r"^stage (\S+)", path.read_text(), re.MULTILINE)
    assert stages.index("test") < stages.index("book")
