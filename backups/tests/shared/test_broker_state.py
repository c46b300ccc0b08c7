"""Why a broker cannot be used, as the texts of its errors have it."""

import pytest

from backups.shared import broker_state

CLOSED = "it closes the connection"
SILENT = "nothing comes from it"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Error 111 connecting to 10.0.0.5:6379. Connection refused.", "nothing listens there"),
        ("[Errno -2] Name or service not known", "the name of its host is not known"),
        ("[Errno -3] Temporary failure in name resolution", "the name of its host is not known"),
        ("[Errno 113] No route to host", "no way leads to its host"),
        ("invalid username-password pair or user is disabled.", "it does not accept user or"),
        ("invalid password", "it does not accept user or password"),
        ("Authentication required.", "it does not accept user or password"),
        ("(0, 0): (403) ACCESS_REFUSED - Login was refused using …", "it does not accept user or"),
        ("DENIED Redis is running in protected mode because …", "without a password it takes"),
        ("DB index is out of range", "it has no database of this number"),
        ("Connection.open: (530) NOT_ALLOWED - vhost x not found", "this virtual host does not"),
        ("Redis is loading the dataset in memory", "it still loads its data"),
        ("max number of clients reached", "it takes no more connections"),
        ("Protocol Error: b'HTTP/1.1 400 Bad Request'", "what answers there speaks another"),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", "it speaks no TLS on this port"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", "its certificate is not"),
        ("(104, 'Connection reset by peer')", CLOSED),
        ("Server unexpectedly closed connection", CLOSED),
        ("Connection closed by server.", CLOSED),
        ("EOF occurred in violation of protocol", CLOSED),
        ("Timeout connecting to server", SILENT),
        ("timed out", SILENT),
        ("something new", "OSError"),
    ],
)
def test_the_text_of_an_error_is_said_in_words(text: str, words: str) -> None:
    assert broker_state.reason(OSError(text)).startswith(words)
