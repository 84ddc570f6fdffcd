"""The exam: wordings kept out of the training captions, and the action that each asks for."""

from __future__ import annotations

from typing import Final

from .spelling import normalized

FIRST_EXAM: Final[dict[str, tuple[str, ...]]] = {
    "walk_forward": (
        "a tall man walks forward casually", "the lady is walking ahead in a straight line",
        "walk forward across the hallway, please", "somebody goes forward with a normal walk",
        "a tourist strolls straight ahead",
    ),
    "walk_backward": (
        "a tall man walks backward carefully", "the lady is stepping backwards",
        "please back away from the wall", "somebody takes four steps back",
        "my neighbor moves in reverse, walking",
    ),
    "run": (
        "a tall man runs forward", "the lady is sprinting through the park",
        "please run as fast as possible", "somebody jogs ahead at a steady pace",
        "an athlete races down the track",
    ),
    "walk_slowly": (
        "a tall man walks slowly ahead", "the lady is slowly walking along the street",
        "please walk at a very slow pace", "somebody takes careful slow steps",
        "an old grandfather strolls slowly forward",
    ),
    "walk_fast": (
        "a tall man walks quickly ahead", "the lady is walking briskly to work",
        "please walk at a fast pace down the street", "somebody hurries along with quick steps",
        "a businessman walks very fast",
    ),
    "circle_left": (
        "a tall man walks in a circle to the left",
        "the lady is walking counterclockwise around the table",
        "please make a left circle while walking", "somebody curves to the left on foot",
        "a child walks round and turns to the left",
    ),
    "circle_right": (
        "a tall man walks in a circle to the right",
        "the lady is walking clockwise around the table",
        "please make a right circle while walking", "somebody curves to the right on foot",
        "a child walks round and turns to the right",
    ),
    "turn_around": (
        "a tall man turns around", "the lady is turning around on the spot",
        "please turn 180 degrees to look behind you",
        "somebody does a half turn to face the other way",
        "a sailor pivots and faces the opposite direction",
    ),
    "stand_still": (
        "a tall man stands still", "the lady is standing motionless by the door",
        "please stay in place and do nothing", "somebody remains standing quietly",
        "a guard waits without moving",
    ),
    "jump": (
        "a tall man jumps up", "the lady is jumping straight up into the air",
        "please leap up as high as possible", "somebody makes one vertical jump on the spot",
        "a basketball fan jumps high",
    ),
    "jump_forward": (
        "a tall man jumps forward", "the lady is leaping forward over a puddle",
        "please do one long jump forward", "somebody hops ahead with both feet together",
        "a frog-like boy jumps ahead",
    ),
    "kick_left": (
        "a tall man kicks with his left leg", "the lady is kicking with the left foot",
        "please do a high kick with your left leg", "somebody raises the left leg for a kick",
        "a fighter performs a left front kick",
    ),
    "kick_right": (
        "a tall man kicks with his right leg", "the lady is kicking with the right foot",
        "please do a high kick with your right leg", "somebody raises the right leg for a kick",
        "a fighter performs a right front kick",
    ),
    "punch": (
        "a tall man throws a punch", "the lady is punching the air", "please strike with your fist",
        "somebody delivers one hard punch", "a tough guy hits with his fist",
    ),
    "wave": (
        "a tall man waves hello", "the lady is waving to her friends",
        "please wave goodbye with your hand", "somebody raises an arm and waves at us",
        "a friendly neighbor waves a hand",
    ),
    "jumping_jacks": (
        "a tall man does jumping jacks", "the lady is doing some jumping jacks in the gym",
        "please perform ten jumping jacks", "somebody exercises doing star jumps",
        "a coach warms up with jumping jacks",
    ),
    "squat": (
        "a tall man does a deep squat", "the lady is squatting down", "please do three squats",
        "somebody squats low and gets up again", "a weightlifter performs squats",
    ),
    "sit_on_chair": (
        "a tall man sits down", "the lady is sitting down on a low chair",
        "please take a seat over there", "somebody sits on the bench to rest",
        "a tired traveler sits down on a stool",
    ),
    "dance": (
        "a tall man dances", "the lady is dancing at the wedding",
        "please dance to the music for me", "somebody performs a lively dance",
        "a couple of friends want to see you dance salsa",
    ),
    "boxing": (
        "a tall man boxes", "the lady is shadow boxing in the ring",
        "please throw punches like a boxer", "somebody practices boxing with quick jabs",
        "a prize fighter trains boxing",
    ),
}  # fmt: skip
# Written with the last change to the captions and sat once, at the end: nothing was chosen by its
# results.
SECOND_EXAM: Final[dict[str, tuple[str, ...]]] = {
    "walk_forward": ("our neighbor is walking straight ahead",
    "walk towards the camera at a normal pace"),
    "walk_backward": ("our neighbor is walking backwards",
    "take some steps backward, away from me"),
    "run": ("our neighbor is running to the bus", "run forward as quickly as you can"),
    "walk_slowly": ("our neighbor is walking very slowly", "stroll ahead slowly like a tourist"),
    "walk_fast": ("our neighbor is walking quickly", "walk fast because it is late"),
    "circle_left": ("our neighbor is walking in a circle to the left",
    "make a big circle to the left on foot"),
    "circle_right": ("our neighbor is walking in a circle to the right",
    "make a big circle to the right on foot"),
    "turn_around": ("our neighbor turns around to see who called",
    "turn around once and look back"),
    "stand_still": ("our neighbor is standing still in the hallway",
    "please stand there and wait for me"),
    "jump": ("our neighbor jumps up with joy", "jump up as high as the ceiling"),
    "jump_forward": ("our neighbor jumps forward over a small stream", "do a long leap forward"),
    "kick_left": ("our neighbor kicks the door with the left foot",
    "give me a kick with your left leg"),
    "kick_right": ("our neighbor kicks the door with the right foot",
    "give me a kick with your right leg"),
    "punch": ("our neighbor throws a punch at the bag", "punch as hard as you can"),
    "wave": ("our neighbor waves at the children", "wave your hand to say goodbye"),
    "jumping_jacks": ("our neighbor does jumping jacks every morning",
    "start doing jumping jacks now"),
    "squat": ("our neighbor does some deep squats", "squat down as low as you can"),
    "sit_on_chair": ("our neighbor sits down on a bench", "sit down and take a rest"),
    "dance": ("our neighbor dances to loud music", "show me your best dance moves"),
    "boxing": ("our neighbor is boxing in the gym", "box like a champion"),
}  # fmt: skip
FORBIDDEN: Final = frozenset(
    normalized(prompt)
    for exam in (FIRST_EXAM, SECOND_EXAM)
    for prompts in exam.values()
    for prompt in prompts
)
