"""ib_async and nautilus-ibapi in our own process, without sockets: what they would send, and what they hear.

Each is the client's real encoder or decoder; only the connection under it is replaced by a list.
"""

from __future__ import annotations

import datetime
import logging
import types
from typing import Any

import ib_async
from ib_async.client import Client as AsyncClient
from ib_async.decoder import Decoder as AsyncDecoder
from ibapi import comm
from ibapi.client import EClient
from ibapi.decoder import Decoder as NautilusDecoder
from ibapi.wrapper import EWrapper

from conformance.drivers.build import build, ibapi_types, insync_types, plain
from conformance.names import IB_ASYNC, NAUTILUS
from conformance.speech import call
from engine.wire.frames import FrameReader
from engine.wire.requests import Request, StartApi

Heard = list[tuple[str, list[Any]]]  # the client's callbacks: name and arguments, as plain data


class Recorder:
    """A wrapper that answers to every name and writes down what it is told."""

    def __init__(self) -> None:
        self.heard: Heard = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)

        def record(*arguments: Any) -> None:
            self.heard.append((name, [plain(argument) for argument in arguments]))

        return record


class _Sink:
    """Takes the place of a connection: keeps what is written."""

    def __init__(self) -> None:
        self.frames = FrameReader()
        self.payloads: list[bytes] = []

    def sendMsg(self, data: bytes) -> None:
        self.payloads += self.frames.feed(data)

    def isConnected(self) -> bool:
        return True


class IbAsyncSpeaker:
    """ib_async's request methods; its throttle is off, or a thousand requests would take half a minute."""

    def __init__(self, version: int) -> None:
        self._client = AsyncClient(Recorder())
        self._sink = self._client.conn = _Sink()
        self._client.connState = AsyncClient.CONNECTED
        self._client._serverVersion = self._version = version
        self._client.MaxRequests = 0
        self._types = insync_types(ib_async)

    def say(self, request: Request) -> list[bytes]:
        """The payloads that the client sends for this request."""
        self._sink.payloads.clear()
        if isinstance(request, StartApi):
            self._client.clientId, self._client.optCapab = request.client_id, request.optional_capabilities
            self._client.startApi()
        else:
            spoken = call(request, IB_ASYNC, self._version)
            getattr(self._client, spoken["method"])(*build(spoken["args"], self._types))
        return list(self._sink.payloads)


class NautilusSpeaker:
    """IBKR's newest client. It swallows its own exceptions and reports them to the wrapper: `complaints`."""

    def __init__(self, version: int) -> None:
        self._wrapper = Recorder()
        self._client = EClient(self._wrapper)
        self._sink = self._client.conn = _Sink()
        self._client.setConnState(EClient.CONNECTED)
        self._client.serverVersion_ = self._version = version
        self._types = ibapi_types()

    @property
    def complaints(self) -> list[Any]:
        return [arguments for name, arguments in self._wrapper.heard if name == "error"]

    def say(self, request: Request) -> list[bytes]:
        """The payloads that the client sends for this request."""
        self._sink.payloads.clear()
        self._wrapper.heard.clear()
        if isinstance(request, StartApi):
            self._client.clientId, self._client.optCapab = request.client_id, request.optional_capabilities
            self._client.startApi()
        else:
            spoken = call(request, NAUTILUS, self._version)
            getattr(self._client, spoken["method"])(*build(spoken["args"], self._types))
        return list(self._sink.payloads)


class IbAsyncListener:
    """ib_async's decoder. It logs what it cannot decode and goes on, so a log record is a failure here."""

    def __init__(self, version: int) -> None:
        self._recorder = _AsyncRecorder()
        self._decoder = AsyncDecoder(self._recorder, version)
        self._complaints = _Complaints()
        self._decoder.logger = self._complaints

    def hear(self, payload: bytes) -> Heard:
        self._recorder.heard.clear()
        fields = payload.decode(errors="backslashreplace").split("\0")
        fields.pop()
        self._decoder.interpret(fields)
        self._complaints.check()
        return list(self._recorder.heard)


class _AsyncRecorder(Recorder):
    """What ib_async's decoder asks of its wrapper beside the callbacks: time zones for executions."""

    defaultTimezone = datetime.UTC  # noqa: N815 - its name
    ib = types.SimpleNamespace(TimezoneTWS="UTC")


class _Complaints(logging.Logger):
    """A logger whose every record is an error of the test."""

    def __init__(self) -> None:
        super().__init__("conformance")
        self._messages: list[str] = []

    def exception(self, msg: object, *args: object, **kwargs: Any) -> None:
        self._messages.append(str(msg))

    def check(self) -> None:
        if self._messages:
            raise AssertionError(self._messages.pop())


class _NautilusRecorder(EWrapper):
    """IBKR's decoder looks callbacks up by the signatures of its own wrapper class, so this is one."""

    def __init__(self) -> None:
        self.heard: Heard = []

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("_") or name == "heard" or not hasattr(EWrapper, name):
            return super().__getattribute__(name)

        def record(*arguments: Any) -> None:
            self.heard.append((name, [plain(argument) for argument in arguments]))

        return record


class NautilusListener:
    """IBKR's newest decoder, on its text path."""

    def __init__(self, version: int) -> None:
        self._recorder = _NautilusRecorder()
        self._decoder = NautilusDecoder(self._recorder, version)
        self._decoder.discoverParams()

    def hear(self, payload: bytes) -> Heard:
        self._recorder.heard.clear()
        message_id, _, rest = payload.partition(b"\0")
        self._decoder.interpret(comm.read_fields(rest), int(message_id))
        return list(self._recorder.heard)
