"""Who may call: whoever knows BASIC_AUTH_USER and BASIC_AUTH_PASS, or anybody where they are empty."""

import hmac

from flask import request

from fishermask_backend.settings import load_settings


def has_credentials() -> bool:
    """Say whether the request has what Basic auth needs, if it is on."""
    settings = load_settings()
    if not settings.basic_auth_user:
        return True
    given = request.authorization
    user = (given.username or "") if given else ""
    password = (given.password or "") if given else ""
    # Both are always compared, each in constant time.
    good_user = hmac.compare_digest(user.encode(), settings.basic_auth_user.encode())
    good_password = hmac.compare_digest(password.encode(), settings.basic_auth_pass.encode())
    return good_user and good_password
