"""A stream of bytes is split into frames, however it arrives."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import ProtocolError
from protocol.framing import FrameSplitter, frame


def split(pieces: list[bytes], frame_bytes_max: int = 1000) -> list[bytes]:
    splitter = FrameSplitter(frame_bytes_max)
    return [bytes(whole) for piece in pieces for whole in splitter.feed(piece)]


def test_a_frame_is_its_size_and_its_parts() -> None:
    assert frame(b"he", bytearray(b"ad"), memoryview(b"er")) == b"\0\0\0\6header"
    assert frame() == b"\0\0\0\0"


@given(st.lists(st.binary(max_size=40), max_size=6), st.lists(st.integers(0, 300), max_size=12))
def test_frames_come_out_as_they_went_in_wherever_the_stream_is_cut(frames: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(map(frame, frames))
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    assert split([stream[start:stop] for start, stop in pairwise(edges)]) == frames


def test_frames_come_out_when_the_stream_comes_byte_by_byte() -> None:
    stream = frame(b"one") + frame(b"") + frame(b"three")
    assert split([stream[index : index + 1] for index in range(len(stream))]) == [b"one", b"", b"three"]


def test_whole_frames_are_views_of_what_was_fed() -> None:
    fed = frame(b"one") + frame(b"two")
    assert all(view.obj is fed for view in FrameSplitter(10).feed(fed))


def test_an_unfinished_frame_waits_for_its_end() -> None:
    splitter = FrameSplitter(10)
    assert list(splitter.feed(frame(b"one") + b"\0\0\0\5tw")) == [b"one"]
    assert list(splitter.feed(b"o..")) == [b"two.."]


@pytest.mark.parametrize("size", [b"\x00\x00\x00\x0b", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x80\x00\x00\x00"])
def test_a_size_outside_the_limit_is_refused_before_its_bytes_are_there(size: bytes) -> None:
    for pieces in ([size], [size[:2], size[2:]], [size + b"bytes"]):
        with pytest.raises(ProtocolError, match="the limit is 10"):
            split(pieces, frame_bytes_max=10)


def test_a_frame_of_exactly_the_limit_passes() -> None:
    assert split([frame(bytes(10))], frame_bytes_max=10) == [bytes(10)]


def test_frames_before_a_refused_one_come_out() -> None:
    splitter, received = FrameSplitter(10), []
    with pytest.raises(ProtocolError):
        for whole in splitter.feed(frame(b"good") + b"\x7f\xff\xff\xff"):
            received.append(bytes(whole))
    assert received == [b"good"]
