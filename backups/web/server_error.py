"""What a request gets that ends in an error: 503 where the database is away or too busy, with a
line in the log; else 500, with the error in the log.
"""

import logging
import sys

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.log import log_response
from django.views.defaults import server_error as without_cause

from backups.shared import database_state
from backups.shared.refusal import RefusalPage

RETRY_AFTER_S = "10"
logger = logging.getLogger(__name__)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django calls it while it handles the error. The page asks nothing of the database."""
    error = sys.exc_info()[1]
    sentence = database_state.sentence_for_people(error)
    if sentence is None:
        return without_cause(request)
    page = render_to_string("503.html", {"sentence": sentence})
    response = RefusalPage(page, sentence=sentence, status=503)
    response["Retry-After"] = RETRY_AFTER_S
    reason = str(error).strip().partition("\n")[0]
    # Django's own line would hold the whole traceback, for each request of an outage.
    log_response(
        "%s: %s",
        sentence,
        reason,
        response=response,
        request=request,
        logger=logger,
        level="warning",
    )
    return response
