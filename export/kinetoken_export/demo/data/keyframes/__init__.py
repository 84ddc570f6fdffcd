"""Motion made of keys on real standing clips: poses, paths between them, and the body that follows.

Everything is said in the body's own frame: out (to the arm's own side), up, forward; metres and
degrees. The standing clip's sway and breath stay; bones keep HumanML3D's lengths.
"""

from .body import Channels, pose_body
from .keys import Bones, Hand, Key
from .perform import Manner, perform
from .standing import StandingClip, standing_clips

__all__ = [
    "Bones",
    "Channels",
    "Hand",
    "Key",
    "Manner",
    "StandingClip",
    "perform",
    "pose_body",
    "standing_clips",
]
