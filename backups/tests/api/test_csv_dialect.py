"""The table for Excel: its bytes, what it neutralises, and that the form takes it back however
Excel has saved it.
"""

import csv
import io
import unicodedata
import uuid
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from backups.api.csv_dialect import excel_signs, harmless_in_excel
from backups.models import Backup
from backups.tests.accounts import make_operator
from backups.tests.api.test_backups import track
from backups.tests.otc import configure, silent

pytestmark = [pytest.mark.either, pytest.mark.django_db]
ONE, TWO = (str(uuid.UUID(int=n)) for n in (1, 2))
VOLUME = "8f1f3c5e-2a07-4f0c-9d3f-6a2f31c5b0aa"
MARK = b"\xef\xbb\xbf"


@pytest.fixture
def api(client: Client, settings: Any, tmp_path: Path) -> Client:
    configure(settings, tmp_path, silent("otc"))
    track(
        {
            "id": ONE,
            "status": "available",
            "volume_id": "v1",
            "name": "täglich; Größe, „5 €“",
            "created_at": "2026-11-20T00:00:00.000000",
            "size": 1234,
        },
        {"id": TWO, "status": "error", "volume_id": "v1", "fail_reason": "a;=1+1\n=2,@x"},
    )
    Backup.objects.filter(pk=ONE).update(tags=["grün"])
    client.force_login(make_operator("operator"))
    return client


def table(api: Client, query: str = "", **headers: str) -> bytes:
    answer = api.get(f"/api/backups.csv?{query}", headers=headers)
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv; charset=utf-8")
    content: bytes = answer.getvalue()
    return content


def test_a_table_for_excel_begins_with_one_mark_and_is_else_as_before(api: Client) -> None:
    plain = table(api, "fields=id,name,size,created_at")
    for_excel = table(api, "fields=id,name,size,created_at&excel=1")
    assert plain.startswith(b"id,name,size,created_at\r\n")
    assert for_excel == MARK + plain
    assert plain.decode().splitlines()[1:] == [
        f'{ONE},"täglich; Größe, „5 €“",1234,2026-11-20T00:00:00Z',
        f"{TWO},,,",
    ]
    assert table(api, "excel=0") == table(api) == table(api, "excel=false")
    assert table(api, "excel=true") == table(api, "excel=1")
    assert "grün" in table(api, "excel=1").decode()


def test_the_plain_table_looks_at_no_language(api: Client) -> None:
    assert table(api, **{"Accept-Language": "de"}) == table(api)
    assert "Accept-Language" not in api.get("/api/backups.csv").get("Vary", "")


@pytest.mark.parametrize(
    ("languages", "separator"),
    [
        ("", ","),
        ("*", ","),
        ("en", ","),
        ("en-US,en;q=0.9,de;q=0.8", ","),
        ("de", ";"),
        ("de-DE,de;q=0.9,en;q=0.8", ";"),
        ("DE-de", ";"),
        ("en;q=0.5, de", ";"),
        ("de-AT", ";"),
        ("de-CH", ";"),
        ("fr-CH, fr;q=0.9", ";"),
        ("fr", ";"),
        ("fr-CA", ";"),
        ("es", ";"),
        ("es-MX", ","),
        ("it", ";"),
        ("nl", ";"),
        ("pl", ";"),
        ("pt-BR", ";"),
        ("ru", ";"),
        ("sv", ";"),
        ("ja", ","),
        ("zh-CN,zh;q=0.9", ","),
        ("ko", ","),
        ("he", ","),
        ("xx-YY", ","),
        ("../../etc, de", ","),
        ("a" * 5000, ","),
        (";;;q=,,", ","),
    ],
)
def test_the_separator_is_that_of_the_readers_language(languages: str, separator: str) -> None:
    assert excel_signs(languages)[0] == separator


