"""Proof that a form was sent from a page of this backend: browsers send credentials for any page."""

from itsdangerous import BadSignature, URLSafeTimedSerializer

from fishermask_backend.settings import Settings
from fishermask_backend.store.tokens import TokenBox

DAY = 86_400  # seconds that an open page's buttons work


def _serializer(settings: Settings) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(TokenBox.of(settings).mark("forms of the page"))


def form_token(settings: Settings, studio_id: int) -> str:
    """Return what a project's forms carry; only this backend can make it."""
    return _serializer(settings).dumps(studio_id)


def holds(settings: Settings, studio_id: int, token: str) -> bool:
    """Say whether a form carries what a page of this project was given within the last day."""
    try:
        return bool(_serializer(settings).loads(token, max_age=DAY) == studio_id)
    except BadSignature:
        return False
