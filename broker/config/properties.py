"""Java's .properties syntax, as `server.properties` is written.

    # comment          ! comment
    key=value          key: value          key value      (blanks around the separator do not count)
    a.list=one,\\
           two         a line that ends in an odd number of backslashes goes on without the next one's indent
    \\u00e9 \\t \\n    \\: \\= \\#  escapes, in keys and values; of an unknown one the backslash is dropped
"""

from __future__ import annotations

from collections.abc import Iterator

from broker.config.definition import ConfigError

_BLANKS = " \t\f"
_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


def parse_properties(text: str, *, origin: str = "properties") -> dict[str, str]:
    """Keys and values in order; a key given twice has its last value, as in Java."""
    result: dict[str, str] = {}
    for number, line in _logical_lines(text):
        key, value = _split(line)
        try:
            result[_unescape(key)] = _unescape(value)
        except ValueError:
            sentence = f"{origin}, line {number}: \\u must be followed by four hexadecimal digits"
            raise ConfigError(sentence, key=None) from None
    return result


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their continuations joined, without comments and empty ones; numbered by their first line."""
    parts: list[str] = []
    started = 0
    for number, raw in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        line = raw.lstrip(_BLANKS)
        if not parts:
            if not line or line[0] in "#!":
                continue
            started = number
        if (len(line) - len(line.rstrip("\\"))) % 2:
            parts.append(line[:-1])
            continue
        yield started, "".join([*parts, line])
        parts = []
    if any(parts):
        yield started, "".join(parts)


def _split(line: str) -> tuple[str, str]:
    """A key ends at the first `=`, `:` or blank that no backslash escapes."""
    position = 0
    while position < len(line) and line[position] not in "=:" + _BLANKS:
        position += 2 if line[position] == "\\" else 1
    key, rest = line[:position], line[position:].lstrip(_BLANKS)
    if rest[:1] in ("=", ":"):
        rest = rest[1:].lstrip(_BLANKS)
    return key, rest


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    parts, position = [], 0
    while position < len(text):
        character = text[position]
        position += 1
        if character != "\\" or position >= len(text):
            parts.append("" if character == "\\" else character)
            continue
        escaped = text[position]
        position += 1
        if escaped == "u":
            digits = text[position : position + 4]
            if len(digits) < 4:
                raise ValueError(text)
            parts.append(chr(int(digits, 16)))
            position += 4
        else:
            parts.append(_ESCAPES.get(escaped, escaped))
    return "".join(parts)
