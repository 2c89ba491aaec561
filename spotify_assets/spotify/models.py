"""The answers that this part itself reads: tokens and the profile. They need little and survive what they don't know.

Plays, tracks, albums and artists are read from the lake, in `listening/` and `catalog/`.
"""

import math
import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

# One hour, which Spotify documents as an access token's life.
DEFAULT_LIFE = 3600


def _life(value: object) -> int:
    # A rotating answer whose `expires_in` makes no sense still carries the only valid refresh token.
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return DEFAULT_LIFE
    return min(max(int(value), 0), 86_400)


def _header_safe(token: SecretStr) -> SecretStr:
    # What can't stand in a header line is no token, and http.client's complaint about it would quote it.
    if not re.fullmatch(r"[\x21-\x7e]+", token.get_secret_value()):
        raise ValueError("not an access token")
    return token


def _text(value: object) -> object:
    # An optional field that holds something else than text counts as absent.
    return value if isinstance(value, str | SecretStr) and value else None


class TokenAnswer(BaseModel):
    """What the token endpoint hands out. Unknown keys are dropped here, because they could be secrets too."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    access_token: Annotated[SecretStr, AfterValidator(_header_safe)]
    refresh_token: Annotated[SecretStr | None, BeforeValidator(_text)] = None
    """Absent when the one sent stays valid, which is the rule for apps with a secret."""
    scope: Annotated[str | None, BeforeValidator(_text)] = None
    expires_in: Annotated[int, BeforeValidator(_life)] = DEFAULT_LIFE
    """Life of the ACCESS token in seconds; nothing tells the refresh token's."""


class Profile(BaseModel):
    """The account behind a login (`GET /me`)."""

    model_config = ConfigDict(frozen=True, extra="allow", hide_input_in_errors=True)

    id: Annotated[str, Field(min_length=1)]
    account_id: Annotated[str | None, BeforeValidator(_text)] = None
    """Immutable, sent since May 2026; `id` stands in for it where it is absent."""
    display_name: Annotated[str | None, BeforeValidator(_text)] = None

    @property
    def account(self) -> str:
        """What tells this account from all others."""
        return self.account_id or self.id
