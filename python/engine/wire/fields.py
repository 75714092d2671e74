"""One field of a message: text to value and back, for each kind of field the protocol has.

Strict by design: what is not exactly a number is refused, and blank, unset, zero and infinity stay four different
things. Only a worth that TWS calculates may be NaN, which says that there is none. Must never guess, and never let a
hostile number cost more than its length (1E999999999 stays small).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Clamped, Context, Decimal, Inexact, InvalidOperation, Overflow, Rounded, Subnormal, Underflow
from typing import Any

from engine.core.units import BLANK, UNSET, Absent, Flag, Number, Whole

UNSET_WHOLE = "2147483647"
UNSET_NUMBER = "1.7976931348623157E308"  # as TWS spells it
UNSET_NUMBER_FROM_CLIENT = "1.7976931348623157e+308"  # as the official Python clients spell it
NOT_A_NUMBER = "NaN"  # as Java spells it

_MEMO_ENTRIES_MAX = 8192
_SERIALS_MAX = 512  # an order's ids come for some seconds or minutes, then never again
_MEMO_TEXT_MAX = 64
_DIGITS_MAX = 400  # the largest double has 309 digits; anything longer is not a quantity
_EXPONENT_MAX = 308  # a double goes no further
_EXPONENT_FORM = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d{1,3}", re.ASCII)

_NUMBERS: dict[str, Number] = {
    "": BLANK,
    "0": Decimal(0),
    "0.0": Decimal("0.0"),
    UNSET_WHOLE: UNSET,
    "9223372036854775807": UNSET,
    "-9223372036854775808": UNSET,
    "170141183460469231731687303715884105727": UNSET,  # UNSET_DECIMAL of the official clients: 2**127 - 1
    UNSET_NUMBER: UNSET,
    UNSET_NUMBER_FROM_CLIENT: UNSET,
    "1.7976931348623157E+308": UNSET,
    "1.7976931348623157e308": UNSET,
    "Infinity": Decimal("Infinity"),
    "Infinite": Decimal("Infinity"),  # ib_async's spelling
    "inf": Decimal("Infinity"),
    "-Infinity": Decimal("-Infinity"),
}
_WHOLES: dict[str, Whole] = {"": BLANK, "0": 0, "1": 1, UNSET_WHOLE: UNSET, "9223372036854775807": UNSET}
_FLAGS: dict[str, Flag] = {"0": False, "1": True, "": BLANK, "false": False, "true": True, UNSET_WHOLE: UNSET}
_BOOLS = {"0": False, "1": True, "false": False, "true": True}


class Memo(dict[str, Any]):
    """A parser that remembers short texts it has read: the same few prices, sizes and flags come again and again.

    `memo[text]` gives the value or raises ValueError; `known` holds the same values in a plain dictionary, which Python
    reads faster. Both start over when full, so they stay small.
    """

    __slots__ = ("_entries_max", "_parse", "known")

    def __init__(self, parse: Callable[[str], Any], entries_max: int = _MEMO_ENTRIES_MAX) -> None:
        super().__init__()
        self._parse = parse
        self._entries_max = entries_max
        self.known: dict[str, Any] = {}

    def __missing__(self, text: str) -> Any:
        value = self._parse(text)
        if len(text) <= _MEMO_TEXT_MAX:
            if len(self) >= self._entries_max:
                self.clear()
                self.known.clear()
            self[text] = self.known[text] = value
        return value


class _Worths(Memo):
    """Numbers, of which one more text is read: NaN. All else is in one memory with the numbers."""

    __slots__ = ("_numbers",)

    def __init__(self, numbers: Memo) -> None:
        super().__init__(parse_worth)
        self._numbers = numbers
        self.known = numbers.known

    def __missing__(self, text: str) -> Any:
        return UNSET if text == NOT_A_NUMBER else self._numbers[text]


# Texts that most fields of an order hold, and in the same places every time, as they stand in a program: to compare is
# faster than to look up.
USUAL = {text: repr(text) for text in ("", "0", "0.0", UNSET_WHOLE, UNSET_NUMBER)}

PLAIN_LENGTH_MAX = _DIGITS_MAX
_PLAIN_DIGITS_MAX = 60

# Reads a number that has a point in it and no plus exactly as parse_number does, or raises ArithmeticError: of the few
# it leaves to that one, most are too long or too large to be money. By itself it takes NaN for a number, 2147483647,
# which means that there is none, and digits that are not ASCII.
read_plain = Context(
    prec=_PLAIN_DIGITS_MAX,
    Emin=-_PLAIN_DIGITS_MAX,
    Emax=_PLAIN_DIGITS_MAX,
    traps=[InvalidOperation, Overflow, Underflow, Subnormal, Clamped, Rounded, Inexact],
).create_decimal


class Kind:
    """How one kind of field is read and written. `read` is None for text, which needs no reading.

    For the fast way: `code` is the expression that reads the field named {0}, `often_new` says that its texts come
    once or a few times only.
    """

    __slots__ = ("code", "name", "often_new", "read", "write")

    def __init__(
        self,
        name: str,
        read: Memo | None,
        write: Callable[[Any], str],
        *,
        code: str | None = None,
        often_new: bool = False,
    ) -> None:
        self.name = name
        self.often_new = often_new
        self.read = read
        self.write = write
        self.code = code if code is not None else "{0}" if read is None else f"{name}[{{0}}]"


def parse_number(text: str) -> Number:
    """Read a decimal number, exactly."""
    value = _NUMBERS.get(text)
    if value is not None:
        return value
    if text.strip("0123456789.-") or len(text) > _DIGITS_MAX:
        return _parse_exponent(text)
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a number") from None


def parse_worth(text: str) -> Number:
    """Read a cost, a price of the past or a profit. NaN is what TWS's arithmetic makes of one that it does not know.

    Refusing it would lose the position, the order or the fill that stands in the same message.
    """
    return UNSET if text == NOT_A_NUMBER else parse_number(text)


def parse_count(text: str) -> Number:
    """Read a number that cannot have a fraction."""
    value = parse_number(text)
    if isinstance(value, Decimal) and value.is_finite() and value != value.to_integral_value():
        raise ValueError(f"{text!r} has a fraction, which needs server version 101")
    return value


def _parse_exponent(text: str) -> Decimal:
    if len(text) > _DIGITS_MAX or not _EXPONENT_FORM.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not a number")
    value = Decimal(text)
    if abs(value.adjusted()) > _EXPONENT_MAX or len(format(value, "f")) > _DIGITS_MAX:
        raise ValueError(f"{text[:40]!r} is out of range")
    return value


def parse_whole(text: str) -> Whole:
    """Read a whole number that may be absent."""
    value = _WHOLES.get(text)
    return parse_id(text) if value is None else value


def parse_id(text: str) -> int:
    """Read a whole number that must be there."""
    if text.isdecimal() and text.isascii() and len(text) < 19:
        return int(text)
    if text.strip("0123456789-") or len(text) > _DIGITS_MAX:
        raise ValueError(f"{text[:40]!r} is not a whole number")
    try:
        return int(text)
    except ValueError:
        raise ValueError(
            "blank where a whole number must be" if not text else f"{text!r} is not a whole number"
        ) from None


def parse_reference(text: str) -> int:
    """Read a contract, order or client id where none is written as 0 or left blank."""
    return parse_id(text) if text else 0


def parse_flag(text: str) -> Flag:
    """Read yes, no or nothing."""
    value = _FLAGS.get(text)
    if value is None:
        raise ValueError(f"{text[:40]!r} is neither 0 nor 1")
    return value


def parse_bool(text: str) -> bool:
    """Read yes or no."""
    value = _BOOLS.get(text)
    if value is None:
        raise ValueError(f"{text[:40]!r} is neither 0 nor 1")
    return value


def parse_switch(text: str) -> bool:
    """Read an option of a request. JavaScript programs leave it away for no, which sends a blank."""
    return parse_bool(text) if text else False


def write_text(value: object) -> str:
    """Write text as it is. NULs are caught when the whole message is joined."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not text")
    return value


