"""Label Studio's tokens at rest: encrypted with `SECRET_KEY`, or with a key file in MODEL_DIR.

The same key marks whose state a process uses.
"""

import base64
import hashlib
import hmac
from contextlib import suppress
from pathlib import Path
from typing import Self

from cryptography.fernet import Fernet, InvalidToken

from fishermask_backend.settings import Settings
from fishermask_backend.state import KEY_FILE, whole_file


class TokenBox:
    """Encrypts and decrypts tokens.

    Args:
        secret: `SECRET_KEY`; if empty a key is made once and kept in `folder` with mode 0600.
        folder: `MODEL_DIR`.
    """

    def __init__(self, secret: str, folder: Path) -> None:
        if secret:
            key = base64.urlsafe_b64encode(hashlib.sha256(secret.encode()).digest())
        else:
            key = _key_file(folder / KEY_FILE)
        self._key, self._fernet = key, Fernet(key)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the box that the settings name."""
        return cls(settings.secret_key, settings.model_dir)

    def seal(self, token: str) -> str:
        """Return the token encrypted."""
        return self._fernet.encrypt(token.encode()).decode()

    def mark(self, text: str) -> str:
        """Return what stands for a text under this key, and leads back to neither."""
        return hmac.digest(self._key, text.encode(), "sha256").hex()[:16]

    def open(self, sealed: str | None) -> str | None:
        """Return the token, or None if there is none or it was sealed with another key."""
        if not sealed:
            return None
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            return None


def fingerprint(settings: Settings) -> str:
    """Return a mark of whose state and Label Studio a process uses; says nothing to whoever has no key.

    Empty where there is no key to be had.
    """
    database = settings.database_url
    if settings.secret_key and not database:  # else the key is of this MODEL_DIR alone
        database = str(settings.model_dir.resolve())
    try:
        return TokenBox.of(settings).mark(f"{database} {settings.label_studio_url}")
    except (OSError, ValueError):
        return ""


def _key_file(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        # Where another was first its key is the one.
        with suppress(FileExistsError), whole_file(path, private=True, replace=False) as draft:
            draft.write_bytes(Fernet.generate_key())
    return path.read_bytes().strip()
