"""The banned words: each with what to write instead, and why."""

from __future__ import annotations

import re
from typing import NamedTuple


class Banned(NamedTuple):
    """One row of the table: a pattern, what to write instead, and why the pattern misleads.

    The pattern matches whole words in any case; a space in it matches any white space, line ends included.
    """

    pattern: str
    instead: str
    because: str


PERSONIFIED = "a program does not speak or hear"
VAGUE = "it does not name what is meant"
PRIVATE = "a word of this project alone; the field has a term"
BRITISH = "the code base is in US English"
UNIDIOMATIC = "not how the sentence is written in English"

BANNED = (
    # Programs that talk
    Banned("told|tells?|telling", "report, say, show", PERSONIFIED),
    Banned("untold|unheard|heard|hears?|hearing", "received, read; unread", PERSONIFIED),
    Banned(
        "a word (?:of the worker|from)|(?:no|last|final|its|their|the|worker's|claim's|own|takes?|without) words?",
        "report, termination message, text",
        PERSONIFIED,
    ),
    Banned("news", "Events, deltas", "Kubernetes Events in one place and watch deltas in another"),
    Banned("tongues?|eyes?|minds?|minded", "(name the thing)", PERSONIFIED),
    Banned("felt|feels?", "secondary failure", PERSONIFIED),
    Banned("patien(?:ce|t|tly)", "rate limit, Retry-After", PERSONIFIED),
    Banned("trust(?:s|ed)? (?:its|his|a|the) word", "verify", PERSONIFIED),
    # Functions that hand things over
    Banned(
        "gives?(?! up)|gave|giving|given (?:back|out)",
        "return, provide, set",
        "a function returns; a user sets a field",
    ),
    Banned("hand(?:s|ed)? (?:over|out)|in hand", "pass, return", VAGUE),
    # Actors without a name
    Banned("persons?|people|folks?", "user", "name the actor: the user, the operator, an administrator"),
    Banned("(?:some|any|no)body(?:'s)?|(?:some|any)one|whoever|strangers?", "user, process, pod", "name the actor"),
    # State
    Banned("standing|how (?:it|they) stands?|stands?(?! for| in| alone)|stood", "state, status, is", PRIVATE),
    Banned(
        "lies?|lay|lain|lying",
        "is stored in, path; a false manifest",
        "a file is stored, and a name that also means untruth misleads",
    ),
    Banned("lives|lived|life|lifes", "lifecycle, is in", PRIVATE),
    Banned("(?:goes|go|went|going) with(?! the)", "is deleted with", "a claim is deleted with its owner"),
    Banned("goes well|go well|made good|makes? good|make up for", "succeeds; is reset", UNIDIOMATIC),
    Banned("upkeep|looks? after|looked after|looking after", "maintenance, maintain", PRIVATE),
    Banned(
        "(?:a|an|the|each|every|first|last|next|this|that|no|another|one|later|deep|such) look"
        "|(?:two|all|these|later|the) looks|looks? (?:at|whether|again|closely|only)|looked(?: at)?|looking",
        "check, recheck, inspect, read",
        "it does not say what is read",
    ),
    Banned("anew|afresh", "again, from scratch", UNIDIOMATIC),
    Banned("mend(?:s|ed|ing)?", "fix, repair, correct", UNIDIOMATIC),
    Banned("troubles?", "problem, error", VAGUE),
    Banned("obstacles?", "pending reason", PRIVATE),
    Banned("rooms?", "free space; package", "a disk has free space, code has packages"),
    Banned("crews?", "pool", PRIVATE),
    Banned("worlds?(?! size)", "observed state, namespace, scope", PRIVATE),
    Banned("sides", "source or output", VAGUE),
    Banned("crowds?|bury|buries", "(name the thing)", PRIVATE),
    Banned("sights?", "observation", PRIVATE),
    Banned("beginnings|endings|ending(?! in| with)", "start; result", PRIVATE),
    Banned("spells?|just so", "form", UNIDIOMATIC),
    Banned("pretend(?:s|ed|ing)?|imagin(?:e|es|ed|ary)", "simulated, fake", "the field says simulated, fake or stub"),
    Banned("witness(?:es)?|custodians?|plays?|played", "recorder, stub, scenario", PRIVATE),
    Banned(
        "(?-i:(?:the|The|a|A|another|no|this|that|which|whose) hub)(?:'s)?|hubs",
        "the Hub, a Hub mirror",
        "a name: Hugging Face Hub",
    ),
    # Sentences
    Banned(
        r"(?<!there\W)(?:is|are|was|were|be|being) no (?!longer|more|less|fewer|such|\w+er than)\w+",
        "is not a ...",
        UNIDIOMATIC,
    ),
    Banned("for ever", "forever, without a limit", UNIDIOMATIC),
    Banned(
        "borne|hangs? on|comes? to rest|at rest|let(?:s)? go", "tolerated; depends on; settled; released", UNIDIOMATIC
    ),
    Banned("becomes? of|became of|comes? of|came of", "happens to, follows from", UNIDIOMATIC),
    Banned("(?:break|breaks|breaking|broke|broken) off", "interrupt, cancel", UNIDIOMATIC),
    Banned(
        "out of sight|through with|doomed|believe[sd]?|for want of", "hidden, done with, removed, accepted", UNIDIOMATIC
    ),
    Banned("nothing true|true to", "(say what is wrong)", VAGUE),
    # Spelling
    Banned(
        r"\w*(?:colour|behaviour|neighbour|favour|honour|centre|artefact|catalogue|theatre|licence)\w*|grey|whilst",
        "color, behavior, ...",
        BRITISH,
    ),
    Banned(
        r"\w*(?:quant|recogn|initial|normal|organ|serial|synchron|summar|optim|minim|general|special|priorit"
        r"|material|util|custom|token|final|real)is(?:e|ed|es|er|ers|ing|ation|ations)",
        "-ize",
        BRITISH,
    ),
)


class Allowed(NamedTuple):
    """One row of the exceptions: a file, what may be written in it, and why. Both are whole matches."""

    path: str
    text: str
    because: str

    def covers(self, path: str, text: str) -> bool:
        """Return whether this use is allowed."""
        return bool(re.fullmatch(self.path, path) and re.fullmatch(self.text, text, re.IGNORECASE))


EXCEPTIONS = (
    Allowed(r"tools/vocabulary/banned\.py", ".*", "the table itself"),
    Allowed(r"tests/docs/test_vocabulary\.py", ".*", "examples of what is found"),
    Allowed(r"CHANGELOG\.md", "upkeep|lookedAt", "former names of fields"),
    Allowed(r"worker/.*/(file_download|pickle_names)\.py", "tell", "a method of file objects"),
    Allowed(
        r"tools/cluster/(go/.*|engine-base\.Dockerfile)", ".*", "content is the key of a cache; a build takes long"
    ),
    Allowed(r"tools/models/(language|multimodal)\.py", "world", "an entry of the vocabulary of a tiny tokenizer"),
)