def write_number(value: Number) -> str:
    """Write a number with the digits it has, never in exponent form."""
    return _write_number(value, UNSET_NUMBER)


def write_client_number(value: Number) -> str:
    """Write a number as clients do: only the spelling of "unset" differs from the server's."""
    return _write_number(value, UNSET_NUMBER_FROM_CLIENT)


def _write_number(value: object, unset: str) -> str:
    if value is BLANK:
        return ""
    if isinstance(value, Decimal):
        text = str(value)
        if "E" in text:
            return format(value, "f")
        if value.is_nan():
            raise ValueError("NaN is not a number")
        return text
    if value is UNSET:
        return unset
    if type(value) is int:
        return str(value)
    raise ValueError(f"{value!r} is not a Decimal")


def write_size(value: Number) -> str:
    """Write a size without needless decimals: old clients read sizes as whole numbers."""
    if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():
        value = value.quantize(1) if value.adjusted() < 27 else value
    return write_number(value)


def write_count(value: Number) -> str:
    """Write a size that cannot have a fraction."""
    text = write_size(value)
    if "." in text:
        raise ValueError(f"{text} has a fraction, which needs server version 101")
    return text


def write_whole(value: object) -> str:
    """Write a whole number."""
    if type(value) is int:
        return str(value)
    if isinstance(value, Absent):
        return UNSET_WHOLE if value is UNSET else ""
    raise ValueError(f"{value!r} is not a whole number")


