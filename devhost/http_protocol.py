"""HTTP/1.1 as uvicorn speaks it, with offers of another protocol passed over, and what else clients rely on.

httptools ends a request at an offer (`Upgrade: h2c`, as Java and `curl --http2` send it), and its body is lost. A
server that does not take an offer up ignores it (RFC 9110, 7.8): the request is read anew without it, which costs
other requests nothing.
"""

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class HttpProtocol(HttpToolsProtocol):
    """One connection."""

    def data_received(self, data: bytes) -> None:
        """Bytes of requests, in any pieces."""
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._pass_over(data[offer.args[0] :])
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio asks for this, uvicorn only forgets it
        """The client sends no more. One that only closed its half is answered what it asked (RFC 9112, 9.6)."""
        waits = self.cycle is not None and not (self.cycle.response_complete or self.cycle.more_body)
        if waits:
            self.cycle.keep_alive = False
        return waits

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; blanks around its value are no part of it (RFC 9110, 5.5), which httptools leaves at the end."""
        super().on_header(name, value.strip(b" \t"))

    def on_headers_complete(self) -> None:
        """The head of a request is there; one with an offer begins later."""
        if not self.parser.should_upgrade():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The whole request is there, unless it is only the head of one with an offer."""
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def _pass_over(self, rest: bytes) -> None:
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        if method == b"CONNECT":  # its path is no path, and it asks for a tunnel
            self.send_400_response("CONNECT is not taken.")
            return
        head = [b"%b %b HTTP/%b" % (method, self.url, version)]
        head += [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's own
        self.data_received(b"\r\n".join([*head, b"", rest]))
