"""Label Studio's tokens at rest: encrypted with `SECRET_KEY`, or with a key file in MODEL_DIR."""

import base64
import hashlib
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
        self._fernet = Fernet(key)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the box that the settings name."""
        return cls(settings.secret_key, settings.model_dir)

    def seal(self, token: str) -> str:
        """Return the token encrypted."""
        return self._fernet.encrypt(token.encode()).decode()

    def open(self, sealed: str | None) -> str | None:
        """Return the token, or None if there is none or it was sealed with another key."""
        if not sealed:
            return None
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            return None


def _key_file(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        # Where another was first its key is the one.
        with suppress(FileExistsError), whole_file(path, private=True, replace=False) as draft:
            draft.write_bytes(Fernet.generate_key())
    return path.read_bytes().strip()
