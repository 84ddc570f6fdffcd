"""One prompt on its way from the panel to an action; advanced by a timer, so that Blender stays awake."""

from __future__ import annotations

import time
from collections.abc import Iterator

import bpy

from .bone_names import bones_of
from .job import Job, JobError, JobRequest
from .motion_import import action_name, import_motion, remove_motion
from .retarget import Retarget

_SLICE_SECONDS = 0.03  # of work at a time
_PAUSE_SECONDS = 0.05  # between two looks


class Work:
    """Generate, import, and carry over to the chosen armature."""

    def __init__(self, request: JobRequest, target: bpy.types.Object | None) -> None:
        """Start. JobError where kinetoken is missing or the armature has unknown bones."""
        self._target_name = None if target is None else target.name
        self._bones: dict[str, str] = {}
        self.kind = ""
        """The kind of the target's armature."""
        if target is not None:
            known = bones_of(bone.name for bone in target.data.bones)
            if known is None:
                raise JobError(
                    f"\"{target.name}\" has neither Rigify's nor Mixamo's bone names; select such "
                    "an armature, or none to get a new one"
                )
            self.kind, self._bones = known
        self._name = action_name(request.prompt)
        self._job = Job(request)
        self.progress = 0.0
        """0 to 1."""
        self.text = "starting"
        self.error = ""
        """What went wrong, in one line."""
        self.result: bpy.types.Object | None = None
        """The armature that has the action."""
        self._steps = self._run()

    @property
    def over(self) -> bool:
        """True once there is a result or an error."""
        return bool(self.error) or self.result is not None

    def advance(self) -> float | None:
        """Do a little; seconds until it wants to be called again, None at the end."""
        end = time.monotonic() + _SLICE_SECONDS
        try:
            for pause in self._steps:
                if pause:
                    return _PAUSE_SECONDS
                if time.monotonic() > end:
                    return 0.0
        except (JobError, RuntimeError, KeyError) as error:
            self.error = " ".join(str(error).split())
        finally:
            if self.error or self.result is not None:
                self._job.clean()
        return None

    def cancel(self) -> None:
        """Stop now; nothing is left in the scene."""
        self._steps.close()
        self._job.cancel()
        self.error = "cancelled"

    def _run(self) -> Iterator[bool]:
        """Yields True to wait, False to go on soon."""
        share = 0.7 if self._target_name else 1.0
        while self._job.running:
            self.progress = share * self._job.progress
            self.text = f"{self._job.seconds:.1f} s of motion"
            yield True
        path = self._job.result()
        armature = import_motion(path, self._name)
        bpy.context.view_layer.update()
        if self._target_name is None:
            self.progress, self.result = 1.0, armature
            return
        target = bpy.data.objects.get(self._target_name)
        try:
            if target is None:
                raise JobError(f'"{self._target_name}" is gone')
            retarget = Retarget(armature, target, self._bones)
            self.text = f"to {target.name}"
            for done in retarget.frames():
                self.progress = share + (1.0 - share) * done / retarget.count
                yield False
        finally:
            remove_motion(armature)
        retarget.write(self._name)
        self.progress, self.result = 1.0, target
