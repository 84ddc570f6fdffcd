"""What people call each action, and what the body thinks while doing it: data only.

A verb that is to be conjugated is marked with ~. {side} is left or right, {style} a word for the kind.
"""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, tuple[str, ...]]] = {
    "walk_forward": (
        "~walk forward", "~walk straight ahead", "~take several steps forward", "~walk", "~go forward on foot", "~move forward walking",
        "~stroll forward", "~step forward a few times", "~walk in a straight line", "~walk ahead", "~stride forward", "~walk normally",
        "~keep walking forward", "~walk across the room", "~march ahead calmly", "~advance at a normal walking pace", "~head straight on",
        "~start walking", "~walk along", "~pace forward", "~walk toward something", "~take a walk", "~amble ahead", "~go for a walk",
    ),
    "walk_backward": (
        "~walk backward", "~walk backwards", "~step back", "~take several steps backward", "~back up", "~move backward", "~back away",
        "~go backwards", "~retreat step by step", "~walk in reverse", "~step backwards carefully", "~pace backward", "~back off slowly",
        "~take a few steps back", "~walk away backward", "~reverse", "~move back on foot",
    ),
    "run": (
        "~run", "~run forward", "~jog", "~jog forward", "~sprint", "~run straight ahead", "~run fast", "~run ahead quickly", "~dash forward",
        "~start running", "~go for a run", "~race forward", "~run in a straight line", "~jog along", "~rush ahead running", "~run away",
        "~sprint ahead", "~keep running", "~run at full speed",
    ),
    "run_circle": (
        "~run in a circle to the {side}", "~run around in a {side} circle", "~jog in a circle {side}", "~run along a curve to the {side}",
        "~run in circles", "~run in a circle", "~jog around in a circle", "~sprint around a bend to the {side}",
    ),
    "walk_slowly": (
        "~walk slowly", "~walk forward slowly", "~stroll slowly", "~take slow steps", "~walk at a slow pace", "~walk very slowly",
        "~move forward slowly", "~amble along slowly", "~go slowly ahead", "~walk leisurely", "~creep forward", "~take slow steps forward",
        "~step slowly forward", "~plod along", "~walk without hurry", "~wander slowly", "slowly ~walk", "slowly ~walk forward",
        "slowly ~stroll ahead", "~walk in a tired slow way",
    ),
    "walk_fast": (
        "~walk fast", "~walk quickly", "~walk briskly", "~walk forward quickly", "~walk at a fast pace", "~hurry forward walking",
        "~stride briskly ahead", "~take quick steps forward", "~walk very fast", "~speed walk", "~power walk", "~walk in a hurry",
        "quickly ~walk", "quickly ~walk forward", "briskly ~walk ahead", "~march fast", "~walk rapidly", "~move ahead with quick long steps",
        "~hurry along",
    ),
    "circle_left": (
        "~walk in a circle to the {side}", "~walk in a {side} circle", "~walk around in a circle to the {side}", "~walk counterclockwise",
        "~walk in a counterclockwise circle", "~circle to the {side}", "~walk along a curve to the {side}", "~curve to the {side} while walking",
        "~walk and ~turn to the {side}", "~go around in a circle toward the {side}", "~walk in an arc to the {side}", "~walk in a circle",
        "~turn {side} while walking", "~veer {side} while walking", "~walk in a circle counterclockwise", "~walk around in circles", "~make a {side} circle on foot",
        "~walk a {side} loop", "~walk in a circle turning {side}", "~stroll in a circle to the {side}", "~walk a circle leftward",
    ),
    "circle_right": (
        "~walk in a circle to the {side}", "~walk in a {side} circle", "~walk around in a circle to the {side}", "~walk clockwise",
        "~walk in a clockwise circle", "~circle to the {side}", "~walk along a curve to the {side}", "~curve to the {side} while walking",
        "~walk and ~turn to the {side}", "~go around in a circle toward the {side}", "~walk in an arc to the {side}", "~walk in a circle",
        "~turn {side} while walking", "~veer {side} while walking", "~walk in a circle clockwise", "~walk around in circles", "~make a {side} circle on foot",
        "~walk a {side} loop", "~walk in a circle turning {side}", "~stroll in a circle to the {side}", "~walk a circle rightward",
    ),
    "turn_around": (
        "~turn around", "~turn around in place", "~turn 180 degrees", "~turn around on the spot", "~spin around to face the other way",
        "~turn to face backward", "~do a half turn", "~rotate in place", "~make an about face", "~pivot around", "~turn and ~face the opposite direction",
        "~turn back", "~turn around to the {side}", "~turn halfway round", "~rotate to look behind", "~swivel around", "~make a 180",
        "~turn round",
    ),
    "stand_still": (
        "~stand still", "~stand", "~stay in place", "~remain still", "~do nothing", "~stand motionless", "~stand in place", "~wait",
        "~stand upright and ~wait", "~hold still", "~stay still", "~stand quietly", "~remain standing", "~stand there without moving", "~idle",
        "~rest on the spot", "~freeze", "~keep still", "~stand calmly", "~stay put", "~be still",
    ),
    "jump": (
        "~jump", "~jump up", "~jump in place", "~jump high", "~jump straight up", "~leap up", "~hop up", "~jump into the air",
        "~do a vertical jump", "~jump upward on the spot", "~spring up", "~make a jump", "~leap into the air", "~jump once", "~jump up and down",
        "~bounce up high", "~crouch and ~jump up", "~do a big jump", "~hop on the spot",
    ),
    "jump_forward": (
        "~jump forward", "~jump ahead", "~leap forward", "~hop forward", "~do a long jump", "~make a jump forward", "~do a standing long jump",
        "~jump a step forward", "~leap ahead", "~jump forward with both feet", "~spring forward", "~bound forward", "~jump over something",
        "~leap over an obstacle", "~jump forwards", "~take a leap forward", "~jump over a puddle", "~hop ahead with both legs",
    ),
    "kick_left": (
        "~kick with the {side} leg", "~kick with the {side} foot", "~do a {side} kick", "~lift the {side} leg and ~kick", "~kick high with the {side} leg",
        "~throw a kick with the {side} leg", "~swing the {side} leg in a kick", "~do a front kick with the {side} foot", "~use the {side} leg to kick",
        "~kick {side}", "~perform a {side} leg kick", "~kick forward with the {side} foot", "~deliver a {side} foot kick", "~do a karate kick with the {side} leg",
        "{side} leg ~kick", "~kick something with the {side} foot", "~raise the {side} foot for a strong kick", "~make a kick using the {side} leg",
    ),
    "punch": (
        "~punch", "~throw a punch", "~punch forward", "~hit with the fist", "~do a punch", "~strike with a fist", "~punch hard", "~throw a straight punch",
        "~punch the air", "~deliver a punch", "~make a punch", "~hit something with the hand", "~punch with one hand", "~strike forward with the fist",
        "~land a punch", "~throw one quick punch", "~smash with a fist", "~do a karate punch", "~swing a fist",
    ),
    "wave": (
        "~wave", "~wave hello", "~wave a hand", "~wave with one hand", "~wave goodbye", "~greet with a wave", "~raise a hand and ~wave", "~wave both arms",
        "~wave to somebody", "~wave at the crowd", "~wave the hand in greeting", "~say hello with the hand", "~lift an arm and ~wave", "~signal by waving",
        "~wave to say hi", "~wave arms in the air", "~wave bye", "~give a friendly wave", "~wave the arms around", "~greet somebody waving",
    ),
    "jumping_jacks": (
        "~do jumping jacks", "~perform jumping jacks", "~do star jumps", "~make jumping jacks", "~do a set of jumping jacks", "~exercise with jumping jacks",
        "~do some jumping jacks", "~start doing jumping jacks", "~perform star jumps", "~warm up with jumping jacks", "~jump arms and legs apart and together",
        "~do several jumping jacks", "~do a jumping jack", "~train jumping jacks", "~work out with jumping jacks", "~do side straddle hops",
    ),
    "squat": (
        "~squat", "~do squats", "~do a squat", "~squat down", "~perform squats", "~bend the knees deeply", "~do knee bends", "~squat down and ~stand up",
        "~go down into a squat", "~do deep squats", "~exercise with squats", "~do some squats", "~crouch down low", "~perform a deep squat",
        "~lower into a squat and ~rise", "~train squats", "~crouch and ~get up again", "~bend both knees and ~go down",
    ),
    "sit_down": (
        "~sit down", "~sit", "~take a seat", "~sit down on a stool", "~sit on a chair", "~lower onto a seat", "~have a seat", "~sit down slowly",
        "~go and ~sit down", "~sit on a bench", "~get seated", "~sit down to rest", "~sink into a chair", "~sit on a low stool", "~rest on a chair",
        "~turn and ~sit down", "~seat down", "~sit down on the chair",
    ),
    "stand_up": (
        "~stand up", "~get up", "~rise from a chair", "~stand up from a seat", "~get up from a stool", "~rise to the feet", "~stand up from sitting",
        "~leave the chair", "~get off the chair and ~stand",
    ),
    "dance": (
        "~dance", "~do a dance", "~dance around", "~perform a dance", "~dance to music", "~show a dance", "~start dancing", "~do some dance moves",
        "~dance happily", "~move to the music", "~dance a {style} dance", "~perform a {style} dance", "~dance {style}", "~do {style} dancing",
        "~groove", "~dance energetically", "~show dance moves", "~dance with swinging arms", "~bust some moves", "~dance at a party",
    ),
    "boxing": (
        "~box", "~shadow box", "~do boxing", "~fight like a boxer", "~throw several punches", "~practice boxing", "~throw punches in a boxing stance",
        "~spar with an opponent", "~train boxing", "~throw jabs and hooks", "~do shadow boxing", "~jab repeatedly", "~fight with the fists",
        "~box with an invisible opponent", "~start boxing", "~punch again and again", "~throw a combination of punches", "~act like a boxer",
    ),
    "twist": ("~twist the torso from side to side", "~do side twists", "~twist the upper body"),
    "raise_knees": ("~raise the knees one after the other", "~lift the knees in place", "~do knee raises"),
    "jog_in_place": ("~jog in place", "~run in place", "~jog on the spot", "~run on the spot"),
    "pick_up": ("~pick something up", "~bend over and ~scoop something up", "~pick up an object from the floor", "~bend down and ~lift something"),
    "swing_sword": ("~swing a sword", "~fight with a sword", "~practice swordplay"),
    "wash_windows": ("~wash a window", "~clean the windows", "~wipe a window with one hand"),
    "wash_self": ("~wash the body", "~take a shower", "~scrub arms and legs"),
    "drink": ("~drink", "~drink from a bottle", "~drink a soda", "~take a sip"),
    "laugh": ("~laugh", "~laugh hard", "~crack up laughing"),
    "dribble": ("~dribble a ball", "~dribble a basketball forward", "~bounce a basketball while walking"),
    "shoot_ball": ("~shoot a basketball", "~throw a ball at the basket", "~make a basketball shot"),
    "climb_stairs": ("~climb stairs", "~walk up the steps", "~go upstairs"),
    "zombie": ("~walk like a zombie", "~stagger with arms out like a zombie", "~move like the undead"),
    "dab": ("~dab", "~do a dab"),
    "karate": ("~do karate", "~perform a karate kata", "~practice martial arts"),
    "reach_up": ("~reach up high", "~stretch up on tiptoe", "~reach for something above"),
    "walk_uneven": ("~walk over uneven ground", "~step over rocks", "~hike over rough terrain"),
    "signal": ("~give referee signals", "~make basketball signals with the hands", "~signal like a referee"),
}  # fmt: skip
PHRASES["kick_right"] = PHRASES["kick_left"]

