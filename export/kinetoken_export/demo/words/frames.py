"""Frames that people put around a request, connectives, durations and counts: data only."""

from __future__ import annotations

from typing import Final

# {x}: an imperative.
FRAMES: Final = (
    "please {x}", "{x} please", "{x}, please", "can you {x}", "can you {x}?", "could you {x}",
    "could you please {x}?", "would you {x} for me", "i want you to {x}", "I'd like you to {x}",
    "now {x}", "ok now {x}", "ok, {x}", "okay {x}", "hey, {x}", "hi, {x}", "hello! please {x}",
    "go on, {x}", "just {x}", "try to {x}", "try and {x}", "let's see you {x}", "let me see you {x}",
    "show me how you {x}", "show me how to {x}", "make the robot {x}", "have the character {x}",
    "make him {x}", "make her {x}", "i need you to {x}", "you should {x}", "you have to {x}",
    "you must {x}", "start to {x}", "{x} for me", "{x} now", "{x} right now", "{x} again",
    "do this: {x}", "task: {x}", "robot, {x}", "will you {x}", "will you {x} for me please",
    "be so kind and {x}", "{x} if you can", "{x}, thanks", "{x} thank you", "yo {x}", "bro {x}",
    "dear robot, please {x}", "my child wants to see you {x}", "animate a person who is told to {x}",
    "the director says: {x}", "your next task is to {x}", "it is time to {x}", "you may {x}",
)  # fmt: skip
# {x}: a third-person clause's rest, from the verb on.
THIRD_FRAMES: Final = (
    "{s} {x}", "{s} {x}", "{s} {x}", "{s} {x} in place", "an animation of how {s} {x}",
    "{s} {x} and that is all", "i want to see how {s} {x}", "scene: {s} {x}", "{s} slowly gets ready and {x}",
)  # fmt: skip
SUBJECTS: Final = (
    "a person", "a person", "the person", "a man", "a woman", "the man", "the woman", "he", "she",
    "someone", "somebody", "the robot", "a robot", "the character", "the figure", "a figure",
    "a human", "the subject", "a boy", "a girl", "a child", "an old man", "the actor", "the avatar",
    "a guy", "the player", "my character", "a dancer", "a soldier", "an athlete", "the hero",
)  # fmt: skip
# Words of language: {n} is a number, {w} the number in words where the language is English.
DURATIONS: Final[dict[str, tuple[str, ...]]] = {
    "en": (
        "{x} for {w} seconds", "{x} for {n} seconds", "{x} for {n} sec", "{x} for {n}s",
        "{x}, {n} seconds", "{x} for exactly {n} seconds", "for {w} seconds, {x}",
        "for {n} seconds {x}", "{x} during {n} seconds", "{x} for {w} seconds long",
        "{x} for a duration of {n} seconds", "{x} ({n} s)", "{n} seconds: {x}",
        "{x} and keep going for {w} seconds", "{x} for about {n} seconds",
    ),
    "es": ("{x} durante {n} segundos", "{x} por {n} segundos", "{x} {n} segundos"),
    "de": ("{x} {n} Sekunden lang", "{x} für {n} Sekunden", "{x}, {n} Sekunden"),
    "fr": ("{x} pendant {n} secondes", "{x} {n} secondes", "{x} durant {n} secondes"),
    "zh": ("{x}{n}秒", "{n}秒钟{x}", "{x}\uff0c持续{n}秒"),
    "ja": ("{n}秒間{x}", "{x}、{n}秒間", "{x}、{n}秒"),
}  # fmt: skip
STEPS: Final = (
    "{x} {n} steps", "{x} {n} steps", "{x} {n} steps", "{x} for {n} steps", "{x}, {n} steps",
    "{n} steps: {x}", "{x} {n} paces", "{x} exactly {n} steps",
    "{x} just {n} steps", "{x} - {n} steps", "{n} steps, {x}",
)  # fmt: skip
COUNTS: Final = (
    "{x} {t}", "{x} {t}", "{x} {n} times", "{x} {n}x", "{x} x{n}", "{t}, {x}", "{x}, {t}",
    "{x} exactly {t}", "{x} {t} in a row", "{x} {n} time", "{x} {t} please",
)  # fmt: skip
SPEED_FRAMES: Final[dict[str, tuple[str, ...]]] = {
    "slow": ("{x} slowly", "slowly {x}", "{x} very slowly", "{x} in slow motion", "{x} at a slow pace",
        "{x}, slowly", "{x} without haste", "{x} nice and slow"),
    "fast": ("{x} quickly", "quickly {x}", "{x} fast", "{x} as fast as you can", "{x} really fast",
        "{x}, fast", "{x} rapidly", "{x} at high speed"),
}  # fmt: skip
# {a} is asked for, {b} is not.
NEGATIONS: Final = (
    "{a} but do not {b}", "{a}, but don't {b}", "{a} but dont {b}", "{a} without {b_ing}",
    "don't {b}, {a}", "do not {b}, just {a}", "don't {b}, just {a}", "{a}, no {b_ing}",
    "{a} instead of {b_ing}", "{a} and don't {b}", "{a}. do not {b}.", "do not {b}. {a}.",
    "never {b}, only {a}", "{a}, not {b}", "rather than {b_ing}, {a}", "no {b_ing}, {a}",
    "instead of {b_ing}, {a}", "please don't {b}, i want you to {a}", "i said {a}, not {b}",
    "{a}; no {b_ing} please", "{a} but you must not {b}", "stop {b_ing} and {a}",
)  # fmt: skip
ONLY_NOT: Final = (
    "don't {b}", "do not {b}", "please do not {b}", "stop {b_ing}", "no {b_ing}", "never {b}",
    "you must not {b}", "don't you dare {b}", "quit {b_ing}",
)  # fmt: skip
PAIRS: Final = (
    "{a} and then {b}", "{a}, then {b}", "{a} then {b}", "first {a}, then {b}", "{a} and {b}",
    "{a}, after that {b}", "{a} and after that {b}", "{a} before you {b}", "{a} before {b_ing}",
    "{a}, followed by {b_ing}", "{a} followed by {b_ing}", "after {a_ing}, {b}",
    "after you {a}, {b}", "before you {b}, {a}", "before {b_ing}, {a}", "{b} after {a_ing}",
    "{a}. then {b}", "{a}. {b}.", "{a}, next {b}", "{a}; {b}", "{a} -> {b}", "{a} + {b}", "{a}, {b}",
    "once you {a}, {b}", "when you are done with {a_ing}, {b}", "start with {a_ing}, end with {b_ing}",
    "start by {a_ing}, then {b}", "{a} and finally {b}", "first {a} and then {b}", "1. {a} 2. {b}",
    "{b}, but first {a}", "{a} for a moment, then {b}", "{a}, and as soon as you are done {b}",
    "begin with {a_ing} and finish by {b_ing}", "{a}, afterwards {b}", "{a} and end by {b_ing}",
    "{a}, pause, then {b}", "step one: {a}, step two: {b}", "{a} until i say so, then {b}",
    "first you {a}, second you {b}", "{a} & {b}", "{a} > {b}", "{a} and subsequently {b}",
)  # fmt: skip
TRIPLES: Final = (
    "{a}, {b} and {c}", "{a}, {b}, {c}", "{a}, then {b}, then {c}", "{a} then {b} then {c}",
    "first {a}, then {b}, and finally {c}", "first {a}, then {b}, finally {c}",
    "{a} and {b}, then {c}", "{a}, {b}, and then {c}", "{a}. {b}. {c}.", "{a} -> {b} -> {c}",
    "start by {a_ing}, then {b} and finish with {c_ing}", "{a}, after that {b} and at the end {c}",
    "{a}, followed by {b_ing} and {c_ing}", "1. {a} 2. {b} 3. {c}", "{a}; {b}; {c}",
    "after {a_ing}, {b} and then {c}", "{a} and then {b} before you {c}", "{a} > {b} > {c}",
    "once you {a}, {b}, and lastly {c}", "{a} and then {b} and then {c}", "{a}, next {b}, last {c}",
    "first {a}, second {b}, third {c}", "{a}, {b}, finally {c}",
)  # fmt: skip
NEXT: Final = ("Then ", "Now ", "Next ", "After that ")
LAST: Final = ("Finally ", "At last ", "Then ", "Now ")

