"""Which addresses are one place, when tries of it are counted."""

from ipaddress import IPv6Address, ip_address, ip_network

# Bits of an IPv6 address that one line of a provider has for itself: whoever sits there may take a
# new address for every try.
LINE_BITS = 64


def place(address: str) -> str:
    """Returns the address, or of IPv6 the first one of its line."""
    parsed = ip_address(address)
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    return str(ip_network((parsed, LINE_BITS), strict=False).network_address)
