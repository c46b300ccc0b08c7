"""Takes what a process has loaded out of the rounds of Python's garbage collector."""

import gc


def freeze() -> None:
    """Exempts all objects of now from garbage collection; to be called once all is loaded.

    For processes that load once and then work for weeks. A full collection over their 157,000
    objects takes 80 ms and more: now and then a request waited for that, and it was a fifth of the
    work on a page of changed backups.
    """
    gc.collect()
    gc.freeze()
