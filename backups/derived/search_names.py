"""Keeps what free search looks through in step with the names of volumes: a backup is found by what
its disk is called.
"""

from django.db import transaction
from django.db.models import Q

from backups.models import Backup, SearchText, Volume
from backups.models.data_version import data_changed
from backups.models.search import SEARCHED, searched_names
from backups.shared import bulk
from backups.shared.batches import in_batches
from backups.shared.locks import lock_cloud, lock_volumes

# Of a cloud at once: they may have ten thousand backups.
MOST_AT_ONCE = 500


def bring_up_to_date(cloud: str) -> int:
    """Writes the searched texts of backups anew whose volumes have other names than these texts
    hold; returns how many volumes that were. What is left is done by the next call.
    """
    outdated = Volume.objects.filter(cloud=cloud).named_otherwise().order_by("volume_id")
    ids = list(outdated.values_list("volume_id", flat=True)[:MOST_AT_ONCE])
    if not ids:
        return 0
    with transaction.atomic():
        # Answers store texts under this lock as well, before they lock any volume.
        lock_cloud(cloud)
        volumes = Volume.objects.filter(cloud=cloud, volume_id__in=ids)
        names = {
            volume_id: searched_names(label, name)
            for volume_id, label, name in volumes.values_list("volume_id", "label", "name")
        }
        backups = Backup.objects.filter(Q(volume_id__in=ids), cloud=cloud).order_by("pk")
        pks = list(backups.values_list("pk", flat=True))
        for batch in in_batches(pks):
            rows = Backup.objects.filter(pk__in=batch).order_by("pk")
            SearchText.objects.put(rows.values("cloud", *SEARCHED))
        # Whose name somebody has changed since then is outdated still.
        locked = lock_volumes(volumes.only("volume_id"))
        changed = [[row.pk, names.get(row.volume_id)] for row in locked]
        bulk.update(Volume, ["searched_as"], changed)
        data_changed()
    return len(ids)