THOUGHTS: Final[dict[str, tuple[str, ...]]] = {
    "walk_forward": (
        "I walk forward at an easy pace.", "I shift my weight and walk straight ahead.", "I step forward and keep a steady walk.",
        "I swing my arms lightly and walk forward.",
    ),
    "walk_backward": (
        "I walk backward, one foot behind the other.", "I step back and keep moving backward.", "I reach back with my foot and walk in reverse.",
    ),
    "run": ("I push off hard and run forward.", "I lean in and run with long strides.", "I run, both arms pumping."),
    "run_circle": ("I lean to the {side} and run in a curve.", "I run in a circle to the {side}."),
    "walk_slowly": ("I walk slowly, one careful step after another.", "I take slow steps and let my weight settle.", "I move ahead slowly and without hurry."),
    "walk_fast": ("I walk fast, with long quick steps.", "I hurry forward at a brisk walk.", "I lean forward a little and walk quickly."),
    "circle_left": (
        "I walk in a circle, turning left all the way.", "I keep turning to my left as I walk around.", "I lean into a left circle and keep stepping.",
    ),
    "circle_right": (
        "I walk in a circle, turning right all the way.", "I keep turning to my right as I walk around.", "I lean into a right circle and keep stepping.",
    ),
    "turn_around": ("I turn around on the spot to face the other way.", "I pivot on my feet and turn half a circle.", "I turn around to the {side}."),
    "stand_still": ("I stand still and just breathe.", "I stay where I am, arms hanging.", "I keep my balance and do not move."),
    "jump": ("I bend my knees and jump straight up.", "I crouch, swing my arms and jump high.", "I push off the floor and leap up."),
    "jump_forward": ("I bend my knees and jump forward.", "I swing my arms and leap ahead with both feet.", "I crouch and make a long jump forward."),
    "kick_left": (
        "I shift my weight onto my right leg and swing the left one in a kick.", "I lift my left knee and kick with the left foot.", "I kick hard with my left leg.",
    ),
    "kick_right": (
        "I shift my weight onto my left leg and swing the right one in a kick.", "I lift my right knee and kick with the right foot.", "I kick hard with my right leg.",
    ),
    "punch": ("I twist my hips and throw a punch.", "I drive one fist straight out.", "I tighten my fist and punch."),
    "wave": ("I raise my arm and wave.", "I lift my hand above my shoulder and wave it.", "I wave with my arm up."),
    "jumping_jacks": ("I do jumping jacks, arms up and feet apart.", "I jump my feet apart and swing both arms overhead.", "I keep a rhythm of jumping jacks."),
    "squat": ("I bend my knees and squat down low.", "I lower my hips into a squat and rise again.", "I do squats, back straight."),
    "sit_down": ("I lower myself and sit down.", "I bend my knees and sit on the low seat.", "I turn to the seat and sit down."),
    "stand_up": ("I lean forward and stand up from the seat.", "I push with my legs and get up."),
    "dance": ("I dance and let my arms and feet follow the music.", "I step and turn, dancing {style}.", "I move with the rhythm and dance."),
    "boxing": ("I keep my guard up and box.", "I throw one punch after another like a boxer.", "I raise both fists and start boxing."),
    "twist": ("I twist my torso from side to side.",),
    "raise_knees": ("I lift one knee, then the other.",),
    "jog_in_place": ("I jog on the spot.",),
    "pick_up": ("I bend down and scoop something up.",),
    "swing_sword": ("I grip the sword and swing it.",),
    "wash_windows": ("I wipe the window with wide strokes.",),
    "wash_self": ("I wash my arms and my body.",),
    "drink": ("I lift the bottle and drink.",),
    "laugh": ("I laugh so much that my body shakes.",),
    "dribble": ("I dribble the ball as I go.",),
    "shoot_ball": ("I bend my knees and shoot the ball.",),
    "climb_stairs": ("I climb step by step.",),
    "zombie": ("I stagger ahead with my arms out.",),
    "dab": ("I throw my arms to one side and dab.",),
    "karate": ("I move through the karate form.",),
    "reach_up": ("I rise on my toes and reach up.",),
    "walk_uneven": ("I lift my feet high over the rough ground.",),
    "signal": ("I give the signals with my hands.",),
}  # fmt: skip

