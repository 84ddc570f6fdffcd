"""The codec's normalised features, and real ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..base.errors import BundleError
from ..base.read_only import freeze_arrays


@dataclass(frozen=True)
class Normalizer:
    """The mean and std that the codec was trained with.

    Two pairs circulate for HumanML3D, so they travel in the bundle.
    """

    mean: NDArray[np.float32]
    std: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.mean.ndim != 1 or self.mean.shape != self.std.shape:
            raise BundleError(
                "mean and std: expected two rows of one width, "
                f"got {self.mean.shape}, {self.std.shape}"
            )
        if not (np.isfinite(self.mean).all() and np.isfinite(self.std).all()):
            raise BundleError(
                "mean and std: expected finite numbers, got NaN or infinity; "
                "export the bundle again"
            )
        freeze_arrays(self, "mean", "std")

    def denormalize(self, normalized: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn normalised features (n, F) into real ones."""
        return normalized * self.std + self.mean
