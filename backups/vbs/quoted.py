"""What a refusal says of a value that is wrong."""

LONGEST_QUOTED = 50  # characters


def quoted(value: str) -> str:
    """Returns the value in quotation marks, cut; nothing of what may hold a password."""
    if "@" in value:
        return "an address with a user"
    return repr(value[:LONGEST_QUOTED])
