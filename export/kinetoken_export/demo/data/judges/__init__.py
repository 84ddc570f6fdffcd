"""Judges that look at joint positions alone and say whether an action took place."""

from .evidence import LEFT, RIGHT, Evidence
from .verdicts import JUDGES, obeys, shows

__all__ = ["JUDGES", "LEFT", "RIGHT", "Evidence", "obeys", "shows"]
