"""`qe verify`: our records against the broker, login by login. All are asked at the same time.

Exit: 0 all match, 1 something differs, 2 something could not be read; the worst of all logins.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

import msgspec

from engine.cli.exits import EXIT_CANNOT, EXIT_REFUSED, EXIT_USAGE
from engine.cli.login_names import Named, choose_or_tell
from engine.config.places import config_file
from engine.config.reader import plan_for_kill
from engine.trading import IBKRAccountManager, TradingError, TradingMode
from engine.trading.verification import Verification


def verify(arguments: argparse.Namespace) -> int:
    """Run it; the exit codes stand in the help."""
    chosen = choose_or_tell("verify", arguments.logins, arguments.config)
    if chosen is None:
        return EXIT_USAGE
    if arguments.adopt and not (arguments.reason or "").strip():
        print("qe verify: --adopt needs --reason TEXT: it is kept with the records. Nothing was done.", file=sys.stderr)
        return EXIT_USAGE
    if arguments.adopt and not arguments.logins:
        print("qe verify: --adopt needs the logins it is meant for. Nothing was done.", file=sys.stderr)
        return EXIT_USAGE
    found = asyncio.run(_verify_all(chosen.logins, arguments))
    told = [one for one in found if isinstance(one, Verification)]
    for one in found:
        if isinstance(one, TradingError):
            print(one, file=sys.stderr)
    if arguments.json:
        print(msgspec.json.encode([one.to_dict() for one in told], enc_hook=str).decode())
    else:
        print("\n\n".join(map(str, told)))
    refused = len(told) < len(found)
    return max([one.exit_code for one in told] + [EXIT_REFUSED] * refused + [EXIT_CANNOT] * (not found))


async def _verify_all(logins: tuple[Named, ...], arguments: argparse.Namespace) -> list[Verification | TradingError]:
    places = {place.name: place for place in plan_for_kill(config_file(arguments.config)).places}
    manager = IBKRAccountManager()
    for one in logins:
        place = places[one.name]
        manager.add_account(place.name, TradingMode(place.mode), host=place.host, port=place.port)

    async def of(name: str) -> Verification | TradingError:
        try:
            return await manager.verify(
                name, adopt=arguments.adopt, reason=arguments.reason or "", halt=not arguments.no_halt
            )
        except TradingError as error:
            return error

    return list(await asyncio.gather(*(of(one.name) for one in logins)))