@pytest.mark.parametrize(
    ("languages", "written"),
    [("", "12.5"), ("en-US", "12.5"), ("de-DE", "12,5"), ("fr", "12,5"), ("de-CH", "12.5")],
)
def test_a_number_has_the_decimal_sign_of_the_readers_language(
    api: Client, languages: str, written: str
) -> None:
    Backup.objects.filter(pk=ONE).update(throughput_mb_s=12.5)
    query = f"fields=throughput_mb_s&id={ONE}"
    headers = {"Accept-Language": languages}
    text = table(api, f"{query}&excel=1", **headers).decode("utf-8-sig").splitlines()[1]
    assert text.strip('"') == written
    assert table(api, query, **headers).splitlines()[1] == b"12.5"


def test_a_german_browser_gets_semicolons_and_is_not_served_anothers_table(api: Client) -> None:
    path = "/api/backups.csv?excel=1&fields=id,name"
    german = api.get(path, headers={"Accept-Language": "de-DE,de;q=0.9"})
    rows = list(csv.reader(io.StringIO(german.getvalue().decode("utf-8-sig")), delimiter=";"))
    assert rows == [["id", "name"], [ONE, "täglich; Größe, „5 €“"], [TWO, ""]]
    assert "Accept-Language" in german["Vary"]
    english = api.get(path, headers={"Accept-Language": "en", "If-None-Match": german["ETag"]})
    assert (english.status_code, english.getvalue()[:10]) == (200, MARK + b"id,name")
    same = {"Accept-Language": "de-DE,de;q=0.9", "If-None-Match": german["ETag"]}
    assert api.get(path, headers=same).status_code == 304


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("excel=2", "cannot be “2”. It can be: 1, 0."),
        ("excel=", "cannot be “”. It can be: 1, 0."),
        ("excel=yes", "cannot be “yes”. It can be: 1, 0."),
        ("excel=%001", "cannot be “\x001”. It can be: 1, 0."),
        ("excel=1&excel=on", "cannot be “on”. It can be: 1, 0."),
        ("excel=null", "cannot be “null”. It can be: 1, 0."),
        ("excel=%EF%BC%91", "cannot be “１”. It can be: 1, 0."),
        (f"excel={'x' * 500}", f"cannot be “{'x' * 80}”. It can be: 1, 0."),
        ("excel=1&excel=0", "has two values: write one of them."),
    ],
)
def test_a_wrong_value_of_excel_is_named(api: Client, query: str, sentence: str) -> None:
    answer = api.get(f"/api/backups.csv?{query}")
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["errors"] == {"excel": [sentence]}


@pytest.mark.parametrize(
    "path", ["/api/backups/?excel=1", "/api/volumes/?excel=1", "/backups/?excel=1"]
)
def test_only_the_table_knows_the_key(api: Client, path: str) -> None:
    assert api.get(path).status_code == 400


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        *((sign + "1+1", f"'{sign}1+1") for sign in "=+-@＝＋－＠﹦﹢﹣﹫⁼₊\N{MINUS SIGN}"),
        ("\t=1", "'\t'=1"),
        ("\tx", "'\tx"),
        ("\r=1", "'\r'=1"),
        ("\n=1", "'\n'=1"),
        (" =1", "' =1"),
        ("\N{NO-BREAK SPACE}@x", "'\N{NO-BREAK SPACE}@x"),
        ("\ufeff=1", "'\ufeff=1"),
        ("\u200b\u2060 -x", "'\u200b\u2060 -x"),
        ("\x01+x", "'\x01+x"),
        ("a;=cmd|' /C calc'!A0", "a;'=cmd|' /C calc'!A0"),
        ('x",=1', "x\",'=1"),
        ("a\n@x", "a\n'@x"),
        ("db-01", "db-01"),
        ("a=b", "a=b"),
        ("5 - 3, -1", "5 - 3, -1"),
        ("täglich", "täglich"),
        ("'=1", "'=1"),
        ("", ""),
        ("  ", "  "),
    ],
)
def test_no_text_begins_a_formula_however_it_is_cut(text: str, cell: str) -> None:
    assert harmless_in_excel(text) == cell


@pytest.mark.parametrize("opened_with", [",", ";", "\t"])
def test_no_cell_is_a_formula_in_an_excel_of_any_locale(api: Client, opened_with: str) -> None:
    for languages in ("en", "de"):
        text = table(api, "excel=1", **{"Accept-Language": languages}).decode("utf-8-sig")
        cells = [
            cell
            for row in csv.reader(io.StringIO(text, newline=""), delimiter=opened_with)
            for cell in row
        ]
        signs = {unicodedata.normalize("NFKC", cell[:1]) for cell in cells}
        assert not signs & set("=+-@\t\r\n")


