"""From plain data to a Python client's own objects, and from its objects back to plain data.

Runs inside each client's environment, so it must import nothing but the standard library. A structure travels as
`{"kind": "Order", "set": {...}}`; everything else is JSON's own.
"""

import dataclasses
import enum
from decimal import Decimal

CONDITIONS = {1: "Price", 3: "Time", 4: "Margin", 5: "Execution", 6: "Volume", 7: "PercentChange"}


def insync_types(module):
    """The structures of ib_async and ib_insync: dataclasses and named tuples, all built from keywords."""
    names = "Contract ComboLeg DeltaNeutralContract Order OrderComboLeg TagValue SoftDollarTier ExecutionFilter"
    types = {name: getattr(module, name) for name in names.split()}
    types.update({f"Condition{tag}": getattr(module, f"{name}Condition") for tag, name in CONDITIONS.items()})
    return types


def ibapi_types():
    """The structures of IBKR's own clients: built empty, then filled attribute by attribute."""
    from ibapi import contract, execution, order, order_condition, softdollartier, tag_value

    classes = {
        "Contract": contract.Contract,
        "ComboLeg": contract.ComboLeg,
        "DeltaNeutralContract": contract.DeltaNeutralContract,
        "Order": order.Order,
        "OrderComboLeg": order.OrderComboLeg,
        "TagValue": tag_value.TagValue,
        "SoftDollarTier": softdollartier.SoftDollarTier,
        "ExecutionFilter": execution.ExecutionFilter,
    }
    classes.update(
        {f"Condition{tag}": getattr(order_condition, f"{name}Condition") for tag, name in CONDITIONS.items()}
    )
    try:
        from ibapi import order_cancel
    except ImportError:  # the old client has none
        pass
    else:
        classes["OrderCancel"] = order_cancel.OrderCancel
    return {name: _filled(cls) for name, cls in classes.items()}


def _filled(cls):
    def make(**values):
        made = cls("", "", "") if cls.__name__ == "SoftDollarTier" else cls()
        for name, value in values.items():
            setattr(made, name, value)
        return made

    return make


def build(spec, types):
    """Plain data to the client's objects."""
    if isinstance(spec, list):
        return [build(item, types) for item in spec]
    if isinstance(spec, dict):
        return types[spec["kind"]](**{name: build(value, types) for name, value in spec["set"].items()})
    return spec


def plain(value):
    """Whatever a client hands to a callback, as JSON can carry it. An object becomes its attributes."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return [plain(item) for item in value]
    if isinstance(value, set):
        return sorted(plain(item) for item in value)
    if hasattr(value, "_asdict"):
        return {name: plain(item) for name, item in value._asdict().items()}
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "__dict__"):
        kind = {"condType": value.type()} if callable(getattr(value, "type", None)) else {}
        return {**{name: plain(item) for name, item in vars(value).items()}, **kind}
    return repr(value)
