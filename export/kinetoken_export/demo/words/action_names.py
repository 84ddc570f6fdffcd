"""Plain verbs of each action, to build a request from: data only.

A ~ marks the verb that is conjugated: ~clap your hands, claps their hands, clapping.
"""

from __future__ import annotations

from typing import Final

VERBS: Final[dict[str, tuple[str, ...]]] = {
    "backflip": ("~do a backflip", "~flip backward"),
    "blow_kiss": ("~blow a kiss",),
    "bow": ("~bow", "~take a bow"),
    "boxing": ("~box", "~shadow box"),
    "cartwheel": ("~do a cartwheel", "~turn a cartwheel"),
    "cheer": ("~cheer", "~celebrate"),
    "circle_left": ("~walk in a circle to the left", "~walk counterclockwise"),
    "circle_right": ("~walk in a circle to the right", "~walk clockwise"),
    "clap": ("~clap", "~clap your hands", "~applaud"),
    "climb_ladder": ("~climb a ladder", "~climb up"),
    "crawl": ("~crawl", "~crawl on all fours"),
    "cross_arms_angry": ("~cross your arms angrily", "~fold your arms"),
    "crouch_walk": ("~walk in a crouch", "~walk crouched"),
    "dance": ("~dance", "~dance a bit"),
    "dodge_back": ("~dodge back", "~jump back"),
    "dodge_left": ("~dodge left", "~dodge to the left"),
    "dodge_right": ("~dodge right", "~dodge to the right"),
    "drink": ("~drink", "~drink something", "~take a sip"),
    "duck_crouch": ("~duck", "~duck down", "~crouch"),
    "fall_down": ("~fall down", "~fall over", "~collapse"),
    "forward_roll": ("~roll forward", "~do a somersault"),
    "get_up_from_floor": ("~get up from the floor", "~get up"),
    "hop_one_leg": ("~hop on one leg", "~hop on one foot"),
    "jump": ("~jump",),
    "jump_forward": ("~jump forward", "~leap forward"),
    "jump_up": ("~jump up", "~jump up and down"),
    "jumping_jacks": ("~do jumping jacks",),
    "kick": ("~kick",),
    "kick_ball": ("~kick a ball", "~kick the ball"),
    "kick_left": ("~kick with the left leg", "~kick left"),
    "kick_right": ("~kick with the right leg", "~kick right"),
    "kneel": ("~kneel", "~kneel down"),
    "lie_down": ("~lie down", "~lie on the floor"),
    "lift_heavy": ("~lift something heavy", "~lift a heavy box"),
    "limp": ("~limp",),
    "look_around": ("~look around", "~look about"),
    "march_in_place": ("~march in place", "~march on the spot"),
    "meditate": ("~meditate",),
    "nod": ("~nod", "~nod your head"),
    "pick_up_from_floor": ("~pick something up", "~pick it up from the floor"),
    "point_forward": ("~point ahead", "~point forward"),
    "point_left": ("~point left", "~point to the left"),
    "point_right": ("~point right", "~point to the right"),
    "pray": ("~pray",),
    "pull": ("~pull", "~pull a rope"),
    "punch": ("~punch", "~throw a punch"),
    "punch_left": ("~punch with the left hand", "~punch left"),
    "punch_right": ("~punch with the right hand", "~punch right"),
    "push": ("~push", "~push something"),
    "pushups": ("~do push-ups", "~do pushups"),
    "raise_arms": ("~raise both arms", "~raise your arms"),
    "raise_left_arm": ("~raise your left arm", "~lift the left arm"),
    "raise_right_arm": ("~raise your right arm", "~lift the right arm"),
    "reach_up": ("~reach up", "~reach up high"),
    "run": ("~run", "~jog", "~sprint"),
    "run_circle": ("~run in a circle", "~run around in circles"),
    "salute": ("~salute", "~give a salute"),
    "shake_head": ("~shake your head", "~shake the head"),
    "shiver": ("~shiver",),
    "shoot_basketball": ("~shoot a basketball", "~throw a basketball at the hoop"),
    "shrug": ("~shrug", "~shrug your shoulders"),
    "sidestep_left": ("~step to the left", "~sidestep left"),
    "sidestep_right": ("~step to the right", "~sidestep right"),
    "sit_on_chair": ("~sit down", "~sit on a chair"),
    "sit_on_floor": ("~sit on the floor", "~sit on the ground"),
    "situps": ("~do sit-ups", "~do situps"),
    "skip": ("~skip", "~skip along"),
    "sneak": ("~sneak", "~sneak ahead"),
    "squat": ("~squat", "~do a squat"),
    "stagger_dizzy": ("~stagger", "~stagger around dizzily"),
    "stand_still": ("~stand still", "~wait", "~stop"),
    "stand_up_from_chair": ("~stand up from the chair", "~stand up"),
    "stretch": ("~stretch",),
    "swim": ("~swim",),
    "swing_golf": ("~swing a golf club", "~play golf"),
    "swing_sword": ("~swing a sword", "~swing the sword"),
    "t_pose": ("~make a t-pose", "~do a T pose"),
    "talk_with_hands": ("~talk with your hands", "~gesture"),
    "throw": ("~throw something", "~throw a ball"),
    "tiptoe": ("~tiptoe", "~walk on tiptoe"),
    "turn": ("~turn",),
    "turn_around": ("~turn around",),
    "turn_left": ("~turn left", "~turn to the left"),
    "turn_right": ("~turn right", "~turn to the right"),
    "victory_fist_pump": ("~pump your fist", "~do a victory fist pump"),
    "walk_backward": ("~walk backward", "~walk backwards", "~back up"),
    "walk_fast": ("~walk fast", "~walk quickly"),
    "walk_forward": ("~walk", "~walk forward", "~walk ahead"),
    "walk_slowly": ("~walk slowly",),
    "wave": ("~wave", "~wave hello"),
    "wave_both": ("~wave with both hands", "~wave both arms"),
    "wave_left": ("~wave with the left hand", "~wave your left hand"),
    "wave_right": ("~wave with the right hand", "~wave your right hand"),
}  # fmt: skip

