"""Tokens at rest: encrypted with Fernet under `TOKEN_ENCRYPTION_KEY`, or under a key that the home keeps."""

import re
from collections.abc import Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from spotify_assets.errors import SettingsError
from spotify_assets.settings import Settings
from spotify_assets.storage.private_files import ensure_private_folder, write_private

_HOW_TO_MAKE_ONE = "python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"


class TokenCipher:
    """Encrypts with the first key and decrypts with any of them, so that keys can be changed."""

    def __init__(self, keys: Sequence[Fernet], origin: str) -> None:
        self._first = keys[0]
        self._keys = MultiFernet(keys)
        self._origin = origin

    @classmethod
    def from_settings(cls, settings: Settings) -> "TokenCipher":
        """The cipher of these settings; makes the home's key file (mode 0600) on first use.

        Raises `SettingsError` for a malformed key, for a missing one when `DATABASE_URL` is set (others may read that
        database, and every machine that shares it needs the same key), and for a home that can't be used.
        """
        if settings.token_encryption_key is not None:
            return _cipher(settings.token_encryption_key.get_secret_value(), "TOKEN_ENCRYPTION_KEY")
        if settings.database_url is not None:
            raise SettingsError(
                "TOKEN_ENCRYPTION_KEY has to be set when DATABASE_URL is, so that every machine on that database can "
                f"read the logins; make a key with: {_HOW_TO_MAKE_ONE}"
            )
        path = settings.home_path / "token_encryption.key"
        try:
            return _cipher(_kept_key(path), str(path))
        except OSError as error:
            raise SettingsError(
                f"The key file {path} can't be used ({error.strerror}: {error.filename}); give access to it, or set "
                "TOKEN_ENCRYPTION_KEY."
            ) from error

    def __repr__(self) -> str:
        return f"TokenCipher(from {self._origin})"

    def encrypt(self, secret: str) -> bytes:
        """The stored form of a secret; different each time."""
        return self._keys.encrypt(secret.encode())

    def decrypt(self, stored: bytes) -> str:
        """The secret. Raises `SettingsError` when none of the keys wrote it."""
        try:
            return self._keys.decrypt(stored).decode()
        except InvalidToken:
            raise SettingsError(
                f"A stored login can't be decrypted with the key from {self._origin}; restore the key that wrote it "
                "(several may be given, separated by commas), or connect again with: spotify-assets login"
            ) from None

    def is_under_first_key(self, stored: bytes) -> bool:
        """Whether the first key wrote it: what holds for all stored tokens before the other keys may be dropped."""
        try:
            self._first.decrypt(stored)
        except InvalidToken:
            return False
        return True


def _kept_key(path: Path) -> str:
    if not path.exists():
        ensure_private_folder(path.parent)
        # Of two processes that come here at once, the first one's key is everybody's.
        write_private(path, Fernet.generate_key().decode(), replace=False)
    return path.read_text()


def _cipher(keys: str, origin: str) -> TokenCipher:
    try:
        fernets = [Fernet(key) for key in re.split(r"[\s,]+", keys) if key]
    except ValueError:
        fernets = []
    if not fernets:
        raise SettingsError(
            f"{origin} holds no usable key; each should be 44 characters, made with: {_HOW_TO_MAKE_ONE}"
        )
    return TokenCipher(fernets, origin)
