"""One call of Label Studio's API: JSON there, and JSON back, whatever it is."""

from typing import Any

from label_studio_sdk.core.api_error import ApiError
from label_studio_sdk.core.http_client import HttpClient

from fishermask_backend.studio.records import OddAnswer


def send(
    client: HttpClient,
    method: str,
    path: str,
    body: Any = None,
    params: dict[str, Any] | None = None,
) -> Any:
    """Make a call; its answer as JSON, None if it has none.

    Args:
        client: The SDK's, which knows the key.
        method: Of HTTP.
        path: Below Label Studio's address, without the first slash.
        body: JSON.
        params: Of the query.

    Raises:
        ApiError: Label Studio refused, or its answer is no JSON; has the answer, or its text.
        OddAnswer: It is JSON that nobody can read.
    """
    response = client.request(path, method=method, json=body, params=params)
    answer: Any = None
    is_json = True
    if response.content:
        try:
            answer = response.json()
        except ValueError:
            answer, is_json = response.text, False
        except RecursionError:
            raise OddAnswer("has lists in lists in lists") from None
    if not (response.is_success and is_json):
        headers = dict(response.headers)
        raise ApiError(status_code=response.status_code, headers=headers, body=answer)
    return answer
