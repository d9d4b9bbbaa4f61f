"""Words the gate knows by itself: those that say nothing, those that say the same, those that turn a sentence round."""

from __future__ import annotations

# Function words carry no fact. Words such as "only", "before" or "most" do, and have to stand in the papers.
FUNCTION = frozenset(
    """a about also am an and are as at be because been being but by can could d did do does doing for from had has
    have having he her here hers herself him himself his how i if in into is it its itself ll m me my myself of on or
    our ours ourselves re s shall she should so such than that the their theirs them themselves then there these they
    this those though to too ve was we were what when where which while who whom whose why will with would you your
    yours yourself""".split()
)

# What an answer may add of its own: it speaks of telling and of the film as such, never of what is told.
TELLING = frozenset(
    """film films movie movies picture story says say said tells tell told describes described mentions mentioned
    notes noted explains explained according papers paper passage called named known includes include included
    titled yes per""".split()
)

# Each line holds words that say the same of a film; one of them in the papers carries any other.
_SAME = """
film movie picture feature
direct directs directed directing director filmmaker helmed
write writes wrote written writing writer screenwriter penned screenplay script
produce produces produced producing producer
star stars starred starring star actor actress cast plays play played playing portrays portrayed performs performer
shot shoot shooting filmed filming
premiere premiered premieres debuted debut opened screened
compose composed composes composer score music
run runs running runtime lasts last length long duration
live lives lived living resides
begin begins began begun start starts started
win wins won winning awarded
child children kid kids
""".strip().splitlines()
SAME = tuple(frozenset(line.split()) for line in _SAME)

NEGATIONS = frozenset(
    """no not never none nobody nothing neither nor nowhere without cannot hardly barely unable refused refuses denied
    denies failed fails ain aren couldn didn doesn don hadn hasn haven isn mustn needn shan shouldn wasn weren won't
    wouldn can't""".split()
)

PRONOUNS = frozenset("he she it they him her them his hers its their theirs i me my mine we us our who whose".split())

_UNITS = "zero one two three four five six seven eight nine ten eleven twelve".split()
_MORE = {"dozen": "12", "twenty": "20", "thirty": "30", "forty": "40", "fifty": "50", "hundred": "100"}
NUMBERS = {word: str(value) for value, word in enumerate(_UNITS)} | _MORE | {"thousand": "1000", "million": "1000000"}
# "one" is more often a pronoun than a count, and no paper's count of one is worth a sentence that is cut.
del NUMBERS["one"]
