"""The tokens that the simulated accounts service has given out, and the file that keeps them over a restart.

Tokens look random and follow from the seed and a counter. They are never logged and no admin address returns them.
"""

import json
import os
from base64 import urlsafe_b64encode
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import blake2b
from pathlib import Path


@dataclass(frozen=True)
class AccessToken:
    """A Bearer token; `user` None is an app token of the client credentials flow."""

    user: str | None
    scope: str
    expires_at: datetime


@dataclass(frozen=True)
class RefreshToken:
    """A refresh token. It expires a fixed time after the consent, whatever happens in between."""

    user: str
    scope: str
    consented_at: datetime
    expires_at: datetime
    is_revoked: bool = False
    uses: int = 0


@dataclass(frozen=True)
class Code:
    """An authorization code, good for one exchange."""

    user: str
    scope: str
    redirect_uri: str
    challenge: str | None
    consented_at: datetime
    expires_at: datetime


class TokenBook:
    """All tokens of one simulator, with a file behind them where a path is given."""

    def __init__(self, seed: int, path: Path | None = None) -> None:
        self._seed = seed
        self._path = path
        self._counter = 0
        self.access: dict[str, AccessToken] = {}
        self.refresh: dict[str, RefreshToken] = {}
        self.codes: dict[str, Code] = {}
        if path is not None and path.exists():
            self._load(json.loads(path.read_text()))

    def new(self, kind: str) -> str:
        """A token that nobody can guess, of Spotify's length: `kind` is `access`, `refresh` or `code`."""
        self._counter += 1
        prefix, size = {"access": ("BQ", 150), "refresh": ("AQ", 96), "code": ("AQ", 132)}[kind]
        key = f"{self._seed}|{kind}|{self._counter}".encode()
        blocks = b"".join(blake2b(key, salt=bytes([block])).digest() for block in range(3))
        return prefix + urlsafe_b64encode(blocks[:size]).decode().rstrip("=")

    def revoke(self, user: str, *, access_only: bool) -> None:
        """Makes a listener's access tokens invalid, and, unless told otherwise, their refresh tokens."""
        self.access = {key: token for key, token in self.access.items() if token.user != user}
        if not access_only:
            for key, token in self.refresh.items():
                if token.user == user:
                    self.refresh[key] = RefreshToken(**{**asdict(token), "is_revoked": True})
        self.save()

    def save(self) -> None:
        """Writes the file, whole or not at all, readable by its owner only."""
        if self._path is None:
            return
        kept = {
            "counter": self._counter,
            "access": {key: asdict(token) for key, token in self.access.items()},
            "refresh": {key: asdict(token) for key, token in self.refresh.items()},
        }
        new = self._path.with_name(self._path.name + ".new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(kept, file, default=datetime.isoformat)
        new.replace(self._path)

    def _load(self, kept: dict[str, dict[str, dict[str, object]]]) -> None:
        self._counter = int(str(kept["counter"]))
        for key, fields in kept["access"].items():
            user = fields["user"]
            self.access[key] = AccessToken(
                user=None if user is None else str(user),
                scope=str(fields["scope"]),
                expires_at=datetime.fromisoformat(str(fields["expires_at"])),
            )
        for key, fields in kept["refresh"].items():
            self.refresh[key] = RefreshToken(
                user=str(fields["user"]),
                scope=str(fields["scope"]),
                consented_at=datetime.fromisoformat(str(fields["consented_at"])),
                expires_at=datetime.fromisoformat(str(fields["expires_at"])),
                is_revoked=bool(fields["is_revoked"]),
                uses=int(str(fields["uses"])),
            )
