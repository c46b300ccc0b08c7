"""Causes of failures, by the pure rules."""

import re
import uuid
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backups.analysis.catalogue import CODES, PHRASES, STATES
from backups.analysis.causes import NOTHING, cause, code_in, explain, pattern

U = "1d1139d8-8989-49d3-8aa1-83eb691e6db2"
# As the appendix "Error Codes" of opentelekomcloud-docs/volume-backup-service lists them.
VOLUME_BACKUP = """
0002 0003 0004 0005 0006 0007 0008 0009 0010 0011 0012 0013 0014 0017 0018 0019 0020 0021 0022 0023
0024 0025 0026 0027
0028 0029 0030 0035 0036 0037 0038 0039 0040 0041 0042 0043 0044 0049 0050 0053 0062 0063 0064 0070
0071 0072 0073 0074
0075 0076 0077 0078 0079 0080 0081 0082 0083 0084 0089 0100 0101 0102 0103 0104 0105 0109 0110 0111
0113 0123 0125 0200
0201 0202 0203 0204 0205 0206 0207 0208 0209 0210 0211 0900
"""
AUTO_BACKUP = """
0000 0001 0002 0003 0005 0006 0008 0009 0100 0101 0102 0103 0104 0105 0106 0107 0203 0204 0205 0206
0207 0208 0209 0210
0211 0213 0214 0215 0216 0217 0218 0220 0221 0222 0225 0226 1100 1300 1400 1700 9002
"""


# Of CBR's those that can be the reason of a backup, a run, a restore or a deletion.
BACKUP_SERVICE = """
    0001 0002 2001 2002 2003 2005 2007 2008 2009 2010 2011 2012 2013 2014 2015 6000 6001 6002
    6100 6101 6102 6103 6104 6105 6107 6108 6110 6112 6113 6114 6115 6116 6117 6123 6124 6125
    6127 6129 6133 6134 6135 6136 6137 6142 6200 6201 6202 6203 6204 6206 6210 6211 6215 6216
    6300 6301 6302 6710 7000 7001 7002 7003 7004 7006 7007 7008 7009 7100 7101 7102 7103 7104
    7105 7106 7107 7108 7109 7110 7111 7113 7114 7115 7116 7117 7200 7202 7203 7204 7303 8300
    8600 9900 9910 9998
"""


def test_every_code_of_the_appendix_is_in_the_catalogue() -> None:
    known = {"common.0011"}
    known |= {f"VolumeBackup.{n}" for n in VOLUME_BACKUP.split()}
    known |= {f"AutoBackup.{n}" for n in AUTO_BACKUP.split()}
    known |= {f"BackupService.{n}" for n in BACKUP_SERVICE.split()}
    assert set(CODES) == known
    assert Counter(code.split(".")[0] for code in CODES) == {
        "VolumeBackup": 84,
        "AutoBackup": 41,
        "BackupService": 94,
        "common": 1,
    }


def test_each_entry_is_one_or_more_sentences_of_its_own() -> None:
    entries = [*CODES.values(), *(one.entry for one in PHRASES), *STATES.values()]
    assert [e for e in entries if not re.fullmatch(r"[A-Z].{10,}\.", e.meaning)] == []
    assert [e for e in entries if not re.fullmatch(r"[A-Z].{20,}\.", e.advice)] == []


def test_phrases_are_looked_for_as_they_are_compared() -> None:
    assert [one for one in PHRASES for text in one.holds if text != text.lower().strip()] == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("VolumeBackup.0064", "VolumeBackup.0064"),
        ("job failed (volumebackup.0064), see the log", "VolumeBackup.0064"),
        ("VolumeBackup.9999 and AutoBackup.0218", "AutoBackup.0218"),
        ("VolumeBackup.9999", "VolumeBackup.9999"),
        ("VolumeBackup.00641", None),
        ("MyVolumeBackup.0064", None),
        ("common.0011", "common.0011"),
        ("backupservice.6114: the vault is full", "BackupService.6114"),
        ("BackupService.4711", "BackupService.4711"),
        ("", None),
    ],
)
def test_a_code_is_found_wherever_it_stands(text: str, code: str | None) -> None:
    assert code_in(text) == code


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (
            f"snapshot {U} of disk {U.upper()} is in error.",
            "snapshot <id> of disk <id> is in error",
        ),
        (f"req-{U}: b23b579f08c84228b9b4673c46f0c442 failed", "<id>: <id> failed"),
        ("host 192.0.2.20:8776 is silent since 600 s", "host <address> is silent since <n> s"),
        (
            "at 2026-11-23T19:45:00.123456Z and 2026-11-23 19:45:00+01:00, 07:30:01",
            "at <time> and <time>, <time>",
        ),
        (
            "fe80::1:2ff:fe00:1 00:16:3e:5e:6c:00 http://10.0.0.1/v2?x=1 end",
            "<address> <address> <address> end",
        ),
        (
            "disk 'db-01' of \"srv 2\" isn't there, it's gone",
            "disk <name> of <name> isn't there, it's gone",
        ),
        ("[Errno 111] ECONNREFUSED 0x7f3c", "[Errno <n>] ECONNREFUSED <n>"),
        ("VolumeBackup.0062: 3 of 20", "VolumeBackup.0062: <n> of <n>"),
        ("  many\n\tblanks  ", "many blanks"),
    ],
)
def test_what_differs_between_equal_faults_is_taken_out(text: str, left: str) -> None:
    assert pattern(text) == left


