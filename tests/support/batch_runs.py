"""What tests of batches share."""

from __future__ import annotations

from collections.abc import Callable

from kinetoken import GenerateOptions
from kinetoken.batch.jobs import Job

Run = Callable[..., tuple[int, str, str]]
"""kinetoken with these arguments: exit code, standard output, standard error."""
JOBS = [
    Job.of(1, "a", "a person walks", GenerateOptions(seconds=1.2, seed=1)),
    Job.of(
        2,
        "b",
        "a person waves with the left hand",
        GenerateOptions(max_seconds=2.0, seed=2, levels=2),
    ),
    Job.of(3, "c", "jump", GenerateOptions(code_frames=3, seed=3, thought="none", foot_lock=True)),
    Job.of(
        4, "d", "the man runs in a circle", GenerateOptions(text_only=True, seed=4, max_tokens=9)
    ),
    Job.of(5, "e", "turn around", GenerateOptions(seconds=0.4, seed=5, temperature=0.0)),
]
