"""Clips from arrays, checked: the common part of reading .npz and .npy."""

from __future__ import annotations

import math
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from ...base.errors import FormatError, InputError
from ...base.input_file import open_input
from ...base.json_text import parse_json
from ...base.npy_file import NO_ARRAY, RECORDS, NpyHeader, read_npy_header
from ...motion.clip import Clip
from ...motion.features import N_FEATURES
from ...motion.recover import recover
from ...motion.skeleton import FPS
from ..body_checks import (
    MAX_FRAMES,
    MAX_METRES,
    check_legs,
    check_rate,
    warn_of_axes,
    warn_of_mirror,
)
from ..humanoid.axes import AXIS_TURNS
from ..read_options import DEFAULTS, ReadOptions
from .array_layouts import check_denormalised, plain_layout

NO_ARCHIVE: Final = "File is not a zip file"  # zipfile's own words
RATES: Final = ("fps", "mocap_framerate", "mocap_frame_rate", "framerate", "frame_rate")
"""Keys of an archive that hold the frames per second."""
LARGEST_MOTION: Final = MAX_FRAMES * N_FEATURES * 8  # bytes of one array


def clip_of_arrays(
    motion: NDArray[Any],
    path: Path,
    data: Mapping[str, NDArray[Any]],
    options: ReadOptions = DEFAULTS,
) -> Clip:
    """Make a clip of joints or features, and of the file's other arrays."""
    if options.animation is not None:
        raise InputError(f"--animation is for .glb and .vrma; leave it out with {path.name}")
    ours = {"text", "prompt"} <= data.keys()
    joints = values = plain_layout(plain_numbers(motion, path), path, trusted=ours)
    features = plain_numbers(data["features"], path) if "features" in data else None
    if values.ndim == 2:
        joints, features = recover(values), values
    if features is not None and options.told():
        told = " and ".join(options.told())
        raise InputError(f"{path}: features are in metres, Y up; leave out {told}")
    joints = _placed(joints, options)
    if not len(joints):
        raise FormatError(f"{path}: expected at least one frame, got none; export the motion again")
    if len(joints) > MAX_FRAMES:
        raise FormatError(
            f"{path}: expected at most {MAX_FRAMES} frames, got {len(joints)}; cut it into pieces"
        )
    if features is not None and features.shape != (len(joints), N_FEATURES):
        got = features.shape
        raise FormatError(
            f"{path}: expected features ({len(joints)}, {N_FEATURES}) beside the joints, got {got}"
        )
    if np.abs(joints).max() > MAX_METRES:
        raise FormatError(
            f"{path}: positions reach {np.abs(joints).max():.3g} m; expected metres; "
            "--unit names another unit"
        )
    if values.ndim == 2:
        check_denormalised(joints, path)
    if features is None:  # features fix unit and axes
        check_legs(joints, path)
        warn_of_axes(joints, path)
        warn_of_mirror(joints, path)
    return Clip(
        joints=joints.astype(np.float32),
        fps=_fps(data, path),
        prompt=_text(data, "prompt", path),
        text=_text(data, "text", path),
        seed=_seed(data, path),
        features=None if features is None else features.astype(np.float32),
        codes=_codes(data, path),
        meta=_meta(data, path),
    )


def _placed(joints: NDArray[np.float64], options: ReadOptions) -> NDArray[np.float64]:
    """Joints in metres, Y up, where the user says that they are in something else."""
    if options.unit is not None:
        joints = joints * options.unit.metres
    return joints if options.up in (None, "y") else joints @ AXIS_TURNS[options.up].T


def array_header(stream: IO[bytes], size: int, path: Path) -> NpyHeader:
    """The header of an array. FormatError where it is larger than its file or than any motion.

    `size`: bytes of the file, header included. Arrays of objects are refused too.
    """
    header = read_npy_header(stream)
    if header.dtype.hasobject:
        raise FormatError(
            f"{path}: expected plain arrays, got Python objects, which may run code when opened "
            "(results.npy of motion-diffusion-model is such a file); docs/motion-files.md shows "
            "a safe way to take its motion out"
        )
    if header.bytes > size:
        raise FormatError(
            f"{path} is cut short: {header.bytes} bytes announced, {size} there; "
            "copy or export it again"
        )
    many = math.prod(header.shape) * 8 > LARGEST_MOTION  # read as numbers of 8 bytes
    if many or max(header.shape, default=0) > MAX_FRAMES or header.bytes > LARGEST_MOTION:
        raise FormatError(
            f"{path}: expected at most {MAX_FRAMES} frames, got {header.shape}; cut it into pieces"
        )
    return header


