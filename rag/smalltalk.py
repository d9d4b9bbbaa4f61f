"""Greetings, thanks and questions about the assistant itself: a friendly line, and nothing said about the film."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from index.film import Film


@dataclass(frozen=True)
class Manner:
    """What people say (a pattern for the whole message, lower case, no punctuation) and the line it gets."""

    pattern: str
    reply: str


_WHO = "I answer questions about {title} from the film's own papers and show the exact words each answer rests on."

# `reply` may hold {title} and {greeting}; both come from film.toml.
MANNERS = (
    Manner(
        r"((hi|hey|hello|hiya|howdy|hullo|yo|greetings|welcome|bonjour|hola|hallo|ciao|salut|namaste|suosdey|សួស្តី|"
        r"good (morning|afternoon|evening|day)|what s up|sup)( (there|again|all|everyone|you|friend|team|bot))?)+",
        "Hello! {greeting}",
    ),
    Manner(
        r"how are you( doing)?( today)?|how s it going|how do you do|are you (ok|well)",
        "Well, thank you. {greeting}",
    ),
    Manner(
        r"(ok |okay |great |cool |perfect |nice |yes |no )*(many )?"
        r"(thanks?|thank you|thx|ty|cheers|merci|gracias|danke|grazie|arkoun|អរគុណ)( you)?"
        r"( so much| very much| a lot| a million| again| for (your|the|all your) (help|answers?|time)"
        r"| that s (great|all)| (that|this) (was|is) (very )?helpful)*",
        "You're welcome. Ask me anything else about {title}.",
    ),
    Manner(
        r"(ok |okay )?((good ?)?bye( bye)?|see (you|ya)( later| soon)?|good ?night|farewell|so long|ciao ciao|adieu|"
        r"have a (nice|good|great) (day|evening|night|one|weekend)|take care)( now| then)?",
        "Goodbye, and thank you for asking about {title}.",
    ),
    Manner(
        r"(so )?(who|what) (are|r) (you|u)|what s your name|what is your name|(what|how) (can|do|could) you (do|help)"
        r"( for me| me)?( with)?|how (do|does) (this|you) work|what can i ask( you)?( about)?|help( me)?( please)?|"
        r"are you (a |an )?(bot|robot|human|person|real|ai|chatbot|machine)|(tell me about|introduce) yourself",
        _WHO,
    ),
    Manner(
        r"(ok|okay|k|cool|great|nice|good|wow|perfect|awesome|amazing|interesting|i see|got it|alright|all right|"
        r"understood|fine|lovely|super|brilliant)( (ok|okay|cool|great|nice|then|thanks|one|work|job|answer))*",
        "Good. {greeting}",
    ),
    Manner(r"(i m |i am |so )?sorry( about that)?|my (bad|mistake)|never ?mind|forget it", "No trouble. {greeting}"),
)
_COMPILED = tuple((re.compile(manner.pattern), manner.reply) for manner in MANNERS)
_LONGEST = 80  # characters; a longer message asks for something


def reply(text: str, film: Film) -> str | None:
    """The friendly line for small talk, None for anything that may be a question about the film."""
    if len(text) > _LONGEST:
        return None
    plain = _plain(text)
    for pattern, line in _COMPILED:
        if pattern.fullmatch(plain):
            return line.format(title=film.title, greeting=film.greeting or f"Ask me anything about {film.title}.")
    return None


def _plain(text: str) -> str:
    """Lower case, letters, marks and digits only, one space between words."""
    kept = (c if c.isalnum() or unicodedata.category(c).startswith("M") else " " for c in text.casefold())
    return " ".join("".join(kept).split())