# Follow-ups in a chat.
AGAIN: Final = ("again", "again!", "once more", "one more time", "do it again", "repeat", "repeat that",
    "same again", "and again", "encore", "one more", "do that again please", "again please",
    "the same thing again", "can you do that again?", "another one", "do it once more", "redo")  # fmt: skip
FASTER_WORDS: Final = ("faster", "now faster", "a bit faster", "faster!", "do it faster", "quicker",
    "now the same but faster", "again but faster", "speed up", "can you do it faster?", "more speed",
    "hurry up", "now do it quickly", "too slow, faster")  # fmt: skip
SLOWER_WORDS: Final = ("slower", "now slower", "a bit slower", "slow down", "do it slower", "more slowly",
    "now the same but slower", "again but slower", "slower please", "can you do it slower?",
    "too fast, slower")  # fmt: skip
OTHER_WAY: Final = ("the other way", "now the other way", "other way", "other side", "now the other side",
    "the other way around", "now the opposite", "switch sides", "mirror that", "same on the other side",
    "and the other one", "now with the other one", "in the other direction", "now the other direction")  # fmt: skip
WITH_SIDE: Final = ("once more with the {side}", "now with the {side}", "with the {side} one", "now {side}",
    "and now {side}", "now the {side} one", "the {side} one", "again with the {side}", "{side} please",
    "do it with the {side}", "same with your {side}", "to the {side} now")  # fmt: skip
