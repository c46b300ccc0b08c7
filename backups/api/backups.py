"""Tracked backups: the list, one of them, what was seen of it."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from backups import tasks
from backups.api import describe, query_params, serializers
from backups.api.base import Call, edit_etag
from backups.api.errors import Changed, TooLarge, Unprocessed, edit_problems
from backups.api.json_values import backup_rows, json_value, utc_text
from backups.clouds.registry import UnknownCloud
from backups.edits import backup_edits, tracking
from backups.edits.pasted_pieces import MOST, TooMany
from backups.models import Backup, Body, Revision
from backups.models.backup import BackupQuerySet
from backups.query.backups import BACKUPS, left_out
from backups.query.list_query import ListQuery
from backups.query.page import Pages
from backups.query.public_fields import BACKUP_FIELDS
from backups.query.revisions import REVISIONS
from backups.reports.backup_detail import hide_doubles
from backups.shared.access import access_of


def tracked(request: Request, call: Call) -> BackupQuerySet:
    """Returns the backups that the reader may see, as they are now."""
    return Backup.objects.with_tracking_state(call.now).visible_to(access_of(request))


def pages_of(request: Request, call: Call, query: ListQuery) -> Pages:
    """Returns the pages of a query over what the reader may see; each backup once."""
    once = left_out(query, access_of(request))
    return Pages(BACKUPS, query, call.now, rows=tracked(request, call), left_out=once)


class Backups(Call):
    @extend_schema(
        operation_id="backups_list",
        parameters=describe.page_of(BACKUPS),
        responses=serializers.BackupPageSerializer,
    )
    def get(self, request: Request) -> Response:
        """Tracked backups in cursor pages, the newest first."""
        query = query_params.list_query(request, BACKUPS)
        fields = query_params.selected_fields(request, BACKUP_FIELDS)
        cursor = query_params.cursor(request, BACKUPS, query)
        pages = pages_of(request, self, query)
        page = pages.page(cursor, query_params.limit(request), *fields)
        hide_doubles(page.rows, access=access_of(request))
        return query_params.page_response(request, page, backup_rows(page.rows, fields))

    @extend_schema(
        operation_id="backups_add",
        request=serializers.NewBackupsSerializer,
        responses={201: serializers.AddedSerializer, 200: serializers.AddedSerializer},
    )
    def post(self, request: Request) -> Response:
        """Track backups by ID or self-link; 200 when none of them is new."""
        query_params.allow_only(request)
        refuse_too_many_ids(request)
        data: serializers.NewBackups = serializers.validated(
            serializers.NewBackupsSerializer, request
        )
        try:
            added = tracking.add(
                cloud=data["cloud"],
                values=data["ids"],
                now=self.now,
                access=access_of(request),
            )
        except UnknownCloud as e:
            raise Unprocessed({"cloud": [str(e)]}) from e
        except TooMany as e:
            raise TooLarge(str(e)) from e
        tasks.refresh_soon(added.added)
        return Response(asdict(added), status=201 if added.added else 200)


class OneBackup(Call):
    def version_tag(self, request: Request) -> str:
        backup_id = self.kwargs["backup_id"]
        rows = Backup.objects.visible_to(access_of(request)).filter(pk=backup_id)
        version = rows.values_list("version", flat=True).first()
        if version is None:
            raise NotFound(f"{backup_id} is not tracked.")
        return edit_etag(self, request, version)

    @extend_schema(
        operation_id="backup",
        parameters=[describe.FIELDS],
        responses=serializers.BackupSerializer,
    )
    def get(self, request: Request, backup_id: uuid.UUID) -> Response:
        """One backup with all its words."""
        query_params.allow_only(request, "fields")
        fields = query_params.selected_fields(request, BACKUP_FIELDS)
        return Response(self._row(request, backup_id, fields))

    @extend_schema(
        operation_id="backup_edit",
        parameters=[describe.IF_MATCH],
        request=serializers.BackupEditSerializer,
        responses=serializers.BackupSerializer,
    )
    def patch(self, request: Request, backup_id: uuid.UUID) -> Response:
        """Set note, tags or both; everything else is the cloud's."""
        query_params.allow_only(request)
        refuse_untracked(request, backup_id)
        fields: backup_edits.BackupFields = serializers.validated(
            serializers.BackupEditSerializer, request
        )
        try:
            with edit_problems():
                backup_edits.change(
                    backup_id, fields, actor=self.actor(request), version=if_match(request)
                )
        except backup_edits.UnknownBackup as e:
            raise NotFound(f"{backup_id} is not tracked.") from e
        return Response(self._row(request, backup_id, BACKUP_FIELDS))

    @extend_schema(operation_id="backup_untrack", responses={204: None})
    def delete(self, request: Request, backup_id: uuid.UUID) -> Response:
        """Stop tracking it; nothing is changed in the cloud."""
        query_params.allow_only(request)
        refuse_untracked(request, backup_id)
        tracking.untrack([str(backup_id)], access_of(request))
        return Response(status=204)

    def _row(
        self, request: Request, backup_id: uuid.UUID, fields: Sequence[str]
    ) -> dict[str, object]:
        row = tracked(request, self).filter(pk=backup_id).values(*fields).first()
        if row is None:
            raise NotFound(f"{backup_id} is not tracked.")
        hide_doubles([row], access=access_of(request))
        return backup_rows([row], fields)[0]


