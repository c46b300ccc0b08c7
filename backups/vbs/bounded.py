"""Answers read whole by somebody else's code, but never longer than allowed, however
well they are packed.
"""

import io
from typing import Any

import requests
import urllib3.exceptions
from urllib3 import HTTPResponse

from backups.vbs.deadline import DeadlineAdapter
from backups.vbs.errors import Malformed, request_id_of
from backups.vbs.proxies import Proxies
from backups.vbs.request_ids import HEADER as REQUEST_ID_HEADER
from backups.vbs.request_ids import new_id


class BoundedAdapter(DeadlineAdapter):
    """Raises Malformed for a body of more than `max_bytes`, unpacked: keystoneauth1
    itself would read on. `asked_url` is what was asked last. Each call gets an ID of its own.
    """

    def __init__(self, max_bytes: int, proxies: Proxies, verify: bool | str) -> None:
        super().__init__(proxies, verify)
        self._max_bytes = max_bytes
        self.asked_url = ""

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        self.asked_url = str(request.url)
        request.headers[REQUEST_ID_HEADER] = new_id()
        kwargs["stream"] = True
        response = super().send(request, *args, **kwargs)
        try:
            content = response.raw.read(self._max_bytes + 1, decode_content=True)
        except (urllib3.exceptions.HTTPError, OSError) as e:
            response.close()
            raise requests.ConnectionError(e) from e
        if len(content) > self._max_bytes:
            response.close()
            raise Malformed(
                f"The answer is longer than {self._max_bytes} bytes.",
                http_status=response.status_code,
                request_id=request_id_of(response.headers),
            )
        response.raw.release_conn()
        response.raw = HTTPResponse(body=io.BytesIO(content), preload_content=False)
        return response