AND_BACK: Final = ("and back", "now back", "and back again", "come back", "go back", "back again",
    "now come back", "return", "walk back", "back to where you were", "and now come back here")  # fmt: skip
COUNT_WORDS: Final = ("{t}", "now {t}", "do it {t}", "again, {t}", "{t} now", "now do it {t}", "make it {n}",
    "{t} please", "do that {t}")  # fmt: skip
SECONDS_WORDS: Final = ("for {n} seconds", "now for {n} seconds", "do it for {n} seconds",
    "keep it up for {n} seconds", "again, for {n} seconds")  # fmt: skip
BOTH_WORDS: Final = ("both", "now both", "with both", "now with both hands", "both hands", "both arms")  # fmt: skip
STOP_WORDS: Final = ("stop", "stop!", "stop it", "ok stop", "enough", "that's enough", "halt",
    "freeze", "stop now", "you can stop now", "pause")  # fmt: skip
GET_UP_WORDS: Final = ("get up", "stand up", "up", "get up again", "now stand up", "on your feet",
    "rise", "stand", "get back up", "ok get up now")  # fmt: skip
STYLE_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "happy": ("happily", "with joy", "in a happy mood"), "excited": ("excitedly", "full of excitement"),
    "sad": ("sadly", "with a heavy heart", "in a sad way"), "tired": ("like you are tired", "wearily",
        "exhausted"),
    "sleepy": ("sleepily", "half asleep"), "bored": ("looking bored", "bored"),
    "angry": ("angrily", "furiously", "in anger", "mad"), "proud": ("proudly", "with pride"),
    "scared": ("like you are scared", "in fear", "fearfully"), "nervous": ("nervously", "anxiously"),
    "shy": ("shyly", "timidly"), "robotic": ("like a robot", "robotically", "like a machine"),
    "dramatic": ("dramatically", "with drama"), "graceful": ("gracefully", "with grace"),
    "elegant": ("elegantly", "in an elegant way"), "playful": ("playfully", "just for fun"),
    "serious": ("seriously", "with a serious look"), "polite": ("politely",),
    "gentle": ("gently", "softly"), "old": ("like an old man", "like an old person", "like a grandma"),
    "drunk": ("drunk", "like a drunk", "drunkenly"), "military": ("like a soldier", "military style"),
    "energetic": ("with lots of energy", "energetically"), "confident": ("confidently",),
    "calm": ("calmly",), "relaxed": ("in a relaxed way", "relaxed"),
    "zombie": ("like a zombie", "zombie style"), "salsa": ("salsa", "salsa style"),
    "ballet": ("ballet", "like a ballerina"), "Indian": ("bollywood style", "in indian style"),
}  # fmt: skip
