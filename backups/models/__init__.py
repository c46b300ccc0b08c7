"""Tables. One model a file; queries are QuerySet methods."""

from backups.models.access import FULL_ACCESS, NEW_ACCOUNT, NO_ACCESS, Access, Role
from backups.models.account import Account
from backups.models.alarm import (
    Alarm,
    AlarmKind,
    DeliveredAlarm,
    Delivery,
    DeliveryAttempt,
    DeliveryKind,
    DeliveryState,
    Ended,
    Silence,
    Told,
)
from backups.models.audit import ActorKind, AuditCut, AuditEntry, ObjectKind, Outcome, Verb
from backups.models.backup import Backup
from backups.models.body import Body
from backups.models.budget_window import BudgetWindow
from backups.models.cause import Cause
from backups.models.cloud import Cloud
from backups.models.cloud_calls import CloudCalls
from backups.models.data_version import DataVersion
from backups.models.edit import Edit
from backups.models.external_identity import ExternalIdentity
from backups.models.heartbeat import Heartbeat
from backups.models.outcome_bucket import OutcomeBucket
from backups.models.policy import (
    MemberSource,
    Policy,
    PolicyMember,
    PolicyRevision,
    PolicyTask,
    Run,
)
from backups.models.preferences import Preferences
from backups.models.process import Process
from backups.models.revision import Revision
from backups.models.rule import CloudRule, TagRule
from backups.models.saved_view import SavedView, ViewedList
from backups.models.search import SearchText
from backups.models.session import UserSession
from backups.models.stored_day import StoredDay
from backups.models.tag import BackupTag
from backups.models.token import ApiToken
from backups.models.trash import TrashedBackup
from backups.models.vault import Vault, VaultResource
from backups.models.volume import Volume, VolumeTag
from backups.models.volume_contribution import VolumeContribution

__all__ = [
    "FULL_ACCESS",
    "NEW_ACCOUNT",
    "NO_ACCESS",
    "Access",
    "Account",
    "ActorKind",
    "Alarm",
    "AlarmKind",
    "ApiToken",
    "AuditCut",
    "AuditEntry",
    "Backup",
    "BackupTag",
    "Body",
    "BudgetWindow",
    "Cause",
    "Cloud",
    "CloudCalls",
    "CloudRule",
    "DataVersion",
    "DeliveredAlarm",
    "Delivery",
    "DeliveryAttempt",
    "DeliveryKind",
    "DeliveryState",
    "Edit",
    "Ended",
    "ExternalIdentity",
    "Heartbeat",
    "MemberSource",
    "ObjectKind",
    "Outcome",
    "OutcomeBucket",
    "Policy",
    "PolicyMember",
    "PolicyRevision",
    "PolicyTask",
    "Preferences",
    "Process",
    "Revision",
    "Role",
    "Run",
    "SavedView",
    "SearchText",
    "Silence",
    "StoredDay",
    "TagRule",
    "Told",
    "TrashedBackup",
    "UserSession",
    "Vault",
    "VaultResource",
    "Verb",
    "ViewedList",
    "Volume",
    "VolumeContribution",
    "VolumeTag",
]
