"""Tracked backups: the list, one of them, what was seen of it."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from backups import tasks
from backups.api import describe, query
from backups.api import serializers as shape
from backups.api.base import Call
from backups.api.errors import Changed, TooLarge, Unprocessed
from backups.clouds.registry import UnknownCloud
from backups.edits import backup_edits, tokens, tracking
from backups.edits.pasted_ids import MOST, TooMany
from backups.edits.volume_edits import BadValue, Conflict
from backups.models import Backup, Body, Revision
from backups.models.backup import BackupQuerySet
from backups.query.backups import BACKUPS
from backups.query.page import Pages
from backups.query.public_fields import BACKUP_FIELDS
from backups.query.revisions import REVISIONS
from backups.reports.conditional import etag


def tracked(request: Request, call: Call) -> BackupQuerySet:
    """The backups that the reader may see, as they are now."""
    rows = Backup.objects.with_tracking_state(call.now)
    clouds = tokens.scope(request.auth)
    return rows if clouds is None else rows.filter(cloud__in=clouds)


class Backups(Call):
    @extend_schema(
        operation_id="backups_list",
        parameters=describe.page_of(BACKUPS),
        responses=shape.BackupPage,
    )
    def get(self, request: Request) -> Response:
        """Tracked backups in cursor pages, the newest first."""
        wanted = query.selection(request, BACKUPS)
        words, place = (
            query.fields(request, BACKUP_FIELDS),
            query.cursor(request, BACKUPS, wanted),
        )
        pages = Pages(BACKUPS, wanted, self.now, rows=tracked(request, self))
        page = pages.page(place, query.limit(request), *words)
        return query.paged(request, page, shape.plain_backups(page.rows, words))

    @extend_schema(
        operation_id="backups_add",
        request=shape.NewBackupsSerializer,
        responses={201: shape.AddedSerializer, 200: shape.AddedSerializer},
    )
    def post(self, request: Request) -> Response:
        """Track backups by ID or self-link; 200 when none of them is new."""
        query.only(request)
        given = request.data.get("ids") if isinstance(request.data, dict) else None
        if isinstance(given, list) and len(given) > MOST:
            raise TooLarge(f"{len(given):,} IDs in one call; at most {MOST:,} are taken.")
        data = shape.read(shape.NewBackupsSerializer, request)
        if not query.opens(request, data["cloud"]):
            raise Unprocessed({"cloud": ["This token does not open this cloud."]})
        try:
            mine = tokens.scope(request.auth)
            added = tracking.add(
                cloud=data["cloud"], values=data["ids"], now=self.now, may_touch=mine
            )
        except UnknownCloud as e:
            raise Unprocessed({"cloud": [str(e)]}) from e
        except TooMany as e:
            raise TooLarge(str(e)) from e
        tasks.refresh_soon(added.added)
        return Response(asdict(added), status=201 if added.added else 200)


class OneBackup(Call):
    def tag(self, request: Request) -> str:
        """Begins with `version`, so that it can be sent back as `If-Match`."""
        version = (
            Backup.objects.filter(pk=self.kwargs["backup_id"])
            .values_list("version", flat=True)
            .first()
        )
        return f'"{version}-{etag(request, self.now, request.get_full_path())[1:]}'

    @extend_schema(
        operation_id="backup", parameters=[describe.FIELDS], responses=shape.BackupSerializer
    )
    def get(self, request: Request, backup_id: uuid.UUID) -> Response:
        """One backup with all its words."""
        query.only(request, "fields")
        return Response(self._one(request, backup_id, query.fields(request, BACKUP_FIELDS)))

    @extend_schema(
        operation_id="backup_edit",
        parameters=[describe.IF_MATCH],
        request=shape.BackupEditSerializer,
        responses=shape.BackupSerializer,
    )
    def patch(self, request: Request, backup_id: uuid.UUID) -> Response:
        """Set note, tags or both; everything else is the cloud's."""
        query.only(request)
        self._one(request, backup_id, ["id"])
        words = shape.read(shape.BackupEditSerializer, request)
        try:
            backup_edits.change(
                backup_id, words, actor=self.actor(request), version=if_match(request)
            )
        except Conflict as e:
            raise Changed(f"{e} It is at version {e.version}.") from e
        except BadValue as e:
            raise Unprocessed({e.word: [str(e)]}) from e
        except backup_edits.UnknownBackup as e:
            raise NotFound(f"{backup_id} is not tracked.") from e
        return Response(self._one(request, backup_id, BACKUP_FIELDS))

    @extend_schema(operation_id="backup_untrack", responses={204: None})
    def delete(self, request: Request, backup_id: uuid.UUID) -> Response:
        """Stop tracking it; nothing is changed in the cloud."""
        query.only(request)
        self._one(request, backup_id, ["id"])
        tracking.untrack([str(backup_id)])
        return Response(status=204)

    def _one(self, request: Request, backup_id: uuid.UUID, words: Sequence[str]) -> dict[str, Any]:
        row = tracked(request, self).filter(pk=backup_id).values(*words).first()
        if row is None:
            raise NotFound(f"{backup_id} is not tracked.")
        return shape.plain_backups([row], words)[0]


class Raw(Call):
    @extend_schema(operation_id="backup_raw", responses=shape.RawSerializer)
    def get(self, request: Request, backup_id: uuid.UUID) -> Response:
        """The last good answer as it came, key material redacted."""
        query.only(request)
        exists(request, backup_id)
        body = Body.objects.filter(pk=backup_id).first()
        if body is None:
            raise NotFound("The cloud has not answered for this backup yet.")
        raw = {"backup": json.loads(body.text)}
        return Response(
            {"received_at": shape.z(body.received_at), "http_status": body.http_status, "body": raw}
        )


class Revisions(Call):
    @extend_schema(
        operation_id="backup_revisions", parameters=describe.PAGE, responses=shape.RevisionPage
    )
    def get(self, request: Request, backup_id: uuid.UUID) -> Response:
        """What was seen to change, the newest first."""
        query.only(request, "limit", "cursor")
        exists(request, backup_id)
        wanted = query.selection(request, REVISIONS)
        rows = Revision.objects.filter(backup=backup_id)
        pages = Pages(REVISIONS, wanted, self.now, rows=rows)
        page = pages.page(
            query.cursor(request, REVISIONS, wanted), query.limit(request), "at", "changes"
        )
        return query.paged(request, page, [shape.plain(row) for row in page.rows])


def exists(request: Request, backup_id: uuid.UUID) -> None:
    """Raises NotFound, also for what lies in a cloud that the token does not open."""
    if not query.scoped(request, Backup.objects.filter(pk=backup_id)).exists():
        raise NotFound(f"{backup_id} is not tracked.")


def if_match(request: Request) -> int | None:
    """`If-Match: "3"`, `3`, or the ETag of the read it was made from, which begins with it. None:
    whatever is there.
    """
    given = request.headers.get("If-Match", "").strip()
    if given in ("", "*"):
        return None
    number = given.removeprefix("W/").strip('"').partition("-")[0]
    if not (number.isascii() and number.isdecimal()) or len(number) > 9:
        raise Changed(
            "If-Match names no version: write the number of `version`, or the ETag of the last "
            "read."
        )
    return int(number)