JOINS: Final = (
    "{a} and then {b}", "{a}, then {b}", "first {a}, then {b}", "{a} and after that {b}", "{a} before {b_ing}", "{a} and {b}",
)  # fmt: skip
NEXT_THOUGHTS: Final = ("Then ", "Now ", "After that ", "Next ")
KEEP_GOING: Final = ("I keep going.", "I keep on with it.", "I carry on the same way.", "I go on.")

SUBJECTS: Final = (
    "a person", "someone", "a man", "a woman", "the person", "he", "she", "the man", "the woman", "a guy", "the figure", "a human", "somebody",
    "the actor", "a boy", "a girl", "a young man", "an old man", "the character", "the avatar", "the robot", "a figure", "the human", "a human being",
    "this person", "an individual", "a player", "the subject", "an adult", "a performer",
)  # fmt: skip
OPENERS: Final = (
    "please {base}", "{base}", "{base} please", "can you {base}", "could you {base}", "now {base}", "i want you to {base}", "try to {base}", "let's {base}",
    "you {base}", "go and {base}", "hey, {base}", "ok, {base}", "just {base}", "i would like you to {base}", "you should {base}", "make it {base}", "show me how you {base}",
)  # fmt: skip
SCENES: Final = (
    "{subject} {third}", "{subject} {third}", "{subject} {third}", "{subject} {third}", "{subject} is {ing}", "{subject} starts {ing}", "{ing}",
    "{subject} who is {ing}", "show {subject} {ing}", "a video of {subject} {ing}", "an animation where {subject} {third}", "{subject} begins to {base}",
    "{subject} wants to {base}", "{subject} decides to {base}", "there is {subject} {ing}", "i see {subject} {ing}",
)  # fmt: skip
SUFFIXES: Final = (
    "in the {noun}", "near the {noun}", "on the {noun}", "for a while", "for a moment", "today", "right now", "again", "with the {noun}", "like a {noun}",
    "in front of the {noun}", "because of the {noun}", "as if in a {noun}", "by the {noun}", "outside", "at home", "once more", "next to a {noun}",
    "this morning", "while thinking about the {noun}", "and looks relaxed", "in a natural way", "during the {noun}", "with a {noun}",
)  # fmt: skip
NOUNS: Final = (
    "room", "park", "street", "garden", "kitchen", "gym", "hall", "field", "beach", "forest", "office", "stage", "window", "door", "table", "music", "friend",
    "dog", "cat", "car", "house", "tree", "river", "wall", "road", "city", "school", "camera", "light", "moon", "sun", "rain", "snow", "bird", "horse", "child",
    "doctor", "teacher", "soldier", "king", "hero", "robot", "ghost", "bear", "lion", "monkey", "shop", "market", "station", "train", "plane", "boat", "bridge",
    "mountain", "valley", "lake", "island", "desert", "cave", "castle", "tower", "church", "museum", "library", "theater", "concert", "game", "match", "race",
    "movie", "story", "dream", "song", "dance floor", "party", "dinner", "coffee", "bread", "apple", "stone", "box", "bag", "hat", "coat", "shoe", "mirror",
    "clock", "phone", "computer", "paper", "book", "pencil", "lamp", "bed", "roof", "floor", "carpet", "corridor", "fence", "farm", "village", "crowd", "queen",
    "neighbor", "stranger", "clown", "athlete", "champion", "sailor", "pilot", "farmer", "guard", "nurse", "winter", "summer", "morning", "evening", "night",
    "storm", "fire", "ice", "sand", "grass", "flower", "leaf", "cloud", "star", "planet", "machine", "engine", "wheel", "ball", "rope", "flag", "statue",
)  # fmt: skip
SYLLABLES: Final = (
    "ba", "ko", "ri", "ta", "mu", "len", "dor", "sha", "vi", "no", "pel", "gra", "zu", "mi", "ster", "qua", "fen", "lo", "xi", "har", "ju", "wen", "ty", "os",
    "ark", "bli", "cro", "ent", "im", "ulo", "esh", "an", "ed", "ous", "ing", "per", "ton", "ny",
)  # fmt: skip
