"""A field is read exactly or refused; blank, unset, zero and infinity are four different values."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.units import BLANK, UNSET
from engine.wire import fields


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", BLANK),
        ("0", Decimal(0)),
        ("2147483647", UNSET),
        ("9223372036854775807", UNSET),
        ("-9223372036854775808", UNSET),
        ("170141183460469231731687303715884105727", UNSET),
        ("1.7976931348623157E308", UNSET),
        ("1.7976931348623157e+308", UNSET),
        ("1.7976931348623157E+308", UNSET),
        ("Infinity", Decimal("Infinity")),
        ("Infinite", Decimal("Infinity")),
        ("-12.50", Decimal("-12.50")),
        ("1e-05", Decimal("0.00001")),
        ("1.0E7", Decimal("10000000")),
        (".5", Decimal("0.5")),
    ],
)
def test_numbers_are_read_in_every_spelling_a_peer_uses(text: str, value: object) -> None:
    read = fields.parse_number(text)
    assert read == value
    assert type(read) is type(value)


NOT_NUMBERS = [
    "NaN",
    "nan",
    "sNaN",
    "abc",
    "1_000",
    "1,5",
    "--1",
    "1-2",
    "1.2.3",
    ".",
    "-",
    "+",
    "0x10",
    "١٢",
    "1e",
    "e5",
]
HOSTILE = [
    "None",
    " 1",
    "1 ",
    "1E999999999",
    "1e-999999999",
    "1e1000",
    "1E309",
    "1" * 200 + "e-450",
    "9" * 401,
    "1" * 500 + "e5",
]


@pytest.mark.parametrize("text", [*NOT_NUMBERS, *HOSTILE])
def test_what_is_not_exactly_a_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"number|range"):
        fields.parse_number(text)


def test_a_worth_may_be_nan_which_says_that_there_is_none() -> None:
    assert fields.parse_worth("NaN") is UNSET
    assert fields.parse_worth("12.5") == Decimal("12.5")


@pytest.mark.parametrize("text", [*(text for text in NOT_NUMBERS if text != "NaN"), *HOSTILE])
def test_any_other_worth_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"number|range"):
        fields.parse_worth(text)


@pytest.mark.parametrize("text", ["1.0", "1e3", " 1", "1_0", "x", "٣", "+1", "1-", "-", "9" * 401])
@pytest.mark.parametrize("parse", [fields.parse_whole, fields.parse_id, fields.parse_reference])
def test_what_is_not_exactly_a_whole_number_is_refused(text: str, parse: fields.Memo) -> None:
    with pytest.raises(ValueError, match="whole number"):
        parse(text)


def test_blank_is_a_value_for_some_fields_none_for_ids_and_an_error_where_a_number_must_be() -> None:
    assert fields.parse_whole("") is BLANK
    assert fields.parse_reference("") == 0
    with pytest.raises(ValueError, match="blank"):
        fields.parse_id("")


@pytest.mark.parametrize(("text", "value"), [("0", False), ("1", True), ("", BLANK), ("true", True), ("false", False)])
def test_flags_are_yes_no_or_nothing(text: str, value: object) -> None:
    assert fields.parse_flag(text) is value


@pytest.mark.parametrize("text", ["2", "-1", "yes", "True", "01", " "])
def test_other_flags_are_refused(text: str) -> None:
    for parse in (fields.parse_flag, fields.parse_bool):
        with pytest.raises(ValueError, match="neither"):
            parse(text)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=8))
def test_a_number_written_is_read_back_equal_and_without_an_exponent(value: Decimal) -> None:
    written = fields.write_number(value)
    assert "E" not in written
    assert fields.parse_number(written) == value


@pytest.mark.parametrize("text", ["1E308", "1e-308", "9.99e307", "123456789e-300"])
def test_a_number_that_is_read_can_be_written_and_read_again(text: str) -> None:
    value = fields.parse_number(text)
    assert fields.parse_number(fields.write_number(value)) == value


@given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0")))
def test_escaped_text_is_ascii_on_the_wire_and_itself_again_behind_it(text: str) -> None:
    written = fields.write_escaped(text)
    assert written.isascii()
    assert fields.parse_escaped(written) == text


def test_escaped_text_is_what_python_clients_unescape() -> None:
    text = "Crédit Agricole – 𝛼\\u0041 C:\\temp"
    assert (
        fields.write_escaped(text).encode().decode("unicode-escape").encode("utf-16", "surrogatepass").decode("utf-16")
        == text
    )


@pytest.mark.parametrize("value", [1.5, "1", None, True, Decimal("NaN")])
def test_only_exact_numbers_are_written(value: object) -> None:
    with pytest.raises(ValueError, match="not a"):
        fields.NUMBER.write(value)


def test_sizes_are_written_whole_for_clients_that_read_them_as_integers() -> None:
    assert fields.write_size(Decimal("100.00")) == "100"
    assert fields.write_size(Decimal("1E+2")) == "100"
    assert fields.write_size(Decimal("0.5")) == "0.5"
    with pytest.raises(ValueError, match="fraction"):
        fields.write_count(Decimal("0.5"))


def test_a_memo_stays_small_and_forgets_nothing_true() -> None:
    memo = fields.Memo(fields.parse_number)
    for number in range(3 * 4096):
        assert memo[str(number)] == number
    assert len(memo) <= 8192
    assert memo.known == memo
    assert memo["1.5" + "0" * 100] == Decimal("1.5")
    assert "1.5" + "0" * 100 not in memo


def test_ids_that_keep_coming_up_new_take_less_room() -> None:
    read = fields.SERIAL.read
    assert read is not None
    assert [read[str(number)] for number in range(700_000, 702_000)] == list(range(700_000, 702_000))
    assert len(read) <= 512


def test_what_is_known_of_a_number_is_known_of_a_worth_and_nan_of_neither() -> None:
    number, worth = fields.NUMBER.read, fields.WORTH.read
    assert number is not None and worth is not None
    assert worth["731.0625"] == worth.known["731.0625"] == number.known["731.0625"] == Decimal("731.0625")
    assert worth["NaN"] is UNSET and "NaN" not in worth.known
    with pytest.raises(ValueError, match="number"):
        number["NaN"]


def read_or_refused(read: Callable[[str], object], text: str) -> str:
    try:
        return repr(read(text))
    except ValueError:
        return "refused"


def agrees_with_the_careful_reader(text: str) -> bool:
    try:
        read = repr(fields.read_plain(text))
    except ArithmeticError:
        return True  # left to that one
    return read == read_or_refused(fields.parse_number, text)


_DIGITS = st.text("0123456789", max_size=70)


@given(
    sign=st.sampled_from(["", "-", "--"]),
    whole=_DIGITS,
    fraction=_DIGITS,
    exponent=st.one_of(st.just(""), st.integers(-400, 400).map("E{}".format), st.sampled_from(["E", "e5", "E-", "x"])),
)
def test_a_plain_number_is_read_as_any_number_is(sign: str, whole: str, fraction: str, exponent: str) -> None:
    assert agrees_with_the_careful_reader(f"{sign}{whole}.{fraction}{exponent}")


@pytest.mark.parametrize(
    "text",
    [
        *("1.5E-309", "1.0E-400", "0.0E-350", "0.0E400", "1.5E61", "1.5E308", "1.5E309", "1.5E-240", "-1.0E-61"),
        *("1.7976931348623157E308", "1.7976931348623157e308", "1" * 70 + ".5", "0." + "0" * 70 + "1", "1.5E999999999"),
    ],
)
def test_what_is_too_long_or_too_large_for_a_plain_number_is_read_as_any_number_is(text: str) -> None:
    assert agrees_with_the_careful_reader(text)


@pytest.mark.parametrize("text", ["12345678.12345678", "-0.5", "0.0", "-.5", "5.", "1.5E7", "1" * 50 + ".25"])
def test_money_is_plain(text: str) -> None:
    assert repr(fields.read_plain(text)) == repr(Decimal(text))
