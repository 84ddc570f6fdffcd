"""The clips that show gaits and dances: data only."""

from __future__ import annotations

from typing import Final

WALKS: Final = (
    "cmu_02_01", "cmu_05_01", "cmu_06_01", "cmu_07_01", "cmu_07_02", "cmu_07_04", "cmu_07_05",
    "cmu_07_06", "cmu_07_07", "cmu_07_08", "cmu_07_09", "cmu_07_10", "cmu_07_11", "cmu_08_02",
    "cmu_08_03", "cmu_08_04", "cmu_08_05", "cmu_08_06", "cmu_08_08", "cmu_08_10", "cmu_08_11",
    "cmu_10_04", "cmu_12_02", "cmu_12_03", "cs_test_extra_walking_12", "cs_train_extra_walking_31",
    "cs_train_extra_walking_37", "cs_train_extra_walking_38", "cs_train_extra_walking_44",
)  # fmt: skip
RUNS: Final = (
    "cmu_02_03", "cmu_09_01", "cmu_09_02", "cmu_09_03", "cmu_09_05", "cmu_09_06", "cmu_09_07",
    "cmu_09_08", "cmu_09_09", "cmu_09_11", "cs_train_running_2",
)  # fmt: skip
DANCES: Final = (
    "cmu_60_", "cmu_61_", "cmu_94_", "cmu_05_", "cmu_55_01", "ad_rokoko_jesse_dance", "m2m_Dance_",
)  # fmt: skip
# Short dance steps, and how often each is done.
DANCE_LOOPS: Final = (("m2q_Dance_Loop", 4), ("m2m_Dance_Charleston", 2))
