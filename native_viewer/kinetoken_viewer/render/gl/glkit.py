"""Thin handles over raw pyglet.gl: programs, meshes, off-screen targets.

Importing it opens no window.
"""

from __future__ import annotations

import ctypes
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pyglet import gl

from kinetoken.base.errors import EngineError

_FRAME_BITS: Final = {
    "red_size": 8, "green_size": 8, "blue_size": 8, "alpha_size": 0, "depth_size": 24,
}  # fmt: skip
_GL: Final = {"opengl_api": "gl", "major_version": 3, "minor_version": 3}
_GLES: Final = {"opengl_api": "gles", "major_version": 3, "minor_version": 0}
_SOFTWARE_NAMES: Final = ("llvmpipe", "softpipe", "swrast", "swiftshader", "software")


def renderer_name() -> str:
    """The driver's own name for itself."""
    name = ctypes.cast(gl.glGetString(gl.GL_RENDERER), ctypes.c_char_p).value
    return (name or b"").decode(errors="replace")


def is_gles() -> bool:
    """True if the current context speaks OpenGL ES."""
    context = gl.current_context
    return context is not None and bool(context.get_info().get_opengl_api() == "gles")


def driver_config(*, gles: bool, **more: int) -> Any:
    """The pyglet Config to ask of the driver."""
    kind = _GLES if gles else _GL
    return gl.Config(**_FRAME_BITS, **kind, **more)  # type: ignore[abstract,arg-type]


def is_software(name: str) -> bool:
    """True if a driver of this name draws on the processor."""
    return any(word in name.lower() for word in _SOFTWARE_NAMES)


def generated_name(function: Any) -> int:
    """Calls a glGen function for one name."""
    name = gl.GLuint()
    function(1, ctypes.byref(name))
    return name.value


_Uniform = int | float | tuple[float, ...] | NDArray[np.float64]
_SETTERS: Final = (gl.glUniform1f, gl.glUniform2f, gl.glUniform3f, gl.glUniform4f)


class Program:
    """A linked pair of shaders with its uniforms by name."""

    def __init__(self, header: str, vertex: str, fragment: str) -> None:
        self._id = gl.glCreateProgram()
        for kind, source in ((gl.GL_VERTEX_SHADER, vertex), (gl.GL_FRAGMENT_SHADER, fragment)):
            gl.glAttachShader(self._id, _compile(kind, header + source))
        gl.glLinkProgram(self._id)
        status = gl.GLint()
        gl.glGetProgramiv(self._id, gl.GL_LINK_STATUS, ctypes.byref(status))
        if not status.value:
            raise EngineError("the graphics driver refused to link the viewer's shaders")
        self._locations: dict[str, int] = {}

    def use(self, **uniforms: _Uniform) -> None:
        """Makes this the program that draws, and sets uniforms by name."""
        gl.glUseProgram(self._id)
        self.set(**uniforms)

    def draw(self, mesh: GpuMesh, instances: int = 1, **uniforms: _Uniform) -> None:
        """Draws a mesh with these uniforms."""
        self.use(**uniforms)
        mesh.draw(instances)

    def set(self, **uniforms: _Uniform) -> None:
        """Sets uniforms by name; the program must be in use.

        An int is an integer or a sampler's texture unit, an array a row-major (4, 4) matrix.
        """
        for name, value in uniforms.items():
            if name not in self._locations:
                self._locations[name] = gl.glGetUniformLocation(self._id, name.encode())
            location = self._locations[name]
            if isinstance(value, np.ndarray):
                flat = np.ascontiguousarray(value, dtype=np.float32)
                numbers = flat.ctypes.data_as(ctypes.POINTER(gl.GLfloat))
                gl.glUniformMatrix4fv(location, 1, gl.GL_TRUE, numbers)
            elif isinstance(value, int):
                gl.glUniform1i(location, value)
            else:
                floats = value if isinstance(value, tuple) else (value,)
                _SETTERS[len(floats) - 1](location, *floats)


