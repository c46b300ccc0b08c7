"""What an operator would have set in the demo, so that a newcomer meets every state; none of it is
in a cloud.
"""

from collections import defaultdict
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from backups.analysis.rules import by_cron
from backups.derived import queue
from backups.edits import alarms, protection_rules, silences, volume_edits
from backups.edits.common import Actor
from backups.models import Alarm, AlarmKind, Edit, Policy, Silence, Volume
from backups.models.data_version import data_changed

EXEMPT = "analytics-sandbox"
UNFOLLOWED = "new-service-01"
ANNOTATED = "legacy-app-01"
TAGGED = "db-prod-01-data"
_HOUR_S = 3600
_HOUR = timedelta(hours=1)
WATCHED_FOR = timedelta(days=30)


def furnish(now: datetime) -> bool:
    """Sets it once: when the list of volumes has named them and nobody has set anything yet."""
    names = (EXEMPT, UNFOLLOWED, ANNOTATED, TAGGED)
    rows = Volume.objects.filter(name__in=names).values_list("name", "cloud", "volume_id")
    volumes: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for name, cloud, volume_id in rows:
        volumes[str(name)].append((cloud, volume_id))
    if len(volumes) < len(names) or Edit.objects.exists():
        return False
    actor = Actor("demo", now)
    with transaction.atomic():
        volume_edits.exempt(
            volumes[EXEMPT], "Scratch data, made anew every night.", None, actor=actor
        )
        volume_edits.set_follow(volumes[UNFOLLOWED], False, actor=actor)
        volume_edits.set_note(
            volumes[ANNOTATED], "Its owner was asked whether anybody still needs it.", actor=actor
        )
        volume_edits.set_tags(volumes[TAGGED], ["production"], actor=actor)
        nightly = by_cron(cron="0 23 * * *", zone="Europe/Berlin", grace_seconds=4 * _HOUR_S)
        protection_rules.set_tag_rule("production", nightly, actor=actor)
    return True


def furnish_history(now: datetime) -> bool:
    """Lets vbsdash have watched the policies for as long as the tasks go back that the clouds tell:
    of what was promised before it first saw one, it would know nothing on its first day.

    Does it for each policy once, when its cloud has been read to the end.
    """
    begin = now - WATCHED_FOR
    done = False
    new = Policy.objects.filter(
        first_seen_at__gt=begin + _HOUR, cloud__policies_read_at__gte=F("first_seen_at")
    )
    for policy in new.order_by("pk"):
        with transaction.atomic():
            at_first = policy.members.filter(since__lte=policy.first_seen_at + _HOUR)
            volume_ids = list(at_first.values_list("volume_id", flat=True))
            at_first.filter(since__gt=begin).update(since=begin)
            policy.revisions.filter(since=policy.first_seen_at).update(since=begin)
            policy.first_seen_at = begin
            policy.save(update_fields=["first_seen_at"])
            queue.mark_known(policy.cloud_id, volume_ids, now)
            data_changed()
        done = True
    return done


def furnish_alarms(now: datetime) -> bool:
    """Does it once: when alarms are open that the evaluation has found, and nobody has muted any.

    The exemption ends an alarm by itself, so that there is one that is over.
    """
    if Silence.objects.exists():
        return False
    rows = Alarm.objects.open().filter(held_until__lte=now).order_by("pk")
    failing = rows.filter(kind=AlarmKind.BACKUPS_FAIL).first()
    other = rows.filter(kind__in=(AlarmKind.DELETIONS_FAIL, AlarmKind.RESTORES_FAIL)).first()
    unneeded = Volume.objects.filter(name=ANNOTATED).values_list("cloud", "volume_id").first()
    if failing is None or other is None or unneeded is None:
        return False
    actor = Actor("demo", now)
    with transaction.atomic():
        alarms.acknowledge([failing.pk], "The storage team has a ticket.", actor=actor)
        silences.snooze(
            [other.pk], now + timedelta(days=7), "Its owner is back next week.", actor=actor
        )
        begins_at = now + timedelta(days=2)
        silences.begin(
            "tag=production",
            begins_at,
            begins_at + timedelta(hours=4),
            "New firmware for the storage.",
            actor=actor,
        )
        volume_edits.exempt([unneeded], "Its owner needs it no more.", None, actor=actor)
    return True
