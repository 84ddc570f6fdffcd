"""The panel in the sidebar, its operators, and the path of the program in the preferences."""

from __future__ import annotations

import bpy

from .job import JobError, JobRequest
from .work import Work

_work: Work | None = None  # one at a time


class KinetokenPreferences(bpy.types.AddonPreferences):
    """Where kinetoken is."""

    bl_idname = __package__

    program: bpy.props.StringProperty(
        name="kinetoken",
        description="Path of the kinetoken program, or of its virtual environment; empty: on PATH",
        subtype="FILE_PATH",
    )

    def draw(self, context: bpy.types.Context) -> None:
        """One line for the path."""
        self.layout.prop(self, "program")
        self.layout.label(text="Empty: the program on PATH. Install it with: pip install kinetoken")


class KinetokenSettings(bpy.types.PropertyGroup):
    """What the panel asks for; kept in the scene."""

    prompt: bpy.props.StringProperty(
        name="Prompt", description="The movement in words", default="a person waves"
    )
    seconds: bpy.props.FloatProperty(
        name="Seconds",
        description="Length of the motion; 0: as long as the prompt or the model says",
        default=4.0, min=0.0, soft_max=30.0, max=3600.0, step=50,
    )  # fmt: skip
    seed: bpy.props.IntProperty(
        name="Seed", description="The same seed gives the same motion; -1: another each time",
        default=-1, min=-1,
    )  # fmt: skip
    levels: bpy.props.IntProperty(
        name="Levels", description="Codes per frame: fewer are faster and coarser; 0: all",
        default=0, min=0, max=32,
    )  # fmt: skip
    message: bpy.props.StringProperty(options={"SKIP_SAVE"})
    """What the last run said."""


class KinetokenGenerate(bpy.types.Operator):
    """Make the motion, and give it to the selected armature or to a new one"""

    bl_idname = "kinetoken.generate"
    bl_label = "Generate"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """One run at a time, in object or pose mode."""
        return _work is None and context.mode in {"OBJECT", "POSE"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Start a run; a timer does the rest."""
        global _work
        settings = context.scene.kinetoken
        settings.message = ""
        addon = context.preferences.addons.get(__package__)
        program = bpy.path.abspath(addon.preferences.program) if addon is not None else ""
        request = JobRequest(
            settings.prompt, settings.seconds, settings.seed, settings.levels, program
        )
        try:
            _work = Work(request, chosen_armature(context))
        except JobError as error:
            settings.message = str(error)
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        bpy.app.timers.register(tick)
        return {"FINISHED"}


class KinetokenCancel(bpy.types.Operator):
    """Stop the run; the scene stays as it was"""

    bl_idname = "kinetoken.cancel"
    bl_label = "Cancel"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Stop the run."""
        stop()
        context.scene.kinetoken.message = "cancelled"
        return {"FINISHED"}


class KinetokenPanel(bpy.types.Panel):
    """Prompt, length, seed and detail."""

    bl_idname = "VIEW3D_PT_kinetoken"
    bl_label = "kinetoken"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "kinetoken"

    def draw(self, context: bpy.types.Context) -> None:
        """The form, or how far a run is."""
        layout, settings = self.layout, context.scene.kinetoken
        column = layout.column()
        column.enabled = _work is None
        column.prop(settings, "prompt", text="")
        for name in ("seconds", "seed", "levels"):
            column.prop(settings, name)
        target = chosen_armature(context)
        column.label(
            text=f"for {target.name}" if target is not None else "for a new armature",
            icon="ARMATURE_DATA",
        )
        if _work is None:
            layout.operator("kinetoken.generate", icon="PLAY")
        else:
            layout.progress(factor=_work.progress, text=_work.text)
            layout.operator("kinetoken.cancel", icon="CANCEL")
        for line in _wrapped(settings.message, 40):
            layout.label(text=line)


_CLASSES = (
    KinetokenPreferences, KinetokenSettings, KinetokenGenerate, KinetokenCancel, KinetokenPanel,
)  # fmt: skip


def chosen_armature(context: bpy.types.Context) -> bpy.types.Object | None:
    """The active object, if it is a selected armature."""
    active = context.view_layer.objects.active
    chosen = active is not None and active.type == "ARMATURE" and active.select_get()
    return active if chosen else None


def tick() -> float | None:
    """Advance the run; Blender's timer calls it until there is none."""
    global _work
    if _work is None:
        return None
    pause = _work.advance()
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            area.tag_redraw()
    if pause is None:
        made = f'"{_work.result.name}" has the action' if _work.result is not None else ""
        bpy.context.scene.kinetoken.message = _work.error or made
        _work = None
    return pause


def stop() -> None:
    """Cancel a run, if there is one."""
    global _work
    if _work is not None:
        _work.cancel()
        _work = None


def register() -> None:
    """Add everything to Blender."""
    for kind in _CLASSES:
        bpy.utils.register_class(kind)
    bpy.types.Scene.kinetoken = bpy.props.PointerProperty(type=KinetokenSettings)


def unregister() -> None:
    """Take everything out again."""
    stop()
    del bpy.types.Scene.kinetoken
    for kind in reversed(_CLASSES):
        bpy.utils.unregister_class(kind)


def _wrapped(text: str, width: int) -> list[str]:
    """Lines of a message that fit the sidebar."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return [line for line in lines if line]
