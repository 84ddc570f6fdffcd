"""What holds for every test: nobody's own settings count."""

from __future__ import annotations

import os

os.environ["KINETOKEN_CONFIG"] = ""  # none; the commands that tests start inherit it
