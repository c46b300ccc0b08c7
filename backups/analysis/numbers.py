"""Numbers as people of any country read them: "1,240" is a small number to a German."""

from typing import Final

NARROW_SPACE: Final = "\u202f"  # It does not break, so a number stays in one line.


def thousands(value: float, *, decimals: int | None = None) -> str:
    """Writes 1 234 567 with narrow spaces; with all its decimals, or rounded to so many."""
    text = f"{value:,}" if decimals is None else f"{value:,.{decimals}f}"
    return text.replace(",", NARROW_SPACE)
