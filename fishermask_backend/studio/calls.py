"""Calls of Label Studio's API under one key: JSON there, and JSON back, whatever it is."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx
from label_studio_sdk import LabelStudio
from label_studio_sdk.core.api_error import ApiError
from label_studio_sdk.core.http_client import HttpClient

from fishermask_backend.studio.http import http_client
from fishermask_backend.studio.records import OddAnswer
from fishermask_backend.studio.refusals import as_label_studio_error


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


class Calls:
    """Calls of Label Studio's API under one key.

    Args:
        address: `LABEL_STUDIO_URL`.
        key: Personal access token or legacy token.
        timeout: Seconds a call may take.
        headers: What a proxy in front of Label Studio asks for; goes wherever the key goes.

    Proxies come from HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY.

    Raises:
        CertificatesUnusable: The environment names a company's authority that cannot be read.
    """

    def __init__(
        self,
        address: str,
        key: str,
        *,
        timeout: float = 60.0,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._address, self._extra = address, dict(headers or {})
        self._http = http_client(timeout, self._extra)
        with as_label_studio_error("log in"):
            # Retries are the worker's: here they would keep other projects waiting.
            self._api = LabelStudio(
                base_url=address, api_key=key, httpx_client=self._http, max_retries=0
            )
        self._raw = self._api._client_wrapper  # what the SDK's own calls use
        # Without the slash a personal token would be sent to the host, not below the address's path.
        self._raw._tokens_client._base_url = f"{address}/"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def authorization(self) -> dict[str, str]:
        """Return the headers that open Label Studio's own files; refreshed when they expire."""
        with as_label_studio_error("refresh the access token"):
            return {**self._extra, "Authorization": self._raw.get_headers()["Authorization"]}

    def api(self) -> httpx.Client:
        """Return a client for calls that the SDK has not, under the same key; to be closed."""
        client = http_client(60, self.authorization())
        client.base_url = httpx.URL(f"{self._address}/api/")
        return client

    def send(
        self, method: str, path: str, body: Any = None, *, params: dict[str, Any] | None = None
    ) -> Any:
        """Make a call as `send` does."""
        return send(self._raw.httpx_client, method, path, body, params)
