"""Every module says what it is, and somebody needs it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from broker.bench.servers import PACKAGES as MEASURED_PACKAGES
from style.source_files import PACKAGES, ROOT, SourceFile, product_files, script_files

# Run, not imported.
ENTRY_POINTS = {"broker.__main__"}


def test_every_module_begins_with_a_sentence_about_itself() -> None:
    silent = [file.name for file in [*product_files(), *script_files()] if not ast.get_docstring(file.tree)]
    assert not silent


def test_every_module_of_the_product_is_imported_by_another() -> None:
    files = product_files()
    modules = {file.module for file in files}
    needed = set(ENTRY_POINTS)
    for file in [*files, *script_files()]:
        needed |= {name for name in imported_names(file) if name != file.module}
    packages = {file.module for file in files if file.path.name == "__init__.py"}
    assert sorted(modules - needed - packages) == []


def imported_names(file: SourceFile) -> Iterator[str]:
    """Every dotted name an import statement of the file may mean, as module or as something in one."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_the_broker_prints_on_the_command_line_only() -> None:
    printing = [
        f"{file.name}:{node.lineno}"
        for file in product_files()
        if not file.name.startswith("broker/cli/")
        for node in ast.walk(file.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not printing


def test_every_package_is_typed() -> None:
    assert all((ROOT / package / "py.typed").exists() for package in PACKAGES)


def test_every_package_is_checked_and_measured() -> None:
    """Those that are checked stand in pyproject.toml, which an installed broker's benchmark cannot read."""
    found = {path.parent.name for path in ROOT.glob("*/py.typed")}
    assert set(PACKAGES) == set(MEASURED_PACKAGES) == found
