"""Numbers of the demo's plans that help texts show too; torch is not loaded for them."""

from __future__ import annotations

from typing import Final

CODEC_STEPS: Final = 8200
WORD_STEPS: Final = 5400
LM_STEPS: Final = 4500
TEACHER_EPOCHS: Final = 1
WORDS_ONLY: Final = 0.8  # of drawn chats
LONGEST_BLOCK_SECONDS: Final = 8.0  # of a motion whose length nobody says
EXAM_SEEDS: Final = 2
EXAM_TEMPERATURE: Final = 0.3
