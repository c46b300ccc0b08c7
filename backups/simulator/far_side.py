"""Where the demo's channels send: one address takes what it is given, the other is out of order, so
that the log of deliveries has both.
"""

from backups.simulator.message import Answer, Question

TAKES = "/webhook/takes"
FAILS = "/webhook/fails"


def channels_yaml(url: str) -> str:
    """Returns the file that names both; `url`: of the simulator."""
    return (
        "# Of the demo: the simulator writes it anew at each start.\n"
        "channels:\n"
        f"  team-chat: {{kind: webhook, url: {url}{TAKES}, digest: daily}}\n"
        f"  on-call: {{kind: webhook, url: {url}{FAILS}, severities: [critical]}}\n"
    )


def answer_of(question: Question) -> Answer | None:
    """Returns None for what is sent elsewhere."""
    if question.path not in (TAKES, FAILS):
        return None
    if question.method != "POST":
        return Answer(405)
    return Answer(204 if question.path == TAKES else 503)
