"""IBKR's ibapi 9.81.1 as a program that buys, sells what it holds and cancels, over and over, until its input ends.

Runs in that client's environment. Arguments: port, client id, seconds between two turns, the ids of the stock that it
buys and of the one that it sells. Ends with 1 if it was disconnected before.
"""

import sys
import threading

from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.order import Order
from ibapi.wrapper import EWrapper

PORT, CLIENT_ID, EVERY_S, BOUGHT, SOLD = (float(one) if "." in one else int(one) for one in sys.argv[1:])


class Program(EWrapper, EClient):
    def __init__(self):
        EClient.__init__(self, self)
        self.ready = threading.Event()
        self.closed = False

    def nextValidId(self, orderId):
        self.ready.set()

    def connectionClosed(self):
        self.closed = True


def contract(con_id):
    made = Contract()
    made.conId, made.exchange = con_id, "SMART"
    return made


def order(action, quantity, price):
    made = Order()
    made.action, made.totalQuantity, made.tif = action, quantity, "DAY"
    made.orderType = "MKT" if price is None else "LMT"
    if price is not None:
        made.lmtPrice = price
    return made


def trade(program, ended):
    turn = 0
    while not ended.wait(EVERY_S):
        turn += 1
        number = 10 * turn
        program.placeOrder(number, contract(BOUGHT), order("BUY", 600 + turn, round(1 + turn % 50 / 100, 2)))
        if turn % 2:
            program.placeOrder(number + 1, contract(SOLD), order("SELL", 3, None))
        if turn > 3:
            program.cancelOrder(number - 30)


def main():
    program, ended = Program(), threading.Event()
    program.connect("127.0.0.1", PORT, CLIENT_ID)
    threading.Thread(target=program.run, daemon=True).start()
    program.ready.wait(20)
    trading = threading.Thread(target=trade, args=(program, ended))
    trading.start()
    sys.stdin.read()
    ended.set()
    trading.join()
    closed = program.closed
    program.disconnect()
    return int(closed)


sys.exit(main())