def write_flag(value: object) -> str:
    """Write yes, no or nothing."""
    if value is True:
        return "1"
    if value is False:
        return "0"
    if isinstance(value, Absent):
        return UNSET_WHOLE if value is UNSET else ""
    raise ValueError(f"{value!r} is neither true nor false")


def parse_names(text: str) -> tuple[str, ...]:
    """Read a comma-separated list; TWS ends it with a comma or not."""
    return tuple(name for name in text.split(",") if name)


def write_names(value: tuple[str, ...]) -> str:
    """Write a comma-separated list."""
    if any("," in name or not name for name in value):
        raise ValueError(f"{value!r} holds a name that is empty or has a comma")
    return ",".join(value)


def parse_constant(text: str) -> str:
    """Read a field that says nothing, such as a message's own version: any whole number."""
    parse_id(text)
    return text


# A few digits are converted at once; all else is left to the table.
_DIGITS_OR = "(int({{0}}) if {{0}}.isdecimal() and {{0}}.isascii() and len({{0}}) < 19 else {0}[{{0}}])"

TEXT = Kind("text", None, write_text)
CONSTANT = Kind("version", Memo(parse_constant), write_text)
_NUMBERS_READ = Memo(parse_number)
_WORTHS_READ = _Worths(_NUMBERS_READ)

NUMBER = Kind("number", _NUMBERS_READ, write_number)
WORTH = Kind("worth", _WORTHS_READ, write_number)
AMOUNT = Kind("amount", _WORTHS_READ, write_number, code="read_amount({0})")
CLIENT_NUMBER = Kind("client_number", _NUMBERS_READ, write_client_number)
SIZE = Kind("size", _NUMBERS_READ, write_size)
COUNT = Kind("count", Memo(parse_count), write_count)
WHOLE = Kind("whole", Memo(parse_whole), write_whole)
ID = Kind("id", Memo(parse_id), write_whole)
REFERENCE = Kind("reference", Memo(parse_reference), write_whole)
MOMENT = Kind("moment", Memo(parse_id), write_whole, code=_DIGITS_OR.format("moment"))
SERIAL = Kind("serial", Memo(parse_id, _SERIALS_MAX), write_whole, often_new=True)
SERIAL_REFERENCE = Kind("serial_reference", Memo(parse_reference, _SERIALS_MAX), write_whole, often_new=True)
FLAG = Kind("flag", Memo(parse_flag), write_flag)
BOOL = Kind("bool", Memo(parse_bool), write_flag)
SWITCH = Kind("switch", Memo(parse_switch), write_flag)
NAMES = Kind("names", Memo(parse_names), write_names)


_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


def parse_escaped(text: str) -> str:
    r"""Read server text of version 153 and later, where characters beyond ASCII arrive as \uXXXX."""
    if "\\u" not in text:
        return text
    units = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
    return units.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # joins surrogate pairs


def write_escaped(value: object) -> str:
    r"""Write server text of version 153 and later. A backslash is escaped too: clients unescape every one of them."""
    text = write_text(value)
    if text.isascii() and "\\" not in text and "\0" not in text:
        return text
    units = text.encode("utf-16-be", "surrogatepass")
    pairs = (units[i] << 8 | units[i + 1] for i in range(0, len(units), 2))
    return "".join(chr(u) if 0 < u < 128 and u != ord("\\") else f"\\u{u:04x}" for u in pairs)


ESCAPED = Kind("escaped", Memo(parse_escaped), write_escaped, code=r"({0} if '\\u' not in {0} else escaped[{0}])")

KINDS = (
    *(TEXT, ESCAPED, NAMES),
    *(NUMBER, WORTH, AMOUNT, CLIENT_NUMBER, SIZE, COUNT, WHOLE, ID, REFERENCE, MOMENT, SERIAL, SERIAL_REFERENCE),
    *(FLAG, BOOL, SWITCH),
    CONSTANT,
)
