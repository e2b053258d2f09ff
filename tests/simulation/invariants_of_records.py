"""What must hold of records when a run is over: between what producers were told, what replicas hold and what consumers
were shown.

A function's name is the promise. It answers the shortest evidence of a breach, or None.
"""

from __future__ import annotations

from simulation.evidence import Evidence, named, short
from simulation.history import Outcome, Place

# --- producers and replicas --------------------------------------------------------------------------------------


def every_acknowledged_record_is_on_every_in_sync_replica(evidence: Evidence) -> str | None:
    """At the offset that was told, where one was."""
    held = {
        (place, node_id): {record.value: record.offset for record in log} for place, node_id, log in evidence.each_log()
    }
    for send in evidence.acknowledged():
        for node_id in evidence.logs.get(send.place, {}):
            offsets = held[send.place, node_id]
            for number, value in enumerate(send.values):
                promised = send.base_offset + number if send.base_offset >= 0 else None
                found = offsets.get(value)
                if found is None or promised not in (None, found):
                    there = "it is not there" if found is None else f"it is at {found}"
                    return (
                        f"{short(value)!r} was acknowledged to {send.producer} at {send.ended} for offset {promised} "
                        f"of {named(send.place)}; on node {node_id} {there}, the log has {len(offsets)} records"
                    )
    return None


def every_place_that_was_written_to_has_in_sync_replicas(evidence: Evidence) -> str | None:
    """Otherwise nothing would be asked of anybody."""
    for send in evidence.acknowledged():
        if not evidence.logs.get(send.place):
            return f"{short(send.values[0])!r} was acknowledged, and nobody holds {named(send.place)}"
    return None


def no_record_is_there_twice(evidence: Evidence) -> str | None:
    for place, node_id, log in evidence.each_log():
        first_at: dict[bytes | None, int] = {}
        for record in log:
            first = first_at.setdefault(record.value, record.offset)
            if first != record.offset:
                return (
                    f"{short(record.value)!r} is at {first} and at {record.offset} of {named(place)} on node {node_id}"
                )
    return None


def records_are_in_the_order_in_which_they_were_sent(evidence: Evidence) -> str | None:
    """Of each idempotent producer. A batch without sequences that was given up on may come late."""
    order = {
        value: (send, number) for number, (value, send) in enumerate(evidence.senders().items()) if send.is_idempotent
    }
    for place, node_id, log in evidence.each_log():
        newest: dict[str, tuple[int, bytes]] = {}
        for record in log:
            if record.value not in order:
                continue
            send, number = order[record.value]
            before = newest.get(send.producer)
            if before is not None and before[0] > number:
                return (
                    f"{short(record.value)!r} is behind {short(before[1])!r}, which was sent later, at {record.offset} "
                    f"of {named(place)} on node {node_id}"
                )
            newest[send.producer] = (number, record.value)
    return None


def a_batch_is_whole_or_absent(evidence: Evidence) -> str | None:
    for place, node_id, log in evidence.each_log():
        offsets = {record.value: record.offset for record in log}
        for send in evidence.history.sends:
            if send.place == place:
                found = [offsets.get(value) for value in send.values]
                first = found[0]
                whole = first is not None and found == list(range(first, first + len(found)))
                if not whole and found != [None] * len(found):
                    return f"the records of one batch are at {found} of {named(place)} on node {node_id}: {send}"
    return None


def nothing_that_certainly_failed_appears(evidence: Evidence) -> str | None:
    failed = {value: send for send in evidence.history.sends if send.outcome is Outcome.FAILED for value in send.values}
    for place, node_id, log in evidence.each_log():
        for record in log:
            if record.value in failed:
                return (
                    f"{short(record.value)!r} is at {record.offset} of {named(place)} on node {node_id}; its producer "
                    f"was refused at {failed[record.value].ended}"
                )
    for fetch in evidence.history.fetches:
        for seen in fetch.records:
            if seen.value in failed:
                return f"{fetch.client} read {short(seen.value)!r} at {seen.offset}, which had been refused"
    return None


def nothing_appears_that_nobody_sent(evidence: Evidence) -> str | None:
    senders = evidence.senders()
    for place, node_id, log in evidence.each_log():
        for record in log:
            send = senders.get(record.value or b"")
            if send is None or send.place != place:
                return f"{short(record.value)!r} is at {record.offset} of {named(place)} on node {node_id}"
    for fetch in evidence.history.fetches:
        for seen in fetch.records:
            send = senders.get(seen.value)
            if send is None or send.place != fetch.place:
                return f"{fetch.client} read {short(seen.value)!r} at {seen.offset} of {named(fetch.place)}"
    return None


def an_offset_is_promised_once(evidence: Evidence) -> str | None:
    promised: dict[tuple[Place, int], bytes] = {}
    for send in evidence.acknowledged():
        if send.base_offset >= 0:
            for offset, value in enumerate(send.values, send.base_offset):
                other = promised.setdefault((send.place, offset), value)
                if other != value:
                    return f"offset {offset} of {named(send.place)} was told for {short(other)!r} and {short(value)!r}"
    return None


# --- replicas among themselves -----------------------------------------------------------------------------------


def a_log_has_no_holes(evidence: Evidence) -> str | None:
    """Nothing here is compacted or ages away: offsets are 0, 1, 2 and so on."""
    for place, node_id, log in evidence.each_log():
        for expected, record in enumerate(log):
            if record.offset != expected:
                return f"{record.offset} stands where {expected} is due in {named(place)} on node {node_id}"
    return None


