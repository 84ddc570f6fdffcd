"""All file formats of motion, in one table; help texts, checks and commands read it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..base.atomic_file import check_writable
from ..base.errors import FormatError, InputError
from ..base.input_file import check_path
from ..motion.clip import Clip
from .bvh import read_bvh, write_bvh
from .glb import write_glb
from .gltf_motion import read_gltf_motion
from .numpy_files.amass import write_amass
from .numpy_files.npy import read_npy, write_npy
from .numpy_files.npz import read_npz, write_npz
from .read_options import DEFAULTS
from .read_options import ReadOptions as ReadOptions
from .vrma import write_vrma

_Writer = Callable[[Clip, str | os.PathLike[str]], None]


@dataclass(frozen=True)
class FileFormat:
    """One kind of file that motion is written to or read from."""

    suffix: str
    content: str
    """A few words: the content, and who reads it."""
    write: _Writer
    read: Callable[[Path, ReadOptions], Clip]


FORMATS: Final = (
    FileFormat(".npz", "joints, features, codes and notes, for NumPy", write_npz, read_npz),
    FileFormat(".bvh", "a skeleton, for animation tools such as Blender", write_bvh, read_bvh),
    FileFormat(
        ".glb",
        "a moving mannequin, for 3D tools, game engines and browsers",
        write_glb,
        read_gltf_motion,
    ),
    FileFormat(".vrma", "a VRM animation, for VRM avatars", write_vrma, read_gltf_motion),
    FileFormat(".amass.npz", "SMPL parameters, as in AMASS", write_amass, read_npz),
    FileFormat(".npy", "one array: joints (T, 22, 3) or features (T, 263)", write_npy, read_npy),
)
BY_SUFFIX: Final = {file_format.suffix: file_format for file_format in FORMATS}
READABLE: Final = tuple(BY_SUFFIX)
WRITABLE: Final = tuple(BY_SUFFIX)

_PICTURES: Final = (
    ".png",
    ".gif",
    ".webp",
    ".mp4",
    ".jpg",
    ".jpeg",
    ".mov",
    ".avi",
    ".mkv",
    ".webm",
)
_EXPORT: Final = "export it as .glb or .bvh, as Blender does"
_SAVE: Final = "save the positions of the joints as .npy with NumPy"
# Suffixes of other files that may hold motion, and the nearest way to a file that is read.
_OTHERS: Final = {
    ".gltf": _EXPORT, ".fbx": _EXPORT, ".usd": _EXPORT, ".usda": _EXPORT, ".usdc": _EXPORT,
    ".usdz": _EXPORT, ".dae": _EXPORT, ".abc": _EXPORT, ".obj": _EXPORT, ".blend": _EXPORT,
    ".vmd": _EXPORT, ".pmx": _EXPORT, ".c3d": _EXPORT, ".trc": _EXPORT, ".asf": _EXPORT,
    ".amc": _EXPORT,
    ".pkl": _SAVE, ".pickle": _SAVE, ".pt": _SAVE, ".pth": _SAVE, ".mat": _SAVE, ".h5": _SAVE,
    ".hdf5": _SAVE, ".csv": _SAVE, ".json": _SAVE, ".jsonl": _SAVE,
    ".vrm": "an avatar does not move; give a .vrma", ".zip": "unpack it first", ".txt": "",
}  # fmt: skip


def in_words(suffixes: Iterable[str]) -> str:
    """The suffixes as part of a sentence: ".npz, .bvh or .npy"."""
    *some, last = suffixes
    return f"{', '.join(some)} or {last}" if some else last


def suffix_of(path: str | os.PathLike[str]) -> str:
    """The suffix that tells the format, in lower case: ".amass.npz" before ".npz"."""
    name = Path(path).name.lower()
    known = [s for s in BY_SUFFIX if name.endswith(s) and name != s]
    return max(known, key=len, default=Path(path).suffix.lower())


def names_a_file(words: str) -> bool:
    """Tell a file that is here, or a clip's name, from a prompt."""
    if Path(words).suffix.lower() in READABLE:
        return True
    try:
        if Path(words).is_file():
            return True
    except (OSError, ValueError):  # too long, or not a name at all: words
        return False
    return False


def ends_like_a_file(words: str) -> bool:
    """True if they end in a suffix of motion, pictures or other programs' files."""
    return words.lower().endswith((*WRITABLE, *_PICTURES, *_OTHERS))


def writer_for(path: str | os.PathLike[str]) -> _Writer:
    """The writer of the path's suffix; InputError names the known ones."""
    suffix = suffix_of(path)
    if suffix in BY_SUFFIX:
        return BY_SUFFIX[suffix].write
    way = ""
    if suffix in _PICTURES:
        way = f"; a film: kinetoken play ... --film {Path(path).name}"
    elif _OTHERS.get(suffix) == _EXPORT:
        way = "; write .glb or .bvh, of which Blender makes others (docs/avatars.md)"
    raise InputError(f"{path}: {_expected(WRITABLE, suffix)}{way}")


def check_can_save(path: str | os.PathLike[str]) -> None:
    """Refuse now what could not be saved later. InputError, OutputError."""
    writer_for(path)
    check_writable(path)


def save_clip(clip: Clip, path: str | os.PathLike[str]) -> None:
    """Write the clip, whole or not at all. InputError, OutputError."""
    check_path(path)
    write = writer_for(path)
    if not len(clip):
        raise InputError(f"{path}: the clip has no frames; there is nothing to write")
    write(clip, path)


def load_clip(path: str | os.PathLike[str], options: ReadOptions = DEFAULTS) -> Clip:
    """Read a clip. InputError for another suffix, FormatError for its content."""
    check_path(path)
    file = Path(path)
    suffix = suffix_of(file)
    known = BY_SUFFIX.get(suffix)
    if known is None:
        raise _unreadable(file, suffix)
    return known.read(file, options)


def _unreadable(file: Path, suffix: str) -> InputError | FormatError:
    """The error for a file of a suffix that is not read."""
    if suffix in _PICTURES:
        return InputError(
            f"{file}: {suffix[1:].upper()} holds pictures, not motion; "
            "give the .npz or .bvh of the same motion"
        )
    try:
        missing = not file.exists()
    except (OSError, ValueError):
        missing = True
    if missing:
        return FormatError(f"{file}: there is no such file; check the path")
    way = _OTHERS.get(suffix)
    return InputError(f"{file}: {_expected(READABLE, suffix)}{f'; {way}' if way else ''}")


def _expected(suffixes: Iterable[str], suffix: str) -> str:
    got = f"got {suffix!r}" if suffix else "got none"
    return f"expected a name that ends in {in_words(suffixes)}, {got}"