def test_fifty_equal_faults_are_one_cause() -> None:
    found = {
        cause(
            status="error",
            reason=f"Volume {uuid.UUID(int=n)} on 192.0.2.{n}: timed out after {600 + n} s",
        )
        for n in range(50)
    }
    assert len({one.key for one in found if one}) == 1


def test_the_same_reason_in_another_state_is_another_cause() -> None:
    keys = {cause(status=status, reason="timed out").key for status in (*STATES, "available")}  # type: ignore[union-attr]
    assert len(keys) == 4


def test_different_codes_are_different_causes() -> None:
    found = [cause(status="error", reason=f"VolumeBackup.00{n}: failed") for n in (62, 63)]
    assert len({one.key for one in found if one}) == 2


def test_ten_thousand_bytes_of_html_are_one_cause_kept_as_they_came() -> None:
    page = "<html><body>" + "<p>Bad gateway</p>" * 560 + "</body></html>"
    found = cause(status="error", reason=page)
    assert found is not None
    assert (len(page) > 10_000, found.text) == (True, page)


def test_a_failure_without_a_reason_is_a_cause_of_its_state() -> None:
    one, two = cause(status="error", reason=None), cause(status="error", reason="  ")
    assert (one, one is not None and one.text) == (two, "")


@pytest.mark.parametrize("status", ["available", "creating", "deleted", "funny", None])
@pytest.mark.parametrize("reason", [None, "", " \n"])
def test_nothing_wrong_has_no_cause(status: str | None, reason: str | None) -> None:
    assert (cause(status=status, reason=reason), explain(status=status, reason=reason)) == (
        None,
        NOTHING,
    )


@pytest.mark.parametrize("status", ["error", "error_deleting", "error_restoring"])
@pytest.mark.parametrize(
    "reason", [None, "", "???", "VolumeBackup.0064", "VolumeBackup.9999", "quota exceeded"]
)
def test_every_error_state_has_meaning_and_advice(status: str, reason: str | None) -> None:
    told = explain(status=status, reason=reason)
    assert (bool(told.meaning), bool(told.advice)) == (True, True)


@pytest.mark.parametrize(
    ("reason", "means"),
    [
        ("Quota exceeded for resources: ['backups']", "A quota of the project is used up."),
        (
            "Maximum number of backups allowed (20) exceeded",
            "The project has as many backups as its quota allows.",
        ),
        (
            "Requested backup exceeds allowed Backup gigabytes quota. Requested 10G",
            "The project's backups take as much space as its quota allows.",
        ),
        (
            "incomplete backup reset on manager restart",
            "The cloud's backup service was restarted while the backup ran, and gave it up.",
        ),
        (
            "CreateBackup Task-fail: fsp cinder return backup status is error.",
            "The storage reported that the backup went wrong while it was being written.",
        ),
        (
            "Connection to swift failed: [Errno 111] ECONNREFUSED",
            "The backup service could not reach the object store in which backups are kept.",
        ),
        (
            "Backup host 192.0.2.20 did not answer within 601 s",
            "A part of the cloud did not answer another one in time.",
        ),
        ("Service not found for creating backup.", "No backup service of the cloud took the job."),
        (
            "Invalid InitiatorConnector protocol specified DSWARE",
            "The backup host could not attach the disk in order to read it.",
        ),
    ],
)
def test_well_known_reasons_without_a_code_are_understood(reason: str, means: str) -> None:
    assert explain(status="error", reason=reason).meaning == means


@pytest.mark.parametrize("text", ["{}", "{}: timed out", "quota exceeded ({})"])
def test_a_code_is_understood_whatever_is_written_around_it(text: str) -> None:
    for code, entry in CODES.items():
        explained = explain(status="error", reason=text.format(code))
        assert (explained.code, explained.meaning) == (code, entry.meaning)
        advice = entry.advice if "error" in entry.when else STATES["error"].advice
        assert explained.advice == advice


def test_unknown_text_is_given_back_verbatim() -> None:
    told = explain(status="error", reason="<b>qqq</b> 12")
    assert (told.text, told.code, told.meaning) == ("<b>qqq</b> 12", None, STATES["error"].meaning)


def test_nobody_is_told_to_delete_a_backup_that_is_good() -> None:
    advice = {explain(status="available", reason=f"{code}: x").advice for code in CODES}
    advice |= {explain(status="available", reason=one.holds[0]).advice for one in PHRASES}
    assert [text for text in advice if text and "failed backup" in text.lower()] == []


def test_a_backup_that_cannot_be_deleted_is_left_to_the_cloud() -> None:
    assert (
        explain(status="error_deleting", reason="timed out").advice
        == STATES["error_deleting"].advice
    )


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_text_has_one_pattern_that_stays_what_it_is(text: str) -> None:
    found = cause(status="error", reason=text)
    assert found is not None
    assert found == cause(status="error", reason=text)
    assert found.text == text.strip()


@settings(deadline=None)
@given(st.uuids(), st.uuids(), st.ip_addresses(), st.datetimes(), st.integers(0, 10**9))
def test_no_id_address_time_or_number_makes_another_cause(
    a: object, b: object, ip: object, at: object, n: int
) -> None:
    text = f"disk {a} of {b} at {ip} since {at} lost {n} blocks"
    plain = "disk <id> of <id> at <address> since <time> lost <n> blocks"
    assert pattern(text).replace("<time>.<n>", "<time>") == plain
