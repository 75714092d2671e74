"""The first second of an emergency: the few constant messages, and a reader for the answers to them.

The kill writes these bytes before the rest of the program is loaded, so this file must never import anything.
Everything here equals what the codec produces (tests/wire/test_opening.py); whatever arrives is kept and handed to a
full `ClientSession.resume(...)` (or `greeting(...)`) afterwards, so nothing is lost by starting early.
"""

FRAME_LIMIT = 0xFFFFFF
RECEIVED_LIMIT = 2 * FRAME_LIMIT  # bytes kept for the full session, which has long taken over by then


def hello(minimum: int = 100, maximum: int = 178) -> bytes:
    """The client's first bytes: the API mark and the framed version range."""
    versions = b"v%d" % minimum if minimum == maximum else b"v%d..%d" % (minimum, maximum)
    return b"API\0" + _frame(versions)


def start_api(version: int, client_id: int) -> bytes:
    """Startapi, framed. The same at every version from 100 to 178, as are the messages below."""
    return _frame(b"71\x002\x00%d\0\0" % client_id)


def global_cancel(version: int) -> bytes:
    """Cancel every open order of the login, framed."""
    return _frame(b"58\x001\0")


def req_all_open_orders(version: int) -> bytes:
    """Ask for the open orders of every client and of TWS, framed."""
    return _frame(b"16\x001\0")


def req_current_time(version: int) -> bytes:
    """Ask for TWS's clock, framed."""
    return _frame(b"49\x001\0")


def _frame(payload: bytes) -> bytes:
    return len(payload).to_bytes(4, "big") + payload


class Opening:
    """Reads the server's first answers: its version, the next order id, the accounts, and "client id in use" (326).

    Everything it does not know is left alone. `fault` is non-empty once the stream cannot be a usable TWS opening;
    it never raises, because the caller has nothing loaded yet that could handle an exception well.
    """

    def __init__(self) -> None:
        self.version: int | None = None
        self.server_time = ""
        self.next_order_id: int | None = None
        self.accounts: tuple[str, ...] = ()
        self.client_id_in_use = False
        self.fault = ""
        self._stream = bytearray()  # everything received
        self._read = 0  # how much of it has been read
        self._hello_end = 0

    @property
    def received(self) -> bytes:
        """Every byte after the server's hello, read or not, for ClientSession.resume(buffered=...)."""
        return bytes(self._stream[self._hello_end :]) if self._hello_end else b""

    @property
    def half_hello(self) -> bytes:
        """What has come of the server's hello while that is not complete, for ClientSession.greeting(...)."""
        return b"" if self._hello_end else bytes(self._stream)

    @property
    def ready(self) -> bool:
        """TWS accepts requests: the next order id and the accounts have both arrived."""
        return self.next_order_id is not None and bool(self.accounts) and not self.fault

    def feed(self, data: bytes) -> None:
        """Take received bytes in."""
        stream = self._stream
        if self.fault or len(stream) > RECEIVED_LIMIT:
            self.fault = self.fault or "more data than a TWS opening can hold"
            return
        stream += data
        while not self.fault and len(stream) >= self._read + 4:
            start = self._read + 4
            end = start + int.from_bytes(stream[self._read : start], "big")
            if end - start > FRAME_LIMIT:
                self.fault = "a frame larger than TWS sends: check host and port"
            if self.fault or len(stream) < end:
                return
            fields = bytes(stream[start:end]).split(b"\0")
            self._read = end
            if self.version is None:
                self._hello_end = end
                self._read_hello(fields)
            else:
                self._read_message(fields)

    def _read_hello(self, fields: list[bytes]) -> None:
        if fields[0] == b"-1":
            self.fault = "the server redirects elsewhere, which is never followed"
        elif len(fields) != 3 or not fields[0].isdigit() or len(fields[0]) > 9:
            self.fault = "the answer is not a TWS handshake: check host and port"
        else:
            self.version = int(fields[0])
            self.server_time = fields[1].decode("latin-1")

    def _read_message(self, fields: list[bytes]) -> None:
        if fields[0] == b"9" and len(fields) > 3 and fields[2].removeprefix(b"-").isdigit() and len(fields[2]) <= 19:
            self.next_order_id = int(fields[2])
        elif fields[0] == b"15" and len(fields) > 3:
            names = fields[2].decode("latin-1").split(",")
            self.accounts = tuple(name for name in names if name)
        elif fields[0] == b"4" and len(fields) > 4 and fields[3] == b"326":
            self.client_id_in_use = True
