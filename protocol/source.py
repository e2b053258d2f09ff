"""Build a Python function from source text, one indented line at a time."""

from __future__ import annotations

import linecache
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class FunctionSource:
    """The text of one function, and the objects its global names stand for."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.namespace = dict(namespace)
        self._names_by_identity: dict[int, str] = {id(value): name for name, value in namespace.items()}
        self._lines: list[str] = []
        self._depth = 0
        self._names = 0

    def line(self, text: str) -> None:
        self._lines.append("    " * self._depth + text)

    @contextmanager
    def block(self, header: str) -> Iterator[None]:
        self.line(header)
        self._depth += 1
        yield
        self._depth -= 1

    def name(self, stem: str) -> str:
        """A name that nothing else in this function has."""
        self._names += 1
        return f"{stem}_{self._names}"

    def bind(self, stem: str, value: object) -> str:
        """Make `value` reachable from the generated code; return its name there."""
        name = self._names_by_identity.get(id(value))
        if name is None:
            name = self._names_by_identity[id(value)] = self.name(stem)
            self.namespace[name] = value  # which also keeps it alive, so that the id stays its own
        return name

    def compile(self, function: str, filename: str) -> Any:
        text = "\n".join(self._lines) + "\n"
        # Tracebacks and debuggers show generated lines only if linecache has them.
        linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
        exec(compile(text, filename, "exec"), self.namespace)
        return self.namespace[function]
