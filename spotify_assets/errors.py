"""The errors that a person can act on: each is one sentence that says what happened, to whom, and what to do.

Nothing else lives here. Errors of one part (Spotify's answers, say) live with that part and derive from these.
"""


class UserError(Exception):
    """A problem that the person who runs the program can fix. The CLI prints it as one line and exits 1."""


class SettingsError(UserError):
    """An environment variable holds what can't be used."""


class WarehouseUnavailable(UserError):
    """Postgres can't be reached, or went away."""


class LakeUnavailable(UserError):
    """The lake (a folder or S3) can't be read or written."""
