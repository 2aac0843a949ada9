"""What nodes cost: read from a setting, and multiplied by the time that tasks took of them."""

import re
from dataclasses import dataclass
from math import inf

from shared.errors import SettingsError, shown


@dataclass(frozen=True, slots=True)
class Price:
    """What a node costs per hour."""

    amount: float
    currency: str

    def estimate(self, node_seconds: float) -> str:
        """What so many seconds of a node cost, as a sentence's part: what nodes do beside tasks is not in it."""
        cost = self.amount * node_seconds / 3600
        return f"{cost:.2g} {self.currency} (estimate: {node_seconds:,.0f} s of a node at {self.amount:g} an hour)"


def read_price(text: str) -> Price | None:
    """The price that a text such as `0.23 EUR` names, None for an empty one; raises SettingsError."""
    if not text:
        return None
    amount, _, currency = text.partition(" ")
    number = float(amount) if re.fullmatch(r"[0-9]+(\.[0-9]*)?|\.[0-9]+", amount) else inf
    price = Price(number, currency.strip())
    if price.amount == inf or not price.currency:
        raise SettingsError(f"NODE_PRICE has {shown(text)}.", "It is a number and a currency, such as 0.23 EUR.")
    return price
