"""Which stored volumes people mean when they write an ID in another spelling."""

from collections.abc import Sequence

from backups.models import Volume
from backups.shared.batches import in_batches
from backups.vbs.id_spellings import stored_spellings
from backups.vbs.ids import normal

VolumeKey = tuple[str, str]  # cloud, volume_id


def stored_keys(keys: Sequence[VolumeKey]) -> list[VolumeKey]:
    """Returns the keys of these volumes as they are stored; one that is not known stays."""
    spellings: set[str] = set()
    for _, volume_id in keys:
        spellings.update(stored_spellings(volume_id))
    stored: set[VolumeKey] = set()
    for batch in in_batches(sorted(spellings)):
        rows = Volume.objects.filter(volume_id__in=batch)
        stored.update(rows.values_list("cloud", "volume_id"))
    return [_stored_key(key, stored) for key in keys]


def stored_volume_id(cloud: str, volume_id: str) -> str:
    """Returns the ID of one volume as it is stored, the same when it is not known."""
    [key] = stored_keys([(cloud, volume_id)])
    return key[1]


def _stored_key(key: VolumeKey, stored: set[VolumeKey]) -> VolumeKey:
    cloud, volume_id = key
    for spelling in (normal(volume_id), *stored_spellings(volume_id)):
        if (cloud, spelling) in stored:
            return cloud, spelling
    return key
