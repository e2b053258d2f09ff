"""The manual is what the code says."""

from __future__ import annotations

import importlib.util
import re

from broker.config import BROKER_DEFINITIONS
from style.source_files import ROOT


def test_the_pages_made_from_the_code_are_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("write_docs", ROOT / "scripts" / "write_docs.py")
    assert spec is not None
    assert spec.loader is not None
    write_docs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(write_docs)

    assert not write_docs.stale_pages(), "run scripts/write_docs.py"


def test_every_setting_is_in_the_manual() -> None:
    manual = (ROOT / "docs" / "CONFIGURATION.md").read_text(encoding="utf-8")
    assert not [name for name in BROKER_DEFINITIONS if f"| `{name}` |" not in manual]


def test_every_gap_that_a_handler_names_is_in_the_manual() -> None:
    manual = (ROOT / "docs" / "COMPATIBILITY.md").read_text(encoding="utf-8")
    gaps = {
        gap: handler.name
        for handler in (ROOT / "broker" / "handlers").glob("*.py")
        for gap in re.findall(r"^- (.*)", handler.read_text(encoding="utf-8").partition("Not implemented:\n")[2], re.M)
    }
    assert gaps
    assert not [f"{handler}: {gap}" for gap, handler in gaps.items() if gap not in manual]
