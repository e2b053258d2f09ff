"""The project's files as the style tests see them."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# The product's, named once for the tools: mypy looks at the same.
PACKAGES: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]["packages"]
SKIPPED_DIRECTORIES = {"__pycache__", "build", "cluster-data", "data", "node_modules", "target"}
HIDDEN_DIRECTORIES = {".ci", ".github"}
TEXT_SUFFIXES = {"", ".py", ".md", ".toml", ".sh", ".yml", ".yaml", ".txt", ".cfg", ".ini", ".java", ".js", ".mjs"}
TEXT_SUFFIXES |= {".go", ".rs", ".json", ".mod", ".xml", ".properties"}


@dataclass(frozen=True)
class SourceFile:
    path: Path

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.name)

    @property
    def module(self) -> str:
        """The dotted name by which it is imported."""
        parts = self.path.relative_to(ROOT).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def product_files() -> list[SourceFile]:
    """The modules of the four packages."""
    return [SourceFile(path) for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


@cache
def script_files() -> list[SourceFile]:
    return [SourceFile(path) for path in sorted((ROOT / "scripts").glob("*.py"))]


@cache
def text_files() -> list[SourceFile]:
    """Everything a person wrote."""
    return list(_walk())


def _walk() -> Iterator[SourceFile]:
    for path in sorted(ROOT.rglob("*")):
        inside = path.relative_to(ROOT).parts
        if any(_is_skipped(part) for part in inside[:-1]):
            continue
        if path.is_file() and path.suffix in TEXT_SUFFIXES:
            yield SourceFile(path)


def _is_skipped(directory: str) -> bool:
    """Made by tools, not by people."""
    if directory.startswith("."):
        return directory not in HIDDEN_DIRECTORIES
    return directory in SKIPPED_DIRECTORIES or directory.endswith(".egg-info")


def functions_of(file: SourceFile) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(file.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
