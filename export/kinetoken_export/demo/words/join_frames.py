"""How people join what is to be done in turn, beyond plain imperatives: data only."""

from __future__ import annotations

from typing import Final

# {s}: a subject, {p}: its pronoun, {a}, {b}, {c}: claps; {a_ing}: clapping.
THIRD: Final = (
    "{s} {a} and then {b}", "{s} {a}, then {b}", "{s} {a} and {b}", "{s} {a} then {b}",
    "{s} {a}, and after that {p} {b}", "{s} first {a}, then {b}", "{s} {a} before {b_ing}",
    "after {a_ing}, {s} {b}", "{s} {b} after {a_ing}", "before {b_ing}, {s} {a}",
    "{s} {a}. then {p} {b}.", "{s} {a}. {p} {b}.", "{s} {a}; afterwards {p} {b}",
    "once {s} {a}, {p} {b}", "{s} who {a} and then {b}", "{s} {a}, next {p} {b}",
    "{s} {a}, {b}", "{s} {a} and finally {b}", "{s} starts by {a_ing} and ends by {b_ing}",
    "{s} {a} and afterwards {b}", "{s} {a}, followed by {b_ing}", "{s} {a} and ends up {b_ing}",
    "{s} {a}, after which {p} {b}", "{s} {a} until {p} {b}", "{s} {a} for a while and then {b}",
    "{s} {a} first and {b} second", "when {s} is done {a_ing}, {p} {b}", "{s} {a} as {p} gets ready, then {b}",
    "having finished {a_ing}, {s} {b}", "{s} {a} prior to {b_ing}", "{s} goes from {a_ing} to {b_ing}",
    "{s} {a} and later {b}", "{s} {a} and immediately {b}", "{s} stops {a_ing} and {b}",
    "{s} {a} and only then {b}", "{s} is {a_ing} and then {b}", "{s} finishes {a_ing}, then {b}",
)  # fmt: skip
THIRD_OF_THREE: Final = (
    "{s} {a}, {b} and {c}", "{s} {a}, {b}, and then {c}", "{s} {a}, then {b}, then {c}",
    "{s} {a} and {b} and {c}", "{s} first {a}, then {b} and finally {c}", "{s} {a}, {b}, {c}",
    "{s} {a}. then {p} {b}. finally {p} {c}.", "{s} {a} and {b}, then {p} {c}",
    "{s} {a}, after that {p} {b}, and at the end {p} {c}", "after {a_ing}, {s} {b} and {c}",
    "{s} {a}, {b} and lastly {c}", "{s} {a} then {b} then {c}", "{s} {a}, {b}, finally {c}",
    "{s} starts by {a_ing}, goes on {b_ing} and ends by {c_ing}", "{s} {a} and {b} before {c_ing}",
    "once {s} {a}, {p} {b} and {c}", "{s} {a}, followed by {b_ing}, followed by {c_ing}",
    "{s} who {a}, {b} and then {c}", "{s} {a}; {p} {b}; {p} {c}", "{s} {a}, next {p} {b}, last {p} {c}",
)  # fmt: skip
# Around short names in a row: before the first, between, before the last, after it; #: the number.
LISTS: Final = (
    ("", ", ", ", ", ""), ("", ", ", " and ", ""), ("", ", ", " and then ", ""),
    ("", " then ", " then ", ""), ("", ", then ", ", then ", ""), ("", " -> ", " -> ", ""),
    ("", " > ", " > ", ""), ("", " + ", " + ", ""), ("", "; ", "; ", ""), ("", ". ", ". ", "."),
    ("1. ", " #. ", " #. ", ""), ("1) ", " #) ", " #) ", ""), ("first ", ", then ", ", finally ", ""),
    ("", ", ", ", finally ", ""), ("", ", next ", ", last ", ""), ("", " followed by ", " followed by ", ""),
    ("", " / ", " / ", ""), ("", " => ", " => ", ""), ("sequence: ", ", ", ", ", ""),
    ("", ", after that ", ", after that ", ""), ("", " and ", " and ", ""), ("", " & ", " & ", ""),
    ("combo: ", ", ", ", ", "!"), ("routine: ", ", ", " and ", ""), ("first: ", ", second: ", ", last: ", ""),
    ("", " n then ", " n then ", ""), ("do this in order: ", ", ", ", ", ""), ("", " and next ", " and finally ", ""),
)  # fmt: skip
# Before the first, between, before the last, by language.
FOREIGN: Final[dict[str, tuple[tuple[str, str, str], ...]]] = {
    "es": (("", ", ", " y luego "), ("", ", ", " y después "), ("primero ", ", luego ", ", luego "),
        ("", ", ", " y "), ("", ", después ", ", después "), ("", ". Luego ", ". Luego ")),
    "de": (("", ", ", " und dann "), ("erst ", ", dann ", ", dann "), ("", ", ", " und danach "),
        ("", ", ", " und "), ("zuerst ", ", dann ", " und zum Schluss "), ("", ". Dann ", ". Dann ")),
    "fr": (("", ", ", " puis "), ("d'abord ", ", puis ", ", ensuite "), ("", ", ", " et ensuite "),
        ("", ", ", " et "), ("", ", puis ", ", puis "), ("", ". Ensuite ", ". Ensuite ")),
    "zh": (("", "\uff0c", "\u7136\u540e"), ("\u5148", "\uff0c\u7136\u540e", "\uff0c\u518d"),
        ("", "\uff0c", "\uff0c\u63a5\u7740"), ("", "\uff0c\u7136\u540e", "\uff0c\u6700\u540e")),
    "ja": (("", "\u3001", "\u3001\u305d\u308c\u304b\u3089"), ("\u307e\u305a", "\u3001\u6b21\u306b", "\u3001\u6b21\u306b"),
        ("", "\u3001", "\u3001\u305d\u306e\u3042\u3068"), ("", "\u3002\u6b21\u306b", "\u3002\u6700\u5f8c\u306b")),
}  # fmt: skip
