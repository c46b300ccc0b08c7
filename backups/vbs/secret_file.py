"""A secret that stands in a file of its own, as Docker and Kubernetes hand them out."""

from pathlib import Path

from backups.vbs.errors import ConfigurationError

LARGEST = 64 * 1024  # bytes


def read(name: str, file: Path) -> str:
    """Returns what stands in the file, without the line end behind it. `name`: of the setting or
    key that names the file. Raises ConfigurationError.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(LARGEST + 1)
        text = content.decode()
    except (OSError, ValueError) as e:
        # A ValueError says that it is no UTF-8, or that the path holds a NUL.
        reason = getattr(e, "strerror", None) or "it is no text in UTF-8"
        raise ConfigurationError(
            f"{name} names {file}, which cannot be read ({reason}): name a file that vbsdash "
            "may read."
        ) from e
    text = text.removesuffix("\n").removesuffix("\r")
    if not text or len(content) > LARGEST:
        fault = "is too long for a secret" if text else "is empty"
        raise ConfigurationError(f"{name} names {file}, which {fault}: correct it.")
    return text