def leader_epochs_in_a_log_never_go_back(evidence: Evidence) -> str | None:
    for place, node_id, log in evidence.each_log():
        epoch = -1
        for record in log:
            if record.leader_epoch < epoch:
                return (
                    f"offset {record.offset} of {named(place)} on node {node_id} is of epoch {record.leader_epoch}, "
                    f"the one before of {epoch}"
                )
            epoch = record.leader_epoch
    return None


def in_sync_replicas_are_alike(evidence: Evidence) -> str | None:
    """Record by record, with its epoch and who made it."""
    for place, replicas in evidence.logs.items():
        (first_node, first), *others = replicas.items()
        for node_id, log in others:
            for one, other in zip(first, log, strict=False):
                if _identity(one) != _identity(other):
                    return (
                        f"at {one.offset} of {named(place)} node {first_node} has {short(one.value)!r} of epoch "
                        f"{one.leader_epoch}, node {node_id} has {short(other.value)!r} of epoch {other.leader_epoch}"
                    )
            if len(first) != len(log):
                return f"{named(place)} has {len(first)} records on node {first_node} and {len(log)} on node {node_id}"
    return None


def _identity(record: object) -> tuple[object, ...]:
    return tuple(getattr(record, name) for name in ("offset", "leader_epoch", "producer_id", "sequence", "value"))


# --- consumers ---------------------------------------------------------------------------------------------------


def consumers_read_identical_prefixes(evidence: Evidence) -> str | None:
    """One offset is one record, for everybody and for ever: in every answer, and in the logs at the end."""
    known: dict[tuple[Place, int], tuple[bytes | None, int, str]] = {
        (place, record.offset): (record.value, record.leader_epoch, f"node {node_id} in the end")
        for place, node_id, log in evidence.each_log()
        for record in log
    }
    judged = set(evidence.logs)
    for fetch in evidence.history.fetches:
        for seen in fetch.records:
            now = (seen.value, seen.leader_epoch, f"{fetch.client} from node {fetch.node_id} at {fetch.ended}")
            if fetch.place in judged and (fetch.place, seen.offset) not in known:
                return (
                    f"{now[2]} read {short(seen.value)!r} at {seen.offset} of {named(fetch.place)}: nobody has it now"
                )
            before = known.setdefault((fetch.place, seen.offset), now)
            if before[:2] != now[:2]:
                return (
                    f"offset {seen.offset} of {named(fetch.place)} is {short(before[0])!r} of epoch {before[1]} to "
                    f"{before[2]} and {short(now[0])!r} of epoch {now[1]} to {now[2]}"
                )
    return None


def no_consumer_sees_above_the_high_watermark(evidence: Evidence) -> str | None:
    for fetch in evidence.history.fetches:
        for seen in fetch.records:
            if seen.offset >= fetch.high_watermark:
                return (
                    f"{fetch.client} read offset {seen.offset} of {named(fetch.place)} from node {fetch.node_id} at "
                    f"{fetch.ended}; the high watermark was {fetch.high_watermark}"
                )
    return None


def a_consumer_reads_without_holes(evidence: Evidence) -> str | None:
    for (client, place), fetches in evidence.fetches_by_reader().items():
        expected = 0
        for fetch in fetches:
            for seen in fetch.records:
                if seen.offset != expected:
                    return f"{client} read offset {seen.offset} of {named(place)} at {fetch.ended} after {expected - 1}"
                expected += 1
    return None


def what_a_consumer_has_read_is_never_truncated(evidence: Evidence) -> str | None:
    """No leader says that the log ends, or parts from what was read, before the place to which it was read."""
    for loss in evidence.history.losses:
        return (
            f"{loss.client} had read {named(loss.place)} to {loss.offset}, and node {loss.node_id} said in epoch "
            f"{loss.leader_epoch} at {loss.at}: {loss.why}"
        )
    return None


def the_high_watermark_of_a_leader_never_goes_back(evidence: Evidence) -> str | None:
    """As clients see it, all of them together: who asks after an answer has come is told no less."""
    by_leader: dict[tuple[Place, int, int], list[tuple[int, int, int, str]]] = {}
    for fetch in evidence.history.fetches:
        told = by_leader.setdefault((fetch.place, fetch.leader_epoch, fetch.node_id), [])
        text = f"{fetch.high_watermark} to {fetch.client} at {fetch.ended}"
        told.append((fetch.began.number, fetch.ended.number, fetch.high_watermark, text))
    for (place, epoch, node_id), told in by_leader.items():
        ended = sorted(told, key=lambda answer: answer[1])
        highest, next_ended = (-1, ""), 0
        for began, _, high_watermark, text in sorted(told):
            while ended[next_ended][1] < began:
                highest = max(highest, ended[next_ended][2:])
                next_ended += 1
            if high_watermark < highest[0]:
                return f"of {named(place)} in epoch {epoch}, node {node_id} told {highest[1]} and later {text}"
    return None


INVARIANTS = (
    every_acknowledged_record_is_on_every_in_sync_replica,
    every_place_that_was_written_to_has_in_sync_replicas,
    no_record_is_there_twice,
    records_are_in_the_order_in_which_they_were_sent,
    a_batch_is_whole_or_absent,
    nothing_that_certainly_failed_appears,
    nothing_appears_that_nobody_sent,
    an_offset_is_promised_once,
    a_log_has_no_holes,
    leader_epochs_in_a_log_never_go_back,
    in_sync_replicas_are_alike,
    consumers_read_identical_prefixes,
    no_consumer_sees_above_the_high_watermark,
    a_consumer_reads_without_holes,
    what_a_consumer_has_read_is_never_truncated,
    the_high_watermark_of_a_leader_never_goes_back,
)
