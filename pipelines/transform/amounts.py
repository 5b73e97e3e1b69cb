"""Amounts as Nikki writes them: `€ 1.250,00`, `-€ 12,50`, `1250`."""

import re

_NOISE = re.compile(r"[€\s]")
_NUMBER = re.compile(r"-?(\d+(\.\d*)?|\.\d+)", re.ASCII)


def parse_amount(text: str) -> float:
    """The amount in euros; 0 for a text that is none.

    A comma is a decimal comma, and dots beside it stand between thousands. Without a comma a dot is a decimal point, so that
    `1.250` is one and a quarter.
    """
    number = _NOISE.sub("", text)
    if "," in number:
        number = number.replace(".", "").replace(",", ".")
    return float(number) if _NUMBER.fullmatch(number) else 0.0
