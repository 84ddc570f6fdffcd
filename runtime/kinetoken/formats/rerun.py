"""Motion and text in Rerun's viewer, as they come; the only file that imports rerun-sdk.

The timeline is `motion`, in seconds of the motion. The body is points with the names of the joints
and lines between them; a word stands at the moment up to which there was motion when it came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from ..base.errors import MissingPackageError
from ..motion.clip import Chunk, Clip, TextChunk
from ..motion.skeleton import FPS, JOINT_NAMES, N_JOINTS, PARENTS, Array

try:
    import rerun
except ImportError as error:
    raise MissingPackageError("rerun-sdk", "rerun") from error

TIMELINE = "motion"
_RADIUS = 0.02  # metres of a joint's point
_SIDE_COLOURS = {"left": (70, 130, 230), "right": (230, 80, 70)}
_MIDDLE_COLOUR = (200, 195, 185)


class RerunLog:
    """Logs one body to a recording, frame by frame, and what the model writes."""

    def __init__(
        self,
        fps: float = FPS,
        *,
        entity: str = "kinetoken",
        recording: rerun.RecordingStream | None = None,
    ) -> None:
        """`recording` is Rerun's; None: the current one, of `rerun.init`."""
        self._fps, self._entity, self._recording = fps, entity, recording
        self._frames, self._text = 0, ""
        rerun.log(entity, rerun.ViewCoordinates.RIGHT_HAND_Y_UP, static=True, recording=recording)
        rerun.log(f"{entity}/body", _body_context(), static=True, recording=recording)

    def push(self, joints: Array) -> None:
        """Log the next frames, joints (n, 22, 3), metres."""
        if joints.ndim != 3 or joints.shape[1:] != (N_JOINTS, 3):
            raise ValueError(f"expected joints (n, {N_JOINTS}, 3), got {joints.shape}")
        for pose in np.asarray(joints, np.float32):
            self._set_time()
            points = rerun.Points3D(
                pose, radii=_RADIUS, class_ids=0, keypoint_ids=np.arange(N_JOINTS)
            )
            rerun.log(f"{self._entity}/body", points, recording=self._recording)
            self._frames += 1

    def write(self, text: str) -> None:
        """Log the next piece of text: as a line of the log, and all so far as a document."""
        self._text += text
        self._set_time()
        entity = f"{self._entity}/text"
        rerun.log(f"{entity}/log", rerun.TextLog(text), recording=self._recording)
        rerun.log(entity, rerun.TextDocument(self._text), recording=self._recording)

    def add(self, chunk: Chunk) -> None:
        """Log a chunk of a stream, of text or of motion."""
        if isinstance(chunk, TextChunk):
            self.write(chunk.text)
        else:
            self.push(chunk.joints)

    def _set_time(self) -> None:
        rerun.set_time(TIMELINE, duration=self._frames / self._fps, recording=self._recording)


def log_clip(
    clip: Clip,
    *,
    entity: str = "kinetoken",
    recording: rerun.RecordingStream | None = None,
) -> None:
    """Log a finished clip: its prompt and text first, then every frame."""
    log = RerunLog(clip.fps, entity=entity, recording=recording)
    for text in (clip.prompt, clip.text):
        if text:
            log.write(f"{text}\n")
    log.push(clip.joints)


def log_stream(
    chunks: Iterable[Chunk],
    fps: float = FPS,
    *,
    entity: str = "kinetoken",
    recording: rerun.RecordingStream | None = None,
) -> Iterator[Chunk]:
    """Log the chunks of a stream as they come, and hand them on."""
    log = RerunLog(fps, entity=entity, recording=recording)
    for chunk in chunks:
        log.add(chunk)
        yield chunk


def _body_context() -> rerun.AnnotationContext:
    """Names, colours and bones of the joints."""
    joints = [
        rerun.AnnotationInfo(
            id=joint,
            label=name,
            color=_SIDE_COLOURS.get(name.partition("_")[0], _MIDDLE_COLOUR),
        )
        for joint, name in enumerate(JOINT_NAMES)
    ]
    bones = [(parent, joint) for joint, parent in enumerate(PARENTS) if parent >= 0]
    return rerun.AnnotationContext(
        rerun.ClassDescription(
            info=rerun.AnnotationInfo(id=0, label="body"),
            keypoint_annotations=joints,
            keypoint_connections=bones,
        )
    )