def resaved(
    text: str, separator: str, *, quoting: Any = csv.QUOTE_MINIMAL, end: str = "\r\n"
) -> str:
    """What a spreadsheet writes of a table that it has opened."""
    rows = csv.reader(io.StringIO(text), delimiter=";" if ";" in text.splitlines()[0] else ",")
    file = io.StringIO()
    csv.writer(file, delimiter=separator, quoting=quoting).writerows(rows)
    return file.getvalue().replace("\r\n", end)


@pytest.mark.parametrize(
    "before",
    ["", "\ufeff", "sep={}\r\n", "\ufeffsep={}\n", "SEP={}\r\n\r\n", '"sep={}"\r\n', "sep={}\r"],
)
@pytest.mark.parametrize("header", ["id", "Id", "ID", '"Id"', " id "])
def test_the_form_takes_back_what_a_spreadsheet_made_of_it(
    api: Client, before: str, header: str
) -> None:
    quoting = csv.QUOTE_ALL if header.startswith('"') else csv.QUOTE_MINIMAL
    for languages, separator, end in product(("en", "de"), ",;\t", ("\r\n", "\n", "\r")):
        exported = table(api, "excel=1", **{"Accept-Language": languages}).decode("utf-8-sig")
        text = resaved(exported, separator, quoting=quoting, end=end)
        text = header + text.removeprefix('"id"').removeprefix("id")
        pasted = before.format(separator) + text
        words = {"cloud": "otc", "backup_ids": pasted, "preview": "1"}
        answer = api.post("/backups/add/", words)
        verdicts = [(line.verdict.id, line.verdict.state) for line in answer.context["lines"]]
        assert (pasted, verdicts) == (pasted, [(ONE, "already_tracked"), (TWO, "already_tracked")])


@pytest.mark.parametrize("languages", ["en", "de"])
def test_the_table_as_it_was_downloaded_changes_nothing(api: Client, languages: str) -> None:
    text = table(api, "excel=1", **{"Accept-Language": languages}).decode()
    before = list(Backup.objects.order_by("id").values())
    answer = api.post("/backups/add/", {"cloud": "otc", "backup_ids": text})
    assert (answer.status_code, list(Backup.objects.order_by("id").values())) == (302, before)
    call = {"cloud": "otc", "ids": [text]}
    answer = api.post("/api/backups/", call, content_type="application/json")
    assert answer.json() == {"added": [], "already_tracked": [ONE, TWO], "invalid": []}


def wrapped_lines(text: str) -> str:
    """What a German Excel saves of a table with commas: it has each line in one cell."""
    lines = []
    for line in text.splitlines():
        quoted = line.replace('"', '""')
        lines.append(f'"{quoted}"' if '"' in line else line)
    return "\r\n".join(lines)


@pytest.mark.parametrize(
    "broken",
    [
        wrapped_lines,
        lambda text: text.encode("utf-8-sig").decode("cp1252"),
        lambda text: text.encode("utf-16-le").decode("latin-1"),
        lambda text: text.encode("utf-16").decode("latin-1"),
        lambda text: text.encode("utf-16").decode("utf-8", "replace"),
        lambda text: text.encode("utf-16-be").decode("latin-1"),
    ],
)
def test_the_form_reads_what_another_program_took_for_something_else(
    api: Client, broken: Callable[[str], str]
) -> None:
    text = f'id,name,volume_id\r\n{ONE},"a, ""b""",{VOLUME}\r\n{TWO},"c, d",{VOLUME}\r\n'
    words = {"cloud": "otc", "backup_ids": broken(text), "preview": "1"}
    lines = api.post("/backups/add/", words).context["lines"]
    ids = [line.verdict.id for line in lines if line.verdict.id]
    assert ids == [ONE, TWO]
    assert not [line for line in lines if line.verdict.state == "invalid"]
