"""Python runs this at its start, in every process of a test that asks for another system.

KINETOKEN_TEST_SYSTEM is "windows" or "macos".
"""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
if os.environ.get("KINETOKEN_TEST_SYSTEM"):
    import system_double

    system_double.install(os.environ["KINETOKEN_TEST_SYSTEM"])
