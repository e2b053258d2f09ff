"""What no file may say: what is still to be done, and where somebody's machine keeps it."""

from __future__ import annotations

import re

from style.source_files import text_files

# Put together here, so that this file does not hold them itself.
UNFINISHED = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3)) + r")\b")
MACHINE_PATHS = re.compile("|".join(("/" + "work/", "/" + "home/[a-z]", "/" + "Users/", r"[A-Z]:\\" + "Users")))


def test_nothing_is_left_for_later() -> None:
    assert not [file.name for file in text_files() if UNFINISHED.search(file.text)]


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    assert not [file.name for file in text_files() if MACHINE_PATHS.search(file.text)]