def _compile(kind: int, source: str) -> int:
    shader: int = gl.glCreateShader(kind)
    text = ctypes.c_char_p(source.encode())
    pointer = ctypes.cast(ctypes.byref(text), ctypes.POINTER(ctypes.POINTER(gl.GLchar)))
    gl.glShaderSource(shader, 1, pointer, None)
    gl.glCompileShader(shader)
    status = gl.GLint()
    gl.glGetShaderiv(shader, gl.GL_COMPILE_STATUS, ctypes.byref(status))
    if not status.value:
        log = ctypes.create_string_buffer(2048)
        gl.glGetShaderInfoLog(shader, len(log), None, log)
        words = " ".join(log.value.decode(errors="replace").split())
        raise EngineError(f"the graphics driver refused a shader of the viewer: {words[:300]}")
    return shader


class GpuMesh:
    """Triangles in a buffer; optionally one row of numbers per instance."""

    def __init__(
        self,
        vertices: NDArray[np.float32],
        indices: NDArray[np.uint32],
        instance: tuple[int, ...] = (),
    ) -> None:
        self._count = indices.size
        self._columns = sum(instance)
        self._array = generated_name(gl.glGenVertexArrays)
        gl.glBindVertexArray(self._array)
        _fill(gl.GL_ARRAY_BUFFER, generated_name(gl.glGenBuffers), vertices, gl.GL_STATIC_DRAW)
        _attribute(0, vertices.shape[1], vertices.shape[1], 0)
        _fill(
            gl.GL_ELEMENT_ARRAY_BUFFER, generated_name(gl.glGenBuffers), indices, gl.GL_STATIC_DRAW
        )
        self._rows = generated_name(gl.glGenBuffers)
        gl.glBindBuffer(gl.GL_ARRAY_BUFFER, self._rows)
        offset = 0
        for location, size in enumerate(instance, start=1):
            _attribute(location, size, self._columns, offset)
            gl.glVertexAttribDivisor(location, 1)
            offset += size
        gl.glBindVertexArray(0)

    def upload(self, rows: NDArray[np.float32]) -> None:
        """Sets the instances' numbers, (n, columns)."""
        assert rows.shape[1] == self._columns
        numbers = np.ascontiguousarray(rows, dtype=np.float32)
        _fill(gl.GL_ARRAY_BUFFER, self._rows, numbers, gl.GL_STREAM_DRAW)

    def draw(self, instances: int = 1) -> None:
        """Draws with the program in use."""
        gl.glBindVertexArray(self._array)
        gl.glDrawElementsInstanced(
            gl.GL_TRIANGLES, self._count, gl.GL_UNSIGNED_INT, None, instances
        )
        gl.glBindVertexArray(0)


def _fill(target: int, buffer: int, data: NDArray[Any], usage: int) -> None:
    gl.glBindBuffer(target, buffer)
    gl.glBufferData(target, data.nbytes, data.ctypes.data_as(ctypes.c_void_p), usage)


def _attribute(location: int, size: int, columns: int, offset: int) -> None:
    gl.glEnableVertexAttribArray(location)
    gl.glVertexAttribPointer(
        location, size, gl.GL_FLOAT, gl.GL_FALSE, 4 * columns, ctypes.c_void_p(4 * offset)
    )


