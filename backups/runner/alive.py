"""Signs of life of the parts in one container, and `python -m backups.runner.alive`, its health
check, which ends with 1 and a sentence where a part does not work.

Each part has a file in the folder that VBSDASH_ALIVE_DIR names. The web part's holds its address,
which is asked for `/healthz`; worker and scheduler touch theirs while they work. Neither database
nor broker is asked, as these are the same for all containers, and it costs no start of Django.
"""

import http.client
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

WEB = "web"
WORKER = "worker"
BEAT = "beat"
PARTS = (WEB, WORKER, BEAT)
TOUCHED_EVERY_S = 5.0
# A worker touches its file after each task too; one may take a whole claim, which is a minute.
SILENCE_S = 120.0
ANSWER_S = 5.0


def expect(folder: Path, *parts: str) -> None:
    """Makes the files of parts that are to be started, none of which has shown a sign yet; those
    of an earlier start go. Raises OSError.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    for part in PARTS:
        file = folder / part
        file.unlink(missing_ok=True)
        if part in parts:
            file.touch(mode=0o600)
            os.utime(file, (0, 0))


def note_address(folder: Path, host: str, port: int) -> None:
    """Says where the web part answers. Raises OSError."""
    (folder / WEB).write_text(f"{host} {port}")


def touch(folder: Path, part: str) -> None:
    """Raises OSError."""
    file = folder / part
    file.touch(mode=0o600)
    now = time.time()
    os.utime(file, (now, now))


def problems(folder: Path, *, silence_s: float) -> list[str]:
    """Returns a sentence for each part that does not work."""
    sentences: list[str] = []
    files = [folder / part for part in PARTS if (folder / part).exists()]
    if not files:
        return [f"No part has been started with VBSDASH_ALIVE_DIR={folder}."]
    for file in files:
        sentence = _web_problem(file) if file.name == WEB else _silence(file, silence_s)
        if sentence is not None:
            sentences.append(sentence)
    return sentences


def _silence(file: Path, silence_s: float) -> str | None:
    touched_at = file.stat().st_mtime
    if not touched_at:
        return f"The {file.name} has shown no sign of life yet."
    # A sign from the future is none: the clock was set back after it.
    age_s = abs(time.time() - touched_at)
    if age_s <= silence_s:
        return None
    return f"The {file.name} has shown no sign of life for {age_s:.0f} s."


def _web_problem(file: Path) -> str | None:
    host, _, port = file.read_text().partition(" ")
    if not port:
        return "The web part has not been started yet."
    connection = http.client.HTTPConnection(host, int(port), timeout=ANSWER_S)
    try:
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as e:
        return f"The web part does not answer ({e or type(e).__name__})."
    finally:
        connection.close()
    if status == http.HTTPStatus.OK:
        return None
    return f"The web part answers /healthz with {status}."


def main(argv: Sequence[str]) -> int:
    """`argv` may hold the seconds after which silence is a fault. Returns the exit code."""
    folder = os.environ.get("VBSDASH_ALIVE_DIR")
    if not folder:
        print("VBSDASH_ALIVE_DIR is not set: name the folder of the signs of life.")
        return 1
    silence_s = float(argv[0]) if argv else SILENCE_S
    sentences = problems(Path(folder), silence_s=silence_s)
    print("\n".join(sentences) or "ok")
    return 1 if sentences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
