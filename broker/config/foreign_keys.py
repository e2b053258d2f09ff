"""Kafka's settings that this broker does not have: those it may ignore, and those it must refuse.

Three kinds, so that a `server.properties` or a compose file written for Kafka starts here, without a promise
being dropped in silence:

- MEANINGLESS: about a JVM, threads or ZooKeeper. Accepted; one warning line names them all.
- WITHOUT_EFFECT: numbers that tune a feature not built yet (how long a transaction may take). Accepted; one
  warning line.
- UNSUPPORTED: they ask for behaviour that is not there (encryption, authentication). Refused unless set to what
  the broker does anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from broker.config.definition import ConfigError

MEANINGLESS_PREFIXES = (
    "zookeeper.",
    "kafka.metrics.",
    "metrics.",
    "sasl.kerberos.",
    "sasl.login.",
    "sasl.oauthbearer.",
)
MEANINGLESS = frozenset(
    [
        "max.request.partition.size.limit",
        "num.io.threads",
        "queued.max.requests",
        "socket.listen.backlog.size",
        "num.network.threads",
        "background.threads",
        "num.replica.alter.log.dirs.threads",
        "num.recovery.threads.per.data.dir",
        "log.cleaner.threads",
        "log.cleaner.io.buffer.size",
        "log.cleaner.io.buffer.load.factor",
        "socket.send.buffer.bytes",
        "socket.receive.buffer.bytes",
        "replica.socket.receive.buffer.bytes",
        "replica.fetch.min.bytes",
        "fetch.purgatory.purge.interval.requests",
        "producer.purgatory.purge.interval.requests",
        "delete.records.purgatory.purge.interval.requests",
        "share.fetch.purgatory.purge.interval.requests",
        "metric.reporters",
        "auto.include.jmx.reporter",
        "early.start.listeners",
        "group.coordinator.threads",
        "group.coordinator.background.threads",
        "group.coordinator.append.linger.ms",
        "group.coordinator.cached.buffer.max.bytes",
        "offsets.load.buffer.size",
        "transaction.state.log.load.buffer.size",
        "share.coordinator.threads",
        "share.coordinator.load.buffer.size",
        "share.coordinator.append.linger.ms",
        "share.coordinator.cached.buffer.max.bytes",
        "share.coordinator.write.timeout.ms",
        "log.flush.start.offset.checkpoint.interval.ms",
        "log.dir.failure.timeout.ms",
        "controlled.shutdown.enable",
        "controlled.shutdown.max.retries",
        "controlled.shutdown.retry.backoff.ms",
        "request.timeout.ms",
        "socket.connection.setup.timeout.ms",
        "socket.connection.setup.timeout.max.ms",
        "connection.failed.authentication.delay.ms",
        "metadata.log.segment.bytes",
        "metadata.log.segment.ms",
        "metadata.max.retention.bytes",
        "metadata.max.retention.ms",
        "metadata.max.idle.interval.ms",
        "metadata.log.max.record.bytes.between.snapshots",
        "metadata.log.max.snapshot.interval.ms",
        "controller.quorum.append.linger.ms",
        "controller.socket.timeout.ms",
        "controller.quorum.election.backoff.max.ms",
        "controller.quorum.fetch.timeout.ms",
        "controller.quorum.request.timeout.ms",
        "controller.quorum.retry.backoff.ms",
        "controller.quorum.retry.backoff.max.ms",
        "broker.id.generation.enable",
        "reserved.broker.max.id",
        "inter.broker.protocol.version",
        "log.message.format.version",
        "log.message.downconversion.enable",
        "log.message.timestamp.difference.max.ms",
        "security.providers",
        "ssl.provider",
        "ssl.secure.random.implementation",
        "ssl.keymanager.algorithm",
        "ssl.trustmanager.algorithm",
        "telemetry.max.bytes",
        "unstable.api.versions.enable",
        "unstable.feature.versions.enable",
        "confluent.support.metrics.enable",
    ]
)

WITHOUT_EFFECT_PREFIXES: Mapping[str, str] = {
    "transaction.": "transactions",
    "transactional.id.": "transactions",
    "add.partitions.to.txn.": "transactions",
    "group.consumer.": "the consumer group protocol of KIP-848",
    "group.share.": "share groups",
    "share.coordinator.": "share groups",
    "group.streams.": "streams groups",
    "errors.deadletterqueue.": "share groups",
    "quota.window.": "quotas",
    "alter.log.dirs.replication.quota.": "quotas",
    "controller.quota.": "quotas",
    "delegation.token.": "delegation tokens",
    "remote.": "tiered storage",
    "log.remote.": "tiered storage",
    "log.local.": "tiered storage",
    "sasl.": "SASL",
    "ssl.": "TLS",
}
WITHOUT_EFFECT: Mapping[str, str] = {
    "leader.imbalance.per.broker.percentage": "a tolerated imbalance of leaders",
    "initial.broker.registration.timeout.ms": "an end to the wait for a controller",
    "follower.fetch.last.tiered.offset.enable": "tiered storage",
    "connections.max.reauth.ms": "SASL",
}


@dataclass(frozen=True, slots=True)
class Unsupported:
    """What a refused key would switch on, and the values that ask for nothing we do not do."""

    feature: str
    harmless: tuple[str, ...] = ("",)


_TLS = Unsupported("TLS")
_SASL = Unsupported("SASL")
UNSUPPORTED: Mapping[str, Unsupported] = {
    "ssl.keystore.location": _TLS,
    "ssl.keystore.password": _TLS,
    "ssl.keystore.key": _TLS,
    "ssl.keystore.certificate.chain": _TLS,
    "ssl.key.password": _TLS,
    "ssl.truststore.location": _TLS,
    "ssl.truststore.password": _TLS,
    "ssl.truststore.certificates": _TLS,
    "ssl.client.auth": Unsupported("TLS", ("", "none")),
    "ssl.engine.factory.class": _TLS,
    "ssl.principal.mapping.rules": Unsupported("TLS", ("", "DEFAULT")),
    "sasl.enabled.mechanisms": _SASL,
    "sasl.jaas.config": _SASL,
    "sasl.mechanism.inter.broker.protocol": Unsupported("SASL", ("", "GSSAPI")),
    "sasl.mechanism.controller.protocol": Unsupported("SASL", ("", "GSSAPI")),
    "sasl.server.callback.handler.class": _SASL,
    "sasl.client.callback.handler.class": _SASL,
    "security.inter.broker.protocol": Unsupported("TLS or SASL between brokers", ("", "PLAINTEXT")),
    "principal.builder.class": Unsupported("a principal builder of your own"),
    "authorizer.class.name": Unsupported("authorization"),
    "super.users": Unsupported("authorization"),
    "allow.everyone.if.no.acl.found": Unsupported("authorization", ("", "true")),
    "delegation.token.secret.key": Unsupported("delegation tokens"),
    "remote.log.storage.system.enable": Unsupported("tiered storage", ("false",)),
    "controller.quorum.auto.join.enable": Unsupported("controllers that become voters by themselves", ("false",)),
    "metadata.log.dir": Unsupported("a metadata directory of its own"),
    "cordoned.log.dirs": Unsupported("cordoning log directories"),
    "create.topic.policy.class.name": Unsupported("a topic policy"),
    "alter.config.policy.class.name": Unsupported("a config policy"),
    "client.quota.callback.class": Unsupported("a quota callback"),
    "config.providers": Unsupported("config providers"),
    "offsets.topic.compression.codec": Unsupported("compressing __consumer_offsets", ("0",)),
    "group.coordinator.rebalance.protocols": Unsupported("a group protocol besides classic", ("classic",)),
    "max.connections.per.ip.overrides": Unsupported("a connection limit of its own for an address"),
    "max.connection.creation.rate": Unsupported("limiting new connections by rate", ("2147483647",)),
    "queued.max.request.bytes": Unsupported("limiting queued requests by bytes", ("-1",)),
    "log.cleaner.io.max.bytes.per.second": Unsupported(
        "limiting compaction by rate", ("1.7976931348623157E308", "1.7976931348623157e+308")
    ),
}


def known_names() -> list[str]:
    """Every single name this page knows, for the nearest-name hint."""
    return [*MEANINGLESS, *WITHOUT_EFFECT, *UNSUPPORTED]


def is_foreign(key: str) -> bool:
    return (
        key in MEANINGLESS
        or key in UNSUPPORTED
        or key in WITHOUT_EFFECT
        or key.startswith(MEANINGLESS_PREFIXES)
        or key.startswith(tuple(WITHOUT_EFFECT_PREFIXES))
    )


def check_foreign(settings: Mapping[str, str]) -> list[str]:
    """Refuse what asks for absent behaviour; at most one warning line per kind of what is ignored."""
    meaningless: list[str] = []
    without_effect: dict[str, list[str]] = {}
    for key, value in settings.items():
        if (unsupported := UNSUPPORTED.get(key)) is not None:
            if value.replace(" ", "") not in unsupported.harmless:
                raise ConfigError(
                    f"{key}={_shown(key, value)} asks for {unsupported.feature}: not supported yet", key=key
                )
        elif key in MEANINGLESS or key.startswith(MEANINGLESS_PREFIXES):
            meaningless.append(key)
        else:
            without_effect.setdefault(_feature(key), []).append(key)
    warnings = []
    if meaningless:
        warnings.append(f"settings that mean nothing to this broker are ignored: {', '.join(sorted(meaningless))}")
    if without_effect:
        listed = "; ".join(f"{feature}: {', '.join(sorted(keys))}" for feature, keys in without_effect.items())
        warnings.append(f"settings of features not built yet have no effect ({listed})")
    return warnings


def _feature(key: str) -> str:
    if key in WITHOUT_EFFECT:
        return WITHOUT_EFFECT[key]
    return next(feature for prefix, feature in WITHOUT_EFFECT_PREFIXES.items() if key.startswith(prefix))


def _shown(key: str, value: str) -> str:
    secret = key.endswith(("password", "keystore.key", "secret.key", "jaas.config"))
    return "(hidden)" if secret else value
