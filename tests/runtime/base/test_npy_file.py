"""Arrays that others wrote: NumPy's own values, or ValueError."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kinetoken.base.npy_file import read_npy_file, read_npy_header, read_npy_values

VALUES = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


@pytest.mark.parametrize(
    "values",
    [
        VALUES,
        np.asfortranarray(VALUES),
        VALUES.astype(">f8"),
        VALUES.astype(np.int16),
        VALUES > 3,
        np.float64(2.5),
        np.array(7),
        np.array("a person waves"),
        np.array(""),
        np.zeros((0, 3)),
        np.zeros((3, 0), "S0"),
        VALUES.astype(np.complex64),
    ],
)
@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_values_are_numpys(values: Any, version: tuple[int, int], tmp_path: Path) -> None:
    with (tmp_path / "x.npy").open("wb") as stream:
        np.lib.format.write_array(stream, np.asanyarray(values), version, allow_pickle=False)
    found = read_npy_file(tmp_path / "x.npy")
    assert found.dtype == np.asanyarray(values).dtype
    assert found.shape == np.shape(values)
    np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize("order", "<>")
def test_text_of_no_characters_is_refused(order: str) -> None:
    header = f"{{'descr': '{order}U1', 'fortran_order': False, 'shape': (), }}".encode()
    for number, fine in ((0x10FFFF, True), (0x110000, False), (0xFFFFFFFF, False)):
        stream = whole(header)
        stream.seek(0, io.SEEK_END)
        stream.write(np.array(number, f"{order}u4").tobytes())
        stream.seek(0)
        if fine:
            assert read_npy_values(stream, read_npy_header(stream), 4).item() == chr(number)
        else:
            with pytest.raises(ValueError, match="no characters"):
                read_npy_values(stream, read_npy_header(stream), 4)


def whole(header: bytes) -> io.BytesIO:
    return io.BytesIO(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"{}",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (1,",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (10**9,), }",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': " + b"(" * 4000 + b"}",
        b"{'descr': '<f4', 'fortran_order': 1, 'shape': (1,), }",
        b"{'descr': '<f3', 'fortran_order': False, 'shape': (1,), }",
        b"{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (1,), }",
        b"{'descr': __import__('os'), 'fortran_order': False, 'shape': (1,), }",
        b"{'descr': '<U999999999', 'fortran_order': False, 'shape': (1,), }",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': \xff}",
        b"{'descr': '\\N{', 'fortran_order': False, 'shape': (1,), }",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (" + b"1," * 40 + b"), }",
        b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (900000000000000,), }",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }",
    ],
)
def test_a_damaged_array_is_one_kind_of_error(header: bytes) -> None:
    stream = whole(header)
    with pytest.raises(ValueError):  # noqa: PT011
        read_npy_values(stream, read_npy_header(stream), 1 << 20)
