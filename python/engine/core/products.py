"""The groups of contracts that size limits are set for, by IBKR's security types. Options on futures are options."""

from __future__ import annotations

from enum import Enum


class Product(Enum):
    FUTURES = "futures"
    OPTIONS = "options"
    SHARES = "shares"
    OTHER = "other"  # currencies, bonds, funds, crypto and whatever has no group of its own


_PRODUCTS = {
    "FUT": Product.FUTURES,
    "CONTFUT": Product.FUTURES,
    "OPT": Product.OPTIONS,
    "FOP": Product.OPTIONS,
    "WAR": Product.OPTIONS,
    "IOPT": Product.OPTIONS,
    "STK": Product.SHARES,
}


def product_of(sec_type: str) -> Product:
    return _PRODUCTS.get(sec_type, Product.OTHER)