def open_arrays(path: Path, read: Callable[[BinaryIO, Path], Any]) -> Any:
    """Open the file and `read` it; FormatError for anything that is wrong with it."""
    try:
        with open_input(path) as stream:
            return read(stream, path)
    except FileNotFoundError:
        raise FormatError(f"{path}: there is no such file; check the path") from None
    except OSError as error:
        if error.errno is None:  # a broken file, says numpy
            raise FormatError(f"{path} is damaged ({error}); copy or export it again") from error
        raise FormatError(
            f"cannot read {path}: {error.strerror}; check the path and its permissions"
        ) from error
    except (
        ValueError,
        EOFError,
        RuntimeError,
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
    ) as error:
        # RuntimeError: an encrypted archive, or one packed in a way that is not known here
        raise FormatError(f"{path}: expected {_what_it_is(str(error))}") from error


def _what_it_is(error: str) -> str:
    """What was expected, what an array's reader found instead, and what to do."""
    if error == RECORDS:
        return f"numbers, got {RECORDS}; save the motion as float32"
    none = error in (NO_ARRAY, NO_ARCHIVE)
    why = "no file of NumPy's, or holds objects" if none else f"damaged ({error})"
    return f"plain arrays, and it is {why}; copy or export it again"


def plain_numbers(value: NDArray[Any], path: Path) -> NDArray[np.float64]:
    """The values as float64; FormatError where they are no numbers, or not finite."""
    if value.dtype.kind not in "fiu":
        raise FormatError(
            f"{path}: expected numbers, got {value.dtype}; save the motion as float32"
        )
    if value.dtype.kind == "f" and not np.isfinite(value).all():
        raise FormatError(f"{path}: the motion holds NaN or infinity; export it again")
    return value.astype(np.float64)


def _fps(data: Mapping[str, NDArray[Any]], path: Path) -> float:
    key = next((key for key in RATES if key in data), None)
    if key is None:
        return float(FPS)
    value = data[key]
    if value.size != 1 or value.dtype.kind not in "fiu":
        raise FormatError(
            f"{path}: expected {key} as one number, got {value!s:.40}; save it as one number"
        )
    return check_rate(float(value.item()), path)


def _text(data: Mapping[str, NDArray[Any]], key: str, path: Path) -> str:
    if key not in data:
        return ""
    if data[key].size != 1 or data[key].dtype.kind != "U":
        raise FormatError(
            f"{path}: expected {key} as one string, got {data[key].dtype} {data[key].shape}"
        )
    return str(data[key].item())


def _seed(data: Mapping[str, NDArray[Any]], path: Path) -> int | None:
    if "seed" not in data:
        return None
    if data["seed"].size != 1 or data["seed"].dtype.kind not in "iu":
        raise FormatError(f"{path}: expected seed as one whole number, got {data['seed']!s:.40}")
    return int(data["seed"].item())


def _codes(data: Mapping[str, NDArray[Any]], path: Path) -> NDArray[np.int64] | None:
    if "codes" not in data:
        return None
    if data["codes"].ndim != 2 or data["codes"].dtype.kind not in "iu":
        raise FormatError(
            f"{path}: expected codes (n, Q) as whole numbers, got {data['codes'].shape}"
        )
    return data["codes"].astype(np.int64)


def _meta(data: Mapping[str, NDArray[Any]], path: Path) -> dict[str, str]:
    try:
        notes = parse_json(_text(data, "meta", path) or "{}")
    except ValueError as error:
        raise FormatError(
            f"{path}: expected meta as JSON ({error}); leave it out or save it again"
        ) from error
    if not isinstance(notes, dict):
        raise FormatError(f"{path}: expected meta as a JSON object, got {type(notes).__name__}")
    return {str(key): str(value) for key, value in notes.items()}
