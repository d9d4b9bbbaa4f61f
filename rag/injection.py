"""Whether a text speaks to the machine that reads it instead of speaking of a film."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_ORDERS = r"(instructions?|prompts?|guidelines?|directives?|system messages?|commands?)"
_RULES = (
    r"(instructions?|prompts?|guidelines?|directives?|rules?|directions?|commands?|orders?|messages?"
    r"|context|text)"
)
_MACHINE = (
    r"(ai|a\.i\.|llms?|gpt|chatgpt|chat ?bots?|(large )?language models?|ai (model|assistant"
    r"|agent)s?|assistants?(?! \w+or\b))"
)
_SAY = r"(say|answer|reply|respond|write|output|print|repeat|state|include|append|echo|insert|mention|claim)"
_REPLY = r"(answers?|repl(y|ies)|responses?|outputs?|completions?|summar(y|ies))"
_FIRST = (
    r"(^|[.!?;:,\"“”»)\]*\-] ?|\band |\bthen |\bplease |\bmust |\bshould |\bnow |\binstead |\bjust "
    r"|\bsimply |\balways )"
)

# On text in lower case. Each is a way of giving orders to a reader that papers about a film have no use for; what is
# said about rules, orders or assistants ("the assistant director has to call …") must not match.
_PATTERNS = (
    r"\b(ignore|disregard|forget|override|bypass|skip|discard|overrule|supersedes?)\b.{0,30}\b(previous"
    r"|prior|above|earlier"
    rf"|preceding|all|any|your|these|other|system|initial|original|everything)\b.{{0,40}}\b{_RULES}\b",
    rf"\b(ignore|disregard|forget|override|bypass|discard|overrule|supersedes?)\b.{{0,40}}\b{_ORDERS}\b",
    r"\b(ignore|disregard|forget) (all|everything|anything|what) .{0,30}\b(above|before|previous(ly)?"
    r"|earlier|told|said)\b",
    rf"\b(previous|prior|new|updated|system|developer|hidden|secret|above"
    rf"|following)\b.{{0,10}}\b{_ORDERS}\b.{{0,60}}\b({_SAY}"
    r"|follow|obey|apply|void|cancell?ed|over|supersedes?|changed|replaced|outdated|expired)\b",
    rf"\b(new|updated|hidden|secret|important|system|admin|urgent|special) {_ORDERS}\s*[:\-–—]",
    r"\b(system|developer|admin|root|debug|jailbreak|maintenance) ?(prompt|message|override|mode|notice"
    r"|instructions?)\b",
    rf"\byou are (now|no longer|hereby)\b.{{0,40}}\b({_MACHINE}|mode|dan|model|bot|jailbroken|unrestricted"
    rf"|bound|restricted)\b",
    rf"\b(you are|you're|as|being) (a|an|the) (\w+ )?({_MACHINE}|unrestricted \w+)\b",
    rf"\b{_MACHINE}\b[^.!?()]{{0,40}}(?<!\bwe )(?<!\bi )"
    r"\b(must|should|shall|have to|has to|needs? to|is to|are to|please|will now|you)\b"
    rf".{{0,40}}\b({_SAY}|ignore|follow|obey|tell)\b",
    rf"\b(dear|attention|note (to|for)|message (to|for)|instructions? (to|for)|order for|hey|hello) (the "
    rf"|any |all |every )?{_MACHINE}\b",
    rf"\b({_SAY}|begin|start|end|finish|prefix|replace|put|use|add|close|sign)\b.{{0,60}}\b(your|every"
    rf"|each|all) (\w+ )?{_REPLY}\b",
    rf"\bin (your|every|each|all) (\w+ )?{_REPLY}\b.{{0,40}}\b({_SAY}|add|put|use)\b",
    rf"{_FIRST}{_SAY} (only|exactly|just|verbatim|nothing but|the (words?|phrase|token|string|following"
    rf"|text|code)|this)\b",
    rf"\b(only|always|instead|simply|please|must|should) {_SAY}\b ?(with\b|:|[\"'“‘«])",
    rf"(^|[.!?;:)\]*\-] ){_SAY}\b ?(with\b|that\b|:|[\"“«])",
    r"\brepeat (back|after me)\b",
    r"\b(when|if|whenever) (you('re| are) asked|(a |the |any )?(users?|visitors?|questions?)\b).{0,80}\b"
    rf"({_SAY}|tell)\b",
    rf"\b(when|if|whenever) (anyone|someone|anybody|somebody|they"
    rf"|people) asks?\b.{{0,80}}, ?(\w+ )?({_SAY}|tell (them|her|him))\b",
    r"\b(do anything now|jailbreak|prompt injection|as an ai|pretend (that )?you|role ?play as)\b",
    r"\bfrom now on,? (you|always|answer|say|respond|reply|call|every)\b",
    r"\b(reveal|leak|show|print|expose|dump|disclose|send|exfiltrate|repeat)\b.{0,30}\b(your|system"
    r"|the system|hidden) (\w+ )?"
    r"(prompt|instructions?|api ?keys?|keys?|passwords?|credentials?|configuration|environment)\b",
    r"(^|[-=_*\[<(#]) ?end of (the )?(passages?|documents?|data|context|input|prompt|instructions|user)",
    r"\b(ignor\w+|vergiss|oublie\w*|olvida\w*|esque[cç]\w+|dimentica\w*"
    r"|negeer)\b.{0,40}\b(instru[ckçz]\w+|anweisung\w*"
    r"|consignes|istruzioni|regeln|befehle|istruzion\w*|instrucciones)",
    r"(^|[.!?] )(réponds|répondez|antworte|répète|repite|responde|rispondi|wiederhole)\b.{0,20}([:\"«“]"
    r"|\b(uniquement|seulement"
    r"|nur|solo|solamente|avec|mit|con)\b)",
    r"(игнорируй|забудь).{0,40}(инструкци|указани)|(忽略|无视|無視).{0,20}(指令|指示|说明)|(指令|指示).{0,10}(忽略|无视|無視)|무시",
    # Markup of chats, fences and tools.
    r"<\|.{0,40}\|>|\[/?inst\]|<</?sys>>|</?s>|#{2,} ?(system|instruction|user|assistant|response)"
    r"|<(start|end)_of_turn>"
    r"|</?(passages?|papers?|question|system|assistant|user|instructions?|tool\w*|function\w*|think|script|iframe)\b",
    r"\{\{.*\}\}|\{%.*%\}|!\[[^\]]*\]\(|\bjavascript:|\bdata:text/",
)
_ORDER = re.compile("|".join(f"(?:{pattern})" for pattern in _PATTERNS), re.DOTALL)
# A turn of a chat. A screenplay writes its speakers in capitals, and without a colon.
_TURN = re.compile(r"(?m)(?:^|[.!?…])\s*[\"'*_#>-]*\s*([Ss]ystem|[Aa]ssistant|[Hh]uman|[Uu]ser)\s*[*_]*\s*:")
# Tags, overrides of the reading direction, and breaks inside a Latin word: nobody sees them, a model reads them.
_UNSEEN = re.compile("[\U000e0000-\U000e007f\u202d\u202e]|(?<=[A-Za-z])[\u200b-\u200d\u2060-\u2064](?=[A-Za-z])")
# Letters of other scripts that look like Latin ones, and signs that stand for letters.
_ALIKE = str.maketrans("аеорсухіјѕԁһӏαοερνι", "aeopcyxijsdhlaoepvi")
_SIGNS = str.maketrans("013457@$", "oieastas")
_SPELT = re.compile(r"\b(?:\w[ .\-_*·]){4,}\w\b")  # i g n o r e


@lru_cache(maxsize=4096)
def speaks_to_machine(text: str) -> bool:
    """Whether the text, or any part of it, gives orders to a model, takes its part in a chat, or hides what it says."""
    if _UNSEEN.search(text) or _TURN.search(text):
        return True
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split()).replace("’", "'")
    looks = plain if plain.isascii() else plain.translate(_ALIKE)
    joined = _SPELT.sub(lambda found: re.sub(r"[\W_]", "", found.group()), looks)
    return any(_ORDER.search(form) for form in {plain, looks, joined, joined.translate(_SIGNS)})
