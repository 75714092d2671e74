"""Small questions that programs ask at their start: symbols, exchanges, news providers, families of accounts.

Where the simulator has nothing to offer the answer is an empty list and not silence: clients wait for it, and most of
these requests carry no id by which an error could reach them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.simulator.server.raw import Fields, RawHandler, reply

if TYPE_CHECKING:
    from engine.simulator.server.connection import Connection
    from engine.simulator.server.tws import TwsServer

MATCHES_MAX = 16  # as many as TWS gives
_EXCHANGES = (("0", "NASDAQ", "Q"), ("1", "NYSE", "N"), ("2", "ARCA", "P"), ("3", "BATS", "Z"))
_NO_SCANNERS = '<?xml version="1.0" encoding="UTF-8"?>\n<ScanParameterResponse></ScanParameterResponse>\n'


class LookupDesk:
    """Holds nothing."""

    def __init__(self, server: TwsServer) -> None:
        self._server = server

    def raw_handlers(self) -> dict[int, RawHandler]:
        return {
            12: _nothing,  # bulletins: there never is one
            13: _nothing,
            24: _scanner_parameters,
            67: _display_groups,
            68: _group_events,
            69: _nothing,
            70: _nothing,
            79: _soft_dollar_tiers,
            80: self._families,
            81: self._matching,
            82: lambda connection, fields: connection.send(reply(80, 0)),  # exchanges with market depth
            83: _smart_components,
            85: lambda connection, fields: connection.send(reply(85, 0)),  # news providers
            104: _user_info,
        }

    def _families(self, connection: Connection, fields: Fields) -> None:
        accounts = self._server.exchange.accounts
        connection.send(reply(78, len(accounts), *(text for account in accounts for text in (account, ""))))

    def _matching(self, connection: Connection, fields: Fields) -> None:
        req_id, pattern = fields.whole("reqId"), fields.text("pattern")
        catalogue = self._server.exchange.catalogue
        found = catalogue.matching(pattern)[:MATCHES_MAX]
        rows: list[object] = []
        for instrument in found:
            contract = instrument.contract
            derivatives = catalogue.derivatives_of(contract.symbol)
            venue = contract.primary_exchange or contract.exchange
            rows += [contract.con_id, contract.symbol, contract.sec_type, venue, contract.currency]
            rows += [len(derivatives), *derivatives]
            if connection.session.version >= 176:
                rows += [instrument.long_name, ""]
        connection.send(reply(79, req_id, len(found), *rows))


def _nothing(connection: Connection, fields: Fields) -> None:
    """TWS does not answer this either."""


def _scanner_parameters(connection: Connection, fields: Fields) -> None:
    connection.send(reply(19, 1, _NO_SCANNERS))


def _display_groups(connection: Connection, fields: Fields) -> None:
    fields.text("version")
    connection.send(reply(67, 1, fields.whole("reqId"), "1|2|3|4"))


def _group_events(connection: Connection, fields: Fields) -> None:
    fields.text("version")
    connection.send(reply(68, 1, fields.whole("reqId"), "none"))


def _soft_dollar_tiers(connection: Connection, fields: Fields) -> None:
    connection.send(reply(77, fields.whole("reqId"), 0))


def _smart_components(connection: Connection, fields: Fields) -> None:
    rows = [text for row in _EXCHANGES for text in row]
    connection.send(reply(82, fields.whole("reqId"), len(_EXCHANGES), *rows))


def _user_info(connection: Connection, fields: Fields) -> None:
    connection.send(reply(107, fields.whole("reqId"), ""))
