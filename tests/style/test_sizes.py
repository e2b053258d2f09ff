"""A file is one idea, and a function fits a screen."""

from __future__ import annotations

from style.source_files import functions_of, product_files, script_files

FILE_LINES_MAX = 350
FUNCTION_LINES_MAX = 70

# Declarations of messages are as long as Kafka's.
EXEMPT = "protocol/messages/"


def test_no_file_is_longer_than_one_idea() -> None:
    too_long = {
        file.name: lines
        for file in [*product_files(), *script_files()]
        if not file.name.startswith(EXEMPT) and (lines := file.text.count("\n")) > FILE_LINES_MAX
    }
    assert not too_long


def test_no_function_is_longer_than_a_screen() -> None:
    too_long = {
        f"{file.name}:{function.name}": lines
        for file in [*product_files(), *script_files()]
        for function in functions_of(file)
        if (lines := (function.end_lineno or 0) - function.lineno + 1) > FUNCTION_LINES_MAX
    }
    assert not too_long
