"""The clips of CMU's capture that show each action: data only."""

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
TURNS: Final = (
    "cmu_01_01", "cmu_06_10", "cmu_06_12", "cmu_09_12", "cmu_13_18", "cmu_14_27", "cmu_14_29",
    "cmu_14_30", "cmu_14_32", "cmu_135_06", "cmu_135_07", "ad_fair1_zombie",
)  # fmt: skip
WAVES: Final = (
    "cmu_13_26", "cs_train_directing_traffic_4", "cs_train_basketball_signal_4",
    "cs_train_basketball_signal_5", "ad_fair1_wave_hello",
)  # fmt: skip
DANCES: Final = ("cmu_60_", "cmu_61_", "cmu_94_", "cmu_05_", "ad_rokoko_jesse_dance")
# Taken whole, in pieces, without a judge: action, clip, first and last second (None: all of it),
# most windows.
OTHERS: Final = (
    ("twist", "cmu_13_30", 2.2, 6.8, 4), ("raise_knees", "cmu_13_30", 7.0, 12.0, 4),
    ("jog_in_place", "cmu_13_30", 16.2, 20.4, 4), ("pick_up", "cmu_02_06", None, None, 6),
    ("swing_sword", "cmu_02_07", None, None, 4), ("swing_sword", "cmu_02_08", None, None, 4),
    ("wash_windows", "cmu_14_12", None, None, 6), ("wash_self", "cmu_02_10", None, None, 6),
    ("drink", "cmu_13_07", None, None, 3), ("drink", "cmu_13_09", None, None, 3),
    ("laugh", "cmu_13_14", None, None, 4), ("laugh", "cmu_14_17", None, None, 4),
    ("dribble", "cmu_06_02", None, None, 2), ("dribble", "cmu_06_04", None, None, 2),
    ("dribble", "cmu_06_05", None, None, 2), ("shoot_ball", "cmu_06_15", None, None, 2),
    ("shoot_ball", "cmu_06_14", None, None, 2), ("climb_stairs", "cmu_13_35", 0.0, 4.0, 2),
    ("climb_stairs", "cmu_14_21", 0.0, 3.6, 2), ("zombie", "ad_fair1_zombie", None, None, 8),
    ("dab", "ad_fair1_dab", None, None, 3), ("block", "cmu_135_05", None, None, 0),
    ("karate", "cmu_135_03", None, None, 4), ("karate", "cmu_135_06", None, None, 4),
    ("reach_up", "cmu_14_08", None, None, 4), ("walk_uneven", "cmu_03_01", None, None, 2),
    ("walk_uneven", "cmu_03_02", None, None, 2),
    ("signal", "cs_train_basketball_signal_1", None, None, 3),
    ("signal", "cs_train_basketball_signal_3", None, None, 3),
)  # fmt: skip
