"""What is wrong with a broker or with Redis where it cannot be used, in words."""

import re

# The first pattern that the text of the error holds decides. The texts are those of Redis, of
# RabbitMQ, of the libraries that ask them, and of the system.
_REASONS = (
    (r"certificate verify failed|[Hh]ostname mismatch", "its certificate is not accepted"),
    (r"WRONG_VERSION_NUMBER|RECORD_LAYER", "it speaks no TLS on this port"),
    (r"Connection refused", "nothing listens there"),
    (r"not known|name resolution|No address associated", "the name of its host is not known"),
    (r"No route to host|is unreachable", "no way leads to its host"),
    (
        r"invalid (username-)?password|Authentication required|ACCESS_REFUSED",
        "it does not accept user or password",
    ),
    (r"protected mode", "without a password it takes nobody from another host"),
    (r"DB index", "it has no database of this number"),
    (r"vhost", "this virtual host does not exist, or not for this user"),
    (r"loading the dataset", "it still loads its data"),
    (r"max number of clients", "it takes no more connections"),
    (r"Protocol Error", "what answers there speaks another protocol"),
    (
        r"closed|reset by peer|Broken pipe|EOF occurred",
        "it closes the connection, as where TLS or another protocol is spoken",
    ),
    (
        r"[Tt]imed? ?out",
        "nothing comes from it, as behind a firewall or where no TLS or another protocol is spoken",
    ),
)


def reason(error: BaseException) -> str:
    """Returns why it cannot be used; the kind of the error where it is an unknown one."""
    text = str(error)
    for pattern, words in _REASONS:
        if re.search(pattern, text):
            return words
    return type(error).__name__
