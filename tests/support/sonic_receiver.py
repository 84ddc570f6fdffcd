"""A receiver of GEAR-SONIC's stream, written from its protocol's text: prints each message as a line of JSON.

python sonic_receiver.py PORT [COUNT]    # ends after COUNT messages, or 2 s without any

It does what zmq_packed_message_subscriber.hpp and streamed_motion_merger.hpp say that they do: one part, the topic as a
prefix, 1,280 bytes of JSON that end at the first zero, fields one after another in the order of the header; and it counts
how often the merger would give up its window ("catch-up") when it plays a frame for each message.
"""

from __future__ import annotations

import json
import struct
import sys

import zmq

TOPIC, HEADER_SIZE = b"pose", 1280
SIZES = {"f32": (4, "f"), "f64": (8, "d"), "i32": (4, "i"), "i64": (8, "q"), "u8": (1, "B")}
HISTORY, MAX_GAP = 5, 200


class Merger:
    """The window of a receiver that plays one frame per message."""

    def __init__(self) -> None:
        self.start = self.end = self.playing = -1
        self.resets = 0

    def take(self, first: int, last: int, step: int) -> None:
        if (
            self.end < 0
            or first <= self.start
            or last <= self.end
            or first > self.end + step
            or (first - self.playing) // step > MAX_GAP + HISTORY
        ):
            self.resets += 1
            self.start = self.playing = first
        else:
            self.start = min(max(self.playing - HISTORY * step, self.start), first)
        self.end = last
        self.playing = min(self.playing + step, last)


def decode(message: bytes) -> dict[str, object]:
    assert message.startswith(TOPIC)
    packed = message[len(TOPIC) :]
    assert len(packed) >= HEADER_SIZE
    header = json.loads(packed[:HEADER_SIZE].split(b"\0", 1)[0])
    assert header["endian"] == "le"
    out: dict[str, object] = {"version": header["v"], "count": header["count"]}
    at = HEADER_SIZE
    for field in header["fields"]:
        total = 1
        for dim in field["shape"]:
            total *= dim
        size, letter = SIZES[field["dtype"]]
        assert at + total * size <= len(packed), f"field {field['name']} exceeds data bounds"
        values = list(struct.unpack_from(f"<{total}{letter}", packed, at))
        at += total * size
        width = field["shape"][1] if len(field["shape"]) > 1 else 0
        rows = [values[i : i + width] for i in range(0, total, width)] if width else values
        out[field["name"]] = rows
    assert at == len(packed), "bytes left over"
    return out


def main(port: str, count: int) -> None:
    context = zmq.Context()
    subscriber = context.socket(zmq.SUB)
    subscriber.connect(f"tcp://127.0.0.1:{port}")
    subscriber.setsockopt(zmq.SUBSCRIBE, TOPIC)
    subscriber.setsockopt(zmq.RCVTIMEO, 60_000)
    print("connected", flush=True)
    merger = Merger()
    for _ in range(count):
        try:
            message = decode(subscriber.recv())
        except zmq.Again:
            break
        indices = message["frame_index"]
        assert isinstance(indices, list)
        merger.take(indices[0], indices[-1], indices[1] - indices[0] if len(indices) > 1 else 1)
        print(json.dumps({**message, "resets": merger.resets}), flush=True)
        subscriber.setsockopt(zmq.RCVTIMEO, 2_000)
    context.destroy(linger=0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000)
