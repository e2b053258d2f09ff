"""Write the pages of docs/ that are made from the code: CONFIGURATION.md and COMPATIBILITY.md.

python scripts/write_docs.py            write them
python scripts/write_docs.py --check    say which are not as the code has them (exit code 1)
"""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from broker.config import TOPIC_DEFINITIONS, Definition, UpdateMode  # noqa: E402
from broker.config.cluster_settings import ClusterSettings  # noqa: E402
from broker.config.definition import INT_MAX, LONG_MAX, definitions_of  # noqa: E402
from broker.config.foreign_keys import (  # noqa: E402
    MEANINGLESS,
    MEANINGLESS_PREFIXES,
    UNSUPPORTED,
    WITHOUT_EFFECT,
    WITHOUT_EFFECT_PREFIXES,
)
from broker.config.group_settings import GroupSettings  # noqa: E402
from broker.config.log_settings import (  # noqa: E402
    RetentionSettings,
    StorageSettings,
    TopicDefaultSettings,
)
from broker.config.node_settings import NodeSettings  # noqa: E402
from broker.config.replication_settings import ReplicationSettings  # noqa: E402
from broker.config.segment_settings import SegmentSettings  # noqa: E402

GENERATED = "<!-- Written by scripts/write_docs.py from the code; change the code instead. -->\n"

SECTIONS: tuple[tuple[str, type], ...] = (
    ("Node and listeners", NodeSettings),
    ("The cluster", ClusterSettings),
    ("Replication", ReplicationSettings),
    ("Storage and durability", StorageSettings),
    ("Segments", SegmentSettings),
    ("Retention and compaction", RetentionSettings),
    ("What a topic starts with", TopicDefaultSettings),
    ("Groups and offsets", GroupSettings),
)

# Where a default is not Kafka's, and why.
DIFFERENCES: Mapping[str, tuple[str, str]] = {
    "listeners": ("PLAINTEXT://:9092", "nothing is open to the network until you say so"),
    "node.id": ("none, it must be given", "a single node needs no number of its own"),
    "log.dir": ("/tmp/kafka-logs", "data does not belong in a directory that a reboot empties"),
    "group.initial.rebalance.delay.ms": ("3000", "the first consumer of a group starts at once"),
    "offsets.topic.replication.factor": ("3", "one node can hold one replica"),
    "broker.session.timeout.ms": ("9000", "a broker that hangs is replaced in seconds, not in nine"),
    "broker.heartbeat.interval.ms": ("2000", "a broker that stands still for 1.7 s is not fenced"),
    "flush": ("page cache (`os` here)", "an acknowledgement is a promise; group commit makes it cheap"),
}


def configuration() -> str:
    """docs/CONFIGURATION.md."""
    parts = [GENERATED, _introduction()]
    for title, family in SECTIONS:
        definitions = definitions_of(family)
        parts.append(f"## {title}\n\n{_broker_table(definitions.values())}")
    parts.append(
        "## Topics\n\nSet with `CreateTopics`, `millstream topics create -c`, or altered at any time with "
        "`millstream configs alter topic`. What a topic does not set comes from the broker's setting named in the "
        "last column.\n\n"
        f"{_topic_table(TOPIC_DEFINITIONS[name] for name in sorted(TOPIC_DEFINITIONS))}"
    )
    parts.append(_foreign())
    return "\n".join(parts)


def _introduction() -> str:
    rows = [
        [f"`{name}`", _code(_default_of(name)), _code(theirs) if " " not in theirs else theirs, reason]
        for name, (theirs, reason) in DIFFERENCES.items()
    ]
    return f"""# Configuration

Settings have Kafka's names. They come from, the later the stronger:

1. a properties file: `millstream serve --config server.properties`;
2. the environment, as for Kafka's container images: `KAFKA_NUM_PARTITIONS=8` is `num.partitions=8`
   (`.` becomes `_`, `_` becomes `__`, `-` becomes `___`);
3. the command line: `millstream serve --set num.partitions=8`;
4. what was altered while the broker runs, where the setting allows that:
   `millstream configs alter broker --set log.retention.ms=3600000`.

An unknown name is refused with the nearest known one, a bad value with the values that would do. An environment
variable that begins with `KAFKA_` and is like no setting (`KAFKA_BOOTSTRAP_SERVERS`, what Kubernetes makes for a
service named kafka) is ignored with a warning.

## Where the defaults differ from Kafka's

{_table(["Setting", "Default", "Kafka's", "Why"], rows)}"""


def _default_of(name: str) -> str | None:
    return next(definitions_of(family)[name].default for _, family in SECTIONS if name in definitions_of(family))


def _broker_table(definitions: Iterable[Definition]) -> str:
    rows = [
        [
            f"`{definition.name}`",
            _default(definition),
            definition.valid_values(),
            "while running" if definition.update is UpdateMode.CLUSTER_WIDE else "at start",
            definition.doc,
        ]
        for definition in definitions
    ]
    return _table(["Setting", "Default", "Valid values", "Changes", "What it does"], rows)


