"""What comes over a connection before there is a request: bounded, and answered in words where it is no HTTP.

uvicorn's fast parser takes headers without end and says plain text of what it cannot read.
"""

import json

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from serving.problems import Problem, ProblemJSON

MAX_HEAD = 65_536
"""Bytes of an address and headers together, give or take one read of the socket."""
_SAFE = b"x-content-type-options: nosniff\r\ncache-control: no-store\r\nconnection: close\r\n"


class Protocol(HttpToolsProtocol):
    """HTTP/1.1 on one connection."""

    _open_head = False
    _head = 0

    def data_received(self, data: bytes) -> None:
        """Bytes have come; a head that goes on and on ends the connection."""
        super().data_received(data)
        if self._open_head:
            self._head += len(data)
            if self._head > MAX_HEAD and not self.transport.is_closing():
                self._refuse(Problem(431, "head-too-large", f"address and headers hold at most {MAX_HEAD:,} bytes"))

    def on_message_begin(self) -> None:
        """A request begins."""
        self._open_head, self._head = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Its head is whole."""
        self._open_head = False
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self._refuse(Problem(400, "http", "this is not HTTP/1.1 as the service reads it"))

    def _refuse(self, problem: Problem) -> None:
        body = json.dumps(problem.to_dict()).encode("ascii")
        told = f"content-type: {ProblemJSON.media_type}\r\ncontent-length: {len(body)}\r\n".encode("ascii")
        self.transport.write(STATUS_LINE[problem.status] + told + _SAFE + b"\r\n" + body)
        self.transport.close()
