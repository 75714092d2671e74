"""A kill switch for two logins as a user of ib_async writes it: connect, cancel, then close what `positions()` shows.

The peer of `qe kill` in bench_kill.py. It follows ib_async's notebooks: `connect`, `reqGlobalCancel`, `positions`,
`placeOrder`, and waiting for each trade with `waitOnUpdate`. Where there was a choice it has the faster one: it cancels
as soon as each login is connected, and routes to SMART without looking contracts up. With `--no-wait` it sends all
orders first and waits afterwards. It must stay what a plain script is: nothing here is tuned for or against anybody.

    python benchmarks/peer_ib_async_kill.py PAPER_PORT LIVE_PORT [--no-wait]
"""

import sys

from ib_async import IB, MarketOrder


def main(ports: list[int], wait_for_each: bool) -> None:
    logins = []
    for client_id, port in enumerate(ports, start=1):
        ib = IB()
        ib.connect("127.0.0.1", port, clientId=client_id)
        ib.reqGlobalCancel()
        logins.append(ib)

    for ib in logins:
        for position in ib.positions():
            contract = position.contract
            contract.exchange = "SMART"  # positions name the listing exchange, or none at all
            side = "SELL" if position.position > 0 else "BUY"
            trade = ib.placeOrder(contract, MarketOrder(side, abs(position.position)))
            while wait_for_each and not trade.isDone():
                ib.waitOnUpdate()

    for ib in logins:
        while not all(trade.isDone() for trade in ib.trades()):
            ib.waitOnUpdate()
        ib.disconnect()


if __name__ == "__main__":
    words = sys.argv[1:]
    main([int(word) for word in words if word != "--no-wait"], "--no-wait" not in words)