class DepthMap:
    """A square depth texture for shaders to compare with, and a framebuffer to draw into it."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._texture = generated_name(gl.glGenTextures)
        gl.glBindTexture(gl.GL_TEXTURE_2D, self._texture)
        gl.glTexImage2D(gl.GL_TEXTURE_2D, 0, gl.GL_DEPTH_COMPONENT24, size, size, 0,
                        gl.GL_DEPTH_COMPONENT, gl.GL_UNSIGNED_INT, None)  # fmt: skip
        for key, value in (
            (gl.GL_TEXTURE_MIN_FILTER, gl.GL_LINEAR),
            (gl.GL_TEXTURE_MAG_FILTER, gl.GL_LINEAR),
            (gl.GL_TEXTURE_WRAP_S, gl.GL_CLAMP_TO_EDGE),
            (gl.GL_TEXTURE_WRAP_T, gl.GL_CLAMP_TO_EDGE),
            (gl.GL_TEXTURE_COMPARE_MODE, gl.GL_COMPARE_REF_TO_TEXTURE),
            (gl.GL_TEXTURE_COMPARE_FUNC, gl.GL_LEQUAL),
        ):
            gl.glTexParameteri(gl.GL_TEXTURE_2D, key, value)
        self._frame = generated_name(gl.glGenFramebuffers)
        gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, self._frame)
        gl.glFramebufferTexture2D(
            gl.GL_FRAMEBUFFER, gl.GL_DEPTH_ATTACHMENT, gl.GL_TEXTURE_2D, self._texture, 0
        )
        gl.glDrawBuffers(1, (gl.GLenum * 1)(gl.GL_NONE))
        _check_frame()

    def begin(self) -> None:
        """Directs later drawing into the map, which starts empty."""
        gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, self._frame)
        gl.glViewport(0, 0, self.size, self.size)
        gl.glClear(gl.GL_DEPTH_BUFFER_BIT)

    def bind(self) -> None:
        """Lets texture unit 0 read the map."""
        gl.glActiveTexture(gl.GL_TEXTURE0)
        gl.glBindTexture(gl.GL_TEXTURE_2D, self._texture)


class Canvas:
    """An off-screen colour and depth target of any size, and its pixels."""

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._buffers: list[int] = []
        self.frame = generated_name(gl.glGenFramebuffers)
        gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, self.frame)
        for kind, place in (
            (gl.GL_RGBA8, gl.GL_COLOR_ATTACHMENT0),
            (gl.GL_DEPTH_COMPONENT24, gl.GL_DEPTH_ATTACHMENT),
        ):
            buffer = generated_name(gl.glGenRenderbuffers)
            self._buffers.append(buffer)
            gl.glBindRenderbuffer(gl.GL_RENDERBUFFER, buffer)
            gl.glRenderbufferStorage(gl.GL_RENDERBUFFER, kind, width, height)
            gl.glFramebufferRenderbuffer(gl.GL_FRAMEBUFFER, place, gl.GL_RENDERBUFFER, buffer)
        _check_frame()

    def stretch(self, width: int, height: int) -> None:
        """Fills the window's framebuffer of this size with the picture, and binds it."""
        gl.glBindFramebuffer(gl.GL_READ_FRAMEBUFFER, self.frame)
        gl.glBindFramebuffer(gl.GL_DRAW_FRAMEBUFFER, 0)
        gl.glBlitFramebuffer(
            0, 0, self._width, self._height, 0, 0, width, height,
            gl.GL_COLOR_BUFFER_BIT, gl.GL_LINEAR,
        )  # fmt: skip
        gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, 0)
        gl.glViewport(0, 0, width, height)

    def close(self) -> None:
        """Frees its memory."""
        gl.glDeleteFramebuffers(1, ctypes.byref(gl.GLuint(self.frame)))
        for buffer in self._buffers:
            gl.glDeleteRenderbuffers(1, ctypes.byref(gl.GLuint(buffer)))

    def pixels(self) -> NDArray[np.uint8]:
        """(height, width, 3), row 0 at the top."""
        gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, self.frame)
        return read_pixels(self._width, self._height)


def read_pixels(width: int, height: int) -> NDArray[np.uint8]:
    """The bound framebuffer's lower left corner, (height, width, 3), row 0 at the top."""
    # With alpha, since OpenGL ES promises no other layout.
    out = np.empty((height, width, 4), dtype=np.uint8)
    gl.glPixelStorei(gl.GL_PACK_ALIGNMENT, 1)
    gl.glReadPixels(
        0, 0, width, height, gl.GL_RGBA, gl.GL_UNSIGNED_BYTE, out.ctypes.data_as(ctypes.c_void_p)
    )
    return out[::-1, :, :3]


def _check_frame() -> None:
    if gl.glCheckFramebufferStatus(gl.GL_FRAMEBUFFER) != gl.GL_FRAMEBUFFER_COMPLETE:
        raise EngineError("the graphics driver cannot draw off screen")


def depth_range(near: float, far: float) -> None:
    """Maps depths to this part of the depth buffer, 0 to 1."""
    (gl.glDepthRangef if is_gles() else gl.glDepthRange)(near, far)
