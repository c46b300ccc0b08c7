"""What operators do about alarms: take them, take that back, mute them, end that, send again."""

import re
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from backups import tasks
from backups.alarms import outbox
from backups.analysis import zones
from backups.analysis.numbers import thousands
from backups.edits import alarms, silences
from backups.edits.common import BadValue, NotAllowed
from backups.edits.silences import UnknownSilence
from backups.models import Silence
from backups.reports import deliveries
from backups.reports.alarms import alarm_ids_of
from backups.shared.access import access_of
from backups.web.actor import actor
from backups.web.back import back_to_sender
from backups.web.time_zone import zone

MOST_CHOSEN: Final = 1_000
MORNING: Final = time(8)
_NUMBER: Final = re.compile("[0-9]{1,18}")
# A message with one of these tags, and the numbers of what was done, offers to take it back.
UNDO_ALARMS: Final = "undo-alarms-"
UNDO_SILENCES: Final = "undo-silences-"
MOST_UNDONE: Final = 200
SNOOZES: Final = {
    "1h": timedelta(hours=1),
    "4h": timedelta(hours=4),
    "morning": None,  # tomorrow's, by the reader's clock
    "week": timedelta(days=7),
}


@require_POST
def acknowledge(request: HttpRequest) -> HttpResponse:
    """Takes the chosen alarms, or those of an incident."""
    try:
        taken = alarms.acknowledge(
            _chosen(request), request.POST.get("reason", ""), actor=actor(request)
        )
    except BadValue as e:
        messages.error(request, str(e))
        return back_to_sender(request, "alarms")
    if taken.ids:
        sentence = f"{_counted(taken.ids)} acknowledged until {_over(taken.ids)}."
        messages.success(request, sentence, extra_tags=_undo(UNDO_ALARMS, taken.ids))
    elif taken.before:
        messages.success(request, "Somebody has acknowledged it already.")
    else:
        messages.error(request, "Nothing was acknowledged: it is over already.")
    return back_to_sender(request, "alarms")


@require_POST
def take_back(request: HttpRequest) -> HttpResponse:
    """Takes acknowledgements back."""
    taken = alarms.take_back(_chosen(request), actor=actor(request))
    if taken.ids:
        sentence = f"{_counted(taken.ids)} no longer acknowledged."
        messages.success(request, sentence)
    else:
        messages.error(
            request, "Nothing was taken back: nobody has acknowledged it, or it is over."
        )
    return back_to_sender(request, "alarms")


@require_POST
def snooze(request: HttpRequest) -> HttpResponse:
    """Mutes the chosen alarms, or those of an incident, for one of SNOOZES."""
    length = request.POST.get("for", "")
    if length not in SNOOZES:
        messages.error(request, "Choose for how long.")
        return back_to_sender(request, "alarms")
    who = actor(request)
    until = snoozed_until(length, who.now, zone(request))
    reason = request.POST.get("reason", "")
    try:
        begun = silences.snooze(_chosen(request), until, reason, actor=who)
    except BadValue as e:
        messages.error(request, str(e))
        return back_to_sender(request, "alarms")
    if begun:
        sentence = f"Snoozed until {_at(until, who.now, zone(request))}."
        ids = [silence.pk for silence in begun]
        messages.success(request, sentence, extra_tags=_undo(UNDO_SILENCES, ids))
    else:
        messages.error(request, "Nothing was snoozed: it is over already.")
    return back_to_sender(request, "alarms")


@require_POST
def end_silences(request: HttpRequest) -> HttpResponse:
    """Ends silences before their time: one by its number, or those of one press."""
    numbers = _numbers(request, "silence")
    try:
        for number in numbers:
            silences.end(number, actor=actor(request))
    except UnknownSilence as e:
        raise Http404(str(e)) from e
    if numbers:
        messages.success(request, "Ended: what it muted is told again.")
    return back_to_sender(request, "alarms")


@require_POST
def send_again(request: HttpRequest, delivery_id: int) -> HttpResponse:
    """Lets a message be sent once more, with the same event ID."""
    if not deliveries.is_visible(delivery_id, access=access_of(request)):
        raise Http404
    try:
        delivery = outbox.send_again(delivery_id, actor=actor(request))
    except outbox.UnknownDelivery as e:
        raise Http404(str(e)) from e
    except NotAllowed as e:
        messages.error(request, str(e))
    else:
        tasks.send_soon(delivery.channel)
        messages.success(request, f"It is sent to {delivery.channel} once more.")
    return back_to_sender(request, "deliveries")


@require_POST
def test_channel(request: HttpRequest) -> HttpResponse:
    """Sends a test to a channel."""
    name = request.POST.get("channel", "")
    try:
        outbox.send_test(name, actor=actor(request))
    except (outbox.UnknownChannel, NotAllowed) as e:
        messages.error(request, str(e))
    else:
        tasks.send_soon(name)
        messages.success(request, f"A test is on its way to {name}: what came of it stands below.")
    return redirect(f"{reverse('alarms')}#deliveries")


def snoozed_until(length: str, now: datetime, reader_zone: ZoneInfo) -> datetime:
    """Returns when a snooze is over."""
    span = SNOOZES[length]
    if span is not None:
        return now + span
    tomorrow = now.astimezone(reader_zone).date() + timedelta(days=1)
    return zones.instant_of(datetime.combine(tomorrow, MORNING), reader_zone, is_end=True)


def undo_tag(silence: Silence) -> str:
    """Returns the tag of a message that offers to end a silence."""
    return _undo(UNDO_SILENCES, [silence.pk])


def _chosen(request: HttpRequest) -> list[int]:
    """Returns the numbers of the alarms that a form is about."""
    incident = request.POST.get("incident", "")
    if incident:
        who = actor(request)
        return list(alarm_ids_of(incident, who.now, access=who.access).ids)
    return _numbers(request, "id")


def _numbers(request: HttpRequest, field: str) -> list[int]:
    # What is no number comes from no page of ours.
    texts = request.POST.getlist(field)[:MOST_CHOSEN]
    return sorted({int(text) for text in texts if _NUMBER.fullmatch(text)})


def _undo(prefix: str, ids: Sequence[int]) -> str:
    """Returns "" for more than a message can hold: they are taken back on the page of alarms."""
    if len(ids) > MOST_UNDONE:
        return ""
    return prefix + "-".join(str(pk) for pk in ids)


def _counted(ids: Sequence[int]) -> str:
    return "The alarm is" if len(ids) == 1 else f"{thousands(len(ids))} alarms are"


def _over(ids: Sequence[int]) -> str:
    return "it is over" if len(ids) == 1 else "they are over"


def _at(at: datetime, now: datetime, reader_zone: ZoneInfo) -> str:
    local = at.astimezone(reader_zone)
    if local.date() == now.astimezone(reader_zone).date():
        return f"{local:%H:%M}"
    return f"{local:%a} {local.day} {local:%b}, {local:%H:%M}"
