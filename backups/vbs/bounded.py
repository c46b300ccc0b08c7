"""Answers read whole by somebody else's code, but never longer than allowed, however well they are
packed.
"""

import io
from typing import Any

import requests
import urllib3.exceptions
from urllib3 import HTTPResponse

from backups.vbs.deadline import DeadlineAdapter
from backups.vbs.errors import Malformed


class BoundedAdapter(DeadlineAdapter):
    """Raises Malformed for a body of more than `most` bytes, unpacked: keystoneauth1 itself would
    read on.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        response = super().send(*args, **{**kwargs, "stream": True})
        try:
            content = response.raw.read(self._most + 1, decode_content=True)
        except (urllib3.exceptions.HTTPError, OSError) as e:
            response.close()
            raise requests.ConnectionError(e) from e
        if len(content) > self._most:
            response.close()
            raise Malformed(
                f"The answer is longer than {self._most} bytes.", http_status=response.status_code
            )
        response.raw.release_conn()
        response.raw = HTTPResponse(body=io.BytesIO(content), preload_content=False)
        return response