class Raw(Call):
    @extend_schema(operation_id="backup_raw", responses=serializers.RawSerializer)
    def get(self, request: Request, backup_id: uuid.UUID) -> Response:
        """The last good answer as it came, key material redacted."""
        query_params.allow_only(request)
        refuse_untracked(request, backup_id)
        body = Body.objects.visible_to(access_of(request)).filter(pk=backup_id).first()
        if body is None:
            raise NotFound("The cloud has not answered for this backup yet.")
        return Response(
            {
                "received_at": utc_text(body.received_at),
                "http_status": body.http_status,
                "body": {"backup": json.loads(body.text)},
            }
        )


class Revisions(Call):
    @extend_schema(
        operation_id="backup_revisions",
        parameters=describe.PAGE,
        responses=serializers.RevisionPageSerializer,
    )
    def get(self, request: Request, backup_id: uuid.UUID) -> Response:
        """What was seen to change, the newest first."""
        query_params.allow_only(request, "limit", "cursor")
        refuse_untracked(request, backup_id)
        query = query_params.list_query(request, REVISIONS)
        cursor = query_params.cursor(request, REVISIONS, query)
        rows = Revision.objects.visible_to(access_of(request)).filter(backup=backup_id)
        pages = Pages(REVISIONS, query, self.now, rows=rows)
        page = pages.page(cursor, query_params.limit(request), "at", "changes")
        return query_params.page_response(request, page, json_value(page.rows))


def refuse_untracked(request: Request, backup_id: uuid.UUID) -> None:
    """Raises NotFound, also for what lies in a cloud that is not open to the asker."""
    if not Backup.objects.filter(pk=backup_id).visible_to(access_of(request)).exists():
        raise NotFound(f"{backup_id} is not tracked.")


def refuse_too_many_ids(request: Request) -> None:
    """Counts the key `ids` before any of its values is looked at. Raises TooLarge."""
    ids = request.data.get("ids") if isinstance(request.data, dict) else None
    if isinstance(ids, list) and len(ids) > MOST:
        raise TooLarge(f"{len(ids):,} IDs in one call; at most {MOST:,} are taken.")


def if_match(request: Request) -> int | None:
    """Returns the version that an edit was made for; None: whatever is there. Raises Changed.

    It is written as `If-Match: "3"`, `3`, or the ETag of the last read, which begins with it.
    """
    value = request.headers.get("If-Match", "").strip()
    if value in ("", "*"):
        return None
    number = value.removeprefix("W/").strip('"').partition("-")[0]
    if not (number.isascii() and number.isdecimal()) or len(number) > 9:
        raise Changed(
            "If-Match names no version: write the number of `version`, or the ETag of the last "
            "read."
        )
    return int(number)
