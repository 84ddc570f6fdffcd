"""Subjects, places and other words of captions: data only."""

from __future__ import annotations

from typing import Final

SUBJECTS: Final = (
    "a person", "someone", "a man", "a woman", "the person", "he", "she", "the man", "the woman",
    "a guy", "the figure", "a human", "somebody", "the actor", "a boy", "a girl", "a young man",
    "an old man", "the character", "the avatar", "the robot", "a figure", "the human",
    "a human being", "this person", "an individual", "a player", "the subject", "an adult",
    "a performer",
)  # fmt: skip
OPENERS: Final = (
    "please {base}", "{base}", "{base} please", "can you {base}", "could you {base}", "now {base}",
    "i want you to {base}", "try to {base}", "let's {base}", "you {base}", "go and {base}",
    "hey, {base}", "ok, {base}", "just {base}", "i would like you to {base}", "you should {base}",
    "make it {base}", "show me how you {base}",
)  # fmt: skip
SCENES: Final = (
    "{subject} {third}", "{subject} {third}", "{subject} {third}", "{subject} {third}",
    "{subject} is {ing}", "{subject} starts {ing}", "{ing}", "{subject} who is {ing}",
    "show {subject} {ing}", "a video of {subject} {ing}", "an animation where {subject} {third}",
    "{subject} begins to {base}", "{subject} wants to {base}", "{subject} decides to {base}",
    "there is {subject} {ing}", "i see {subject} {ing}",
)  # fmt: skip
SUFFIXES: Final = (
    "down the {noun}", "along the {noun}", "through the {noun}", "across the {noun}",
    "at the {noun}", "to the {noun}", "over there", "for the {noun}", "with a friend",
    "before the {noun}", "after the {noun}", "as usual", "very well", "in the {noun}",
    "near the {noun}", "on the {noun}", "for a while", "for a moment", "today", "right now",
    "again", "with the {noun}", "like a {noun}", "in front of the {noun}", "because of the {noun}",
    "as if in a {noun}", "by the {noun}", "outside", "at home", "once more", "next to a {noun}",
    "this morning", "while thinking about the {noun}", "and looks relaxed", "in a natural way",
    "during the {noun}", "with a {noun}",
)  # fmt: skip
NOUNS: Final = (
    "room", "park", "street", "garden", "kitchen", "gym", "hall", "field", "beach", "forest",
    "office", "stage", "window", "door", "table", "music", "friend", "dog", "cat", "car", "house",
    "tree", "river", "wall", "road", "city", "school", "camera", "light", "moon", "sun", "rain",
    "snow", "bird", "horse", "child", "doctor", "teacher", "soldier", "king", "hero", "robot",
    "ghost", "bear", "lion", "monkey", "shop", "market", "station", "train", "plane", "boat",
    "bridge", "mountain", "valley", "lake", "island", "desert", "cave", "castle", "tower", "church",
    "museum", "library", "theater", "concert", "game", "match", "race", "movie", "story", "dream",
    "song", "dance floor", "party", "dinner", "coffee", "bread", "apple", "stone", "box", "bag",
    "hat", "coat", "shoe", "mirror", "clock", "phone", "computer", "paper", "book", "pencil",
    "lamp", "bed", "roof", "floor", "carpet", "corridor", "fence", "farm", "village", "crowd",
    "queen", "neighbor", "stranger", "clown", "athlete", "champion", "sailor", "pilot", "farmer",
    "guard", "nurse", "winter", "summer", "morning", "evening", "night", "storm", "fire", "ice",
    "sand", "grass", "flower", "leaf", "cloud", "star", "planet", "machine", "engine", "wheel",
    "ball", "rope", "flag", "statue",
)  # fmt: skip
SYLLABLES: Final = (
    "ba", "ko", "ri", "ta", "mu", "len", "dor", "sha", "vi", "no", "pel", "gra", "zu", "mi", "ster",
    "qua", "fen", "lo", "xi", "har", "ju", "wen", "ty", "os", "ark", "bli", "cro", "ent", "im",
    "ulo", "esh", "an", "ed", "ous", "ing", "per", "ton", "ny",
)  # fmt: skip
ADJECTIVES: Final = (
    "old", "happy", "young", "small", "big", "sad", "strong", "brave", "quiet", "funny", "clever",
    "lazy", "busy", "angry", "polite", "rich", "poor", "famous", "hungry", "sleepy", "lonely",
    "cheerful", "nervous", "proud", "curious", "gentle", "wild", "wise", "serious", "elegant",
    "barefoot", "local", "little", "older", "blond", "red-haired", "skinny", "muscular",
)  # fmt: skip
