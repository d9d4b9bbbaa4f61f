"""What can go wrong, in words a film team can act on: what happened, the value, the next command."""


class KarmalinkError(Exception):
    """Base of every error meant for the user; `exit_status` is what the command line ends with."""

    exit_status = 1


class InputError(KarmalinkError):
    """Something the user gave is wrong: a folder, a file, an argument."""

    exit_status = 2


class SettingsError(InputError):
    """A KARMALINK_* variable or an argument of the same name is unknown or has a wrong value."""


class IndexMissing(KarmalinkError):
    """No index stands where one was looked for."""


class IndexDamaged(KarmalinkError):
    """An index stands there and cannot be read."""


class IndexStale(KarmalinkError):
    """The index was made with another model, passage size or layout."""


class IndexLocked(KarmalinkError):
    """Another build holds the index."""


class PaperError(KarmalinkError):
    """One paper cannot be used; the message is the reason, without the paper's name."""
