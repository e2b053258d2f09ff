"""Java's .properties syntax."""

from __future__ import annotations

import pytest

from broker.config import ConfigError
from broker.config.properties import parse_properties


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=b", {"a": "b"}),
        ("a = b ", {"a": "b "}),
        ("a: b", {"a": "b"}),
        ("a b", {"a": "b"}),
        ("a", {"a": ""}),
        ("a==b", {"a": "=b"}),
        ("  # one\n! two\n\na=b", {"a": "b"}),
        ("a=b # no comment", {"a": "b # no comment"}),
        ("a=one,\\\n    two", {"a": "one,two"}),
        ("a=one\\\\\nb=two", {"a": "one\\", "b": "two"}),
        ("a=\\\n", {"a": ""}),
        ("a=b\\", {"a": "b"}),
        ("a\\=b=c", {"a=b": "c"}),
        ("a\\ b=c", {"a b": "c"}),
        ("k\\u00e9y=v\\u00E9", {"kéy": "vé"}),
        ("a=\\t\\n\\q", {"a": "\t\nq"}),
        ("a=1\r\nb=2\rc=3", {"a": "1", "b": "2", "c": "3"}),
        ("a=1\na=2", {"a": "2"}),
        ("\\\n# after a continuation this is a key", {"#": "after a continuation this is a key"}),
    ],
)
def test_a_file_reads_as_java_reads_it(text: str, expected: dict[str, str]) -> None:
    assert parse_properties(text) == expected


@pytest.mark.parametrize("text", ["a=1\nb=\\u00", "b=\\u12xy"])
def test_a_broken_unicode_escape_is_refused_with_its_file(text: str) -> None:
    with pytest.raises(ConfigError, match=r"server\.properties, line \d+: .*hexadecimal"):
        parse_properties(text, origin="server.properties")