# Actions that can go on as long as one likes.
LASTING: Final = (
    "walk_forward", "walk_backward", "walk_slowly", "walk_fast", "run", "run_circle",
    "circle_left", "circle_right", "stand_still", "march_in_place", "tiptoe", "sneak", "limp",
    "skip", "crouch_walk", "crawl", "sidestep_left", "sidestep_right", "stagger_dizzy", "dance",
    "boxing", "jumping_jacks", "swim", "climb_ladder", "clap", "wave_left", "wave_right",
    "wave_both", "hop_one_leg", "pushups", "situps", "squat", "look_around", "talk_with_hands",
    "cheer", "t_pose", "shiver", "pray", "meditate", "stretch", "wave",
)  # fmt: skip
# Actions that can be counted.
COUNTED: Final = (
    "backflip", "blow_kiss", "bow", "cartwheel", "circle_left", "circle_right", "clap",
    "dodge_back", "dodge_left", "dodge_right", "duck_crouch", "forward_roll", "hop_one_leg",
    "jump", "jump_forward", "jump_up", "jumping_jacks", "kick", "kick_ball", "kick_left",
    "kick_right", "nod", "pick_up_from_floor", "pull", "punch", "punch_left", "punch_right",
    "push", "pushups", "raise_arms", "raise_left_arm", "raise_right_arm", "reach_up",
    "run_circle", "salute", "shake_head", "shoot_basketball", "shrug", "sidestep_left",
    "sidestep_right", "situps", "squat", "swing_golf", "swing_sword", "throw", "turn",
    "turn_around", "turn_left", "turn_right", "victory_fist_pump", "wave", "wave_both",
    "wave_left", "wave_right",
)  # fmt: skip
# Gaits, whose count is one of steps.
STEPPED: Final = (
    "crouch_walk", "limp", "march_in_place", "run", "sneak", "tiptoe", "walk_backward", "walk_fast",
    "walk_forward", "walk_slowly",
)  # fmt: skip
# Gaits whose steps no judge can tell apart.
_INDISTINCT_STEPS: Final = ("limp", "run")
# Actions whose repetitions the body counts aloud. A shaken head goes by too fast for it.
COUNTED_ALOUD: Final = (
    "backflip", "blow_kiss", "bow", "cartwheel", "circle_left", "circle_right", "clap", "dodge_back",
    "dodge_left", "dodge_right", "drink", "duck_crouch", "forward_roll", "hop_one_leg",
    "jump_forward", "jump_up", "jumping_jacks", "kick_ball", "kick_left", "kick_right", "lift_heavy",
    "nod", "pick_up_from_floor", "point_forward", "point_left", "point_right", "pull", "punch_left",
    "punch_right", "push", "pushups", "raise_arms", "raise_left_arm", "raise_right_arm", "reach_up",
    "run_circle", "salute", "shoot_basketball", "shrug", "sidestep_left",
    "sidestep_right", "situps", "squat", "swing_golf", "swing_sword", "throw", "turn_around",
    "turn_left", "turn_right", "victory_fist_pump", "wave_both", "wave_left", "wave_right",
    *(gait for gait in STEPPED if gait not in _INDISTINCT_STEPS),
)  # fmt: skip
MOST_ALOUD: Final = 20
"""How far the body counts aloud."""
# Another action with the same name done the other way, slower, faster.
MIRRORED_ACTION: Final[dict[str, str]] = {
    name: name.replace("left", "right")
    for name in VERBS
    if "left" in name
} | {
    name: name.replace("right", "left")
    for name in VERBS
    if "right" in name
} | {
    "walk_forward": "walk_backward", "walk_backward": "walk_forward", "push": "pull",
    "pull": "push",
}  # fmt: skip
FASTER: Final = {"walk_slowly": "walk_forward", "walk_forward": "walk_fast", "walk_fast": "run"}
SLOWER: Final = {"run": "walk_fast", "walk_fast": "walk_forward", "walk_forward": "walk_slowly"}
