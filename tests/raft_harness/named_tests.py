"""Tests of tests/raft by name, for the tables that say where a case is tested."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).parent.parent / "raft"


@cache
def module_named(name: str) -> ModuleType:
    """`test_log`, say; FileNotFoundError if there is none."""
    spec = importlib.util.spec_from_file_location(f"raft_harness.{name}", HERE / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses of the module look themselves up there
    spec.loader.exec_module(module)
    return module