def _topic_table(definitions: Iterable[Definition]) -> str:
    rows = [
        [
            f"`{definition.name}`",
            _default(definition),
            definition.valid_values(),
            definition.doc,
            f"`{definition.synonym}`" if definition.synonym else "",
        ]
        for definition in definitions
    ]
    return _table(["Setting", "Default", "Valid values", "What it does", "Broker's setting"], rows)


def _default(definition: Definition) -> str:
    if definition.derived_from:
        return "from " + ", ".join(f"`{name}`" for name, _ in definition.derived_from)
    return _code(definition.default)


def _code(text: str | None) -> str:
    if text is None:
        return "not set"
    if text in (str(INT_MAX), str(LONG_MAX)):
        return f"`{text}` (no limit)"
    return f"`{text}`" if text else "empty"


def _foreign() -> str:
    refused = [
        [
            f"`{key}`",
            unsupported.feature,
            ", ".join(_code(value) for value in unsupported.harmless if value) or "not set",
        ]
        for key, unsupported in UNSUPPORTED.items()
    ]
    features: dict[str, list[str]] = {}
    for prefix, feature in WITHOUT_EFFECT_PREFIXES.items():
        features.setdefault(feature, []).append(f"`{prefix}*`")
    for key, feature in WITHOUT_EFFECT.items():
        features.setdefault(feature, []).append(f"`{key}`")
    waiting = [[feature, ", ".join(names)] for feature, names in sorted(features.items())]
    meaningless = [f"`{prefix}*`" for prefix in MEANINGLESS_PREFIXES] + [f"`{key}`" for key in sorted(MEANINGLESS)]
    return f"""## Kafka's settings that are refused

They ask for behaviour that is not there yet, so a broker that ignored them would break a promise. The values in the
last column ask for nothing and are accepted.

{_table(["Setting", "Asks for", "Accepted"], refused)}
## Kafka's settings without effect

Accepted, so that a configuration written for Kafka starts here; one warning line names those that were set.

{_table(["Tunes", "Settings"], waiting)}
Without meaning in this broker, for ever: {", ".join(meaningless)}.
"""


def compatibility() -> str:
    """docs/COMPATIBILITY.md, from the APIS page."""
    from broker.handlers import APIS
    from protocol.api_keys import ApiKey

    rows, gaps = [], []
    for key in sorted(APIS):
        api = APIS[key]
        name = _api_name(ApiKey(key))
        rows.append([str(int(key)), name, f"{api.min_version}–{api.max_version}"])
        missing = not_implemented(inspect.getdoc(inspect.getmodule(api.handle)) or "")
        if missing:
            gaps.append(f"**{name}**\n\n" + "\n".join(f"- {item}" for item in missing) + "\n")
    absent = [f"{_api_name(key)} ({key.value})" for key in ApiKey if key not in APIS]
    none = "Nothing: every version served is served whole.\n"
    return f"""{GENERATED}
# Compatibility

What is listed here is what the broker advertises to clients; anything else is answered with UNSUPPORTED_VERSION.

## APIs served

{_table(["Key", "API", "Versions"], rows)}
## Not implemented in what is served

{chr(10).join(gaps) or none}
## Not served

{", ".join(absent)}.
"""


def not_implemented(docstring: str) -> list[str]:
    """The items of a docstring's "Not implemented:" list, each on one line."""
    _, found, rest = docstring.partition("Not implemented:\n")
    if not found:
        return []
    items: list[str] = []
    for line in rest.splitlines():
        if line.startswith("- "):
            items.append(line[2:].strip())
        elif line.startswith("  ") and items:
            items[-1] += f" {line.strip()}"
        elif line.strip():
            break
    return items


def _api_name(key: int) -> str:
    """The API's name as its request class has it: FETCH → Fetch."""
    from protocol.api_keys import ApiKey
    from protocol.messages import REQUESTS

    request = REQUESTS.get(ApiKey(key))
    return request.__name__.removesuffix("Request") if request else ApiKey(key).name.title().replace("_", "")


def _table(headings: list[str], rows: list[list[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


PAGES: Mapping[str, Callable[[], str]] = {"CONFIGURATION.md": configuration, "COMPATIBILITY.md": compatibility}


def stale_pages() -> list[str]:
    """The pages that are not as the code would have them."""
    return [
        name
        for name, write in PAGES.items()
        if not (ROOT / "docs" / name).exists() or (ROOT / "docs" / name).read_text(encoding="utf-8") != write()
    ]


def main() -> int:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing")
    arguments = parser.parse_args()
    stale = stale_pages()
    for name in stale:
        if arguments.check:
            print(f"docs/{name} is out of date: run scripts/write_docs.py")
        else:
            (ROOT / "docs" / name).write_text(PAGES[name](), encoding="utf-8")
            print(f"docs/{name} written")
    return 1 if stale and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
