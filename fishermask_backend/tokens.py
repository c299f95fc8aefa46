"""Label Studio's tokens at rest: encrypted with `SECRET_KEY`, or with a key file in MODEL_DIR."""

import base64
import hashlib
import os
import tempfile
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

KEY_FILE = "secret.key"


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
        descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # mode 0600
        with os.fdopen(descriptor, "wb") as file:
            file.write(Fernet.generate_key())
        try:
            os.link(draft, path)  # fails where another was first: its key is the one
        except FileExistsError:
            pass
        finally:
            Path(draft).unlink()
    return path.read_bytes().strip()
