"""Where settings come from: a file, the environment, the command line; the later the stronger.

The environment follows the convention of Kafka's container images: `KAFKA_` and the key in capitals, with `_` for
`.`, `__` for `_` and `___` for `-`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from broker.config.broker_config import BROKER_DEFINITIONS, BrokerConfig
from broker.config.definition import ConfigError, nearest_name
from broker.config.foreign_keys import is_foreign, known_names
from broker.config.properties import parse_properties

_PREFIX = "KAFKA_"

# What is this like a setting's name must be a slip of the pen; what is not (KAFKA_HEAP_OPTS, the variables that
# Kubernetes makes for a service named kafka) was never meant for us.
_TYPO_LIKENESS = 0.85


def load_config(
    *, config_file: str | None = None, environ: Mapping[str, str] | None = None, settings: Sequence[str] = ()
) -> BrokerConfig:
    """The broker's config from a properties file, environment variables and `key=value` arguments.

    ConfigError says which source a bad setting came from.
    """
    merged: dict[str, str] = {}
    warnings: list[str] = []
    sources: dict[str, str] = {}
    if config_file is not None:
        merged.update(read_properties_file(config_file))
        sources = dict.fromkeys(merged, f"the configuration file {config_file}")
    if environ:
        from_environment, ignored = settings_from_environment(environ)
        merged.update(from_environment)
        sources |= {key: f"the environment variable {variable_of_key(key)}" for key in from_environment}
        if ignored:
            warnings.append(f"environment variables that are no broker setting are ignored: {', '.join(ignored)}")
    from_arguments = settings_from_arguments(settings)
    merged.update(from_arguments)
    sources |= dict.fromkeys(from_arguments, "")  # whoever typed it sees it
    try:
        config = BrokerConfig.from_properties(merged)
    except ConfigError as error:
        raise _with_source(error, sources) from None
    return config.with_warnings(warnings) if warnings else config


def _with_source(error: ConfigError, sources: Mapping[str, str]) -> ConfigError:
    """`error`, preceded by where its setting was set; as it is for one that was typed, or set nowhere."""
    source = sources.get(error.key or "")
    return ConfigError(f"{source}: {error}", key=error.key) if source else error


def read_properties_file(path: str) -> dict[str, str]:
    try:
        with open(path, encoding="utf-8") as file:
            return parse_properties(file.read(), origin=path)
    except OSError as error:
        raise ConfigError(f"the configuration file {path} cannot be read: {error.strerror}", key=None) from None
    except UnicodeDecodeError:
        raise ConfigError(f"the configuration file {path} is not UTF-8 text", key=None) from None


def settings_from_environment(environ: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Settings among the environment's variables, and the variables in Kafka's manner that are none."""
    settings, ignored = {}, []
    for variable in sorted(environ):
        if not variable.startswith(_PREFIX):
            continue
        key = key_of_variable(variable)
        if key in BROKER_DEFINITIONS or is_foreign(key):
            settings[key] = environ[variable]
        elif (nearest := nearest_name(key, _all_names(), likeness=_TYPO_LIKENESS)) is not None:
            raise ConfigError(
                f"the environment variable {variable} means {key}, which is not a broker setting; did you mean "
                f"{variable_of_key(nearest)} ({nearest})?",
                key=key,
            )
        else:
            ignored.append(variable)
    return settings, ignored


def settings_from_arguments(arguments: Sequence[str]) -> dict[str, str]:
    settings = {}
    for argument in arguments:
        key, separator, value = argument.partition("=")
        if not separator or not key.strip():
            sentence = f"--set {argument} is not valid: it must be key=value, as in num.partitions=8"
            raise ConfigError(sentence, key=None)
        settings[key.strip()] = value.strip()
    return settings


def key_of_variable(variable: str) -> str:
    """`KAFKA_LOG_RETENTION_MS` → `log.retention.ms`."""
    name = variable.removeprefix(_PREFIX).lower()
    return name.replace("___", "-").replace("__", "\0").replace("_", ".").replace("\0", "_")


def variable_of_key(key: str) -> str:
    """`log.retention.ms` → `KAFKA_LOG_RETENTION_MS`."""
    return _PREFIX + key.replace("_", "__").replace("-", "___").replace(".", "_").upper()


def _all_names() -> list[str]:
    return [*BROKER_DEFINITIONS, *known_names()]
