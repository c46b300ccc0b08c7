"""Files that YAML or JSON can hold: each is clouds or one sentence, whatever stands in it."""

from pathlib import Path

import pytest

from backups.vbs.clouds import load_clouds
from backups.vbs.errors import ConfigurationError

AUTH = (
    '{auth_url: "https://iam.example/v3", username: u, password: hunter2, project_name: n, '
    "user_domain_name: d}"
)
GOOD = f"clouds:\n  otc:\n    auth: {AUTH}\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "# nothing",
        "---\n...",
        "null",
        "{}",
        "clouds:",
        "clouds: {}",
        "a: &a [*a]\nclouds: {}",
        "x: !!binary aGk=\nclouds: {}",
    ],
)
def test_a_file_without_clouds_is_no_mistake(tmp_path: Path, text: str) -> None:
    (tmp_path / "clouds.yaml").write_text(text)
    assert load_clouds({}, cwd=tmp_path, home=tmp_path) == {}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("5", "has no mapping under the key clouds"),
        ("clouds", "has no mapping under the key clouds"),
        ('clouds: ""', "write each cloud below it as NAME:"),
        ("clouds: []", "write each cloud below it as NAME:"),
        ("clouds: false", "write each cloud below it as NAME:"),
        ("clouds: {otc}", "the entry is no mapping"),
        ("clouds: {1.5: {}}", "reads it as 1.5: put the name in quotes"),
        ("clouds: {~: {}}", "a cloud whose name is no text"),
        ('clouds: {"": {}}', "a name has 1 to 64 letters"),
        ('clouds: {"a b": {}}', "a name has 1 to 64 letters"),
        ("clouds: &a {otc: *a}", "auth_url in auth is missing"),
        ("clouds: !!omap [otc: {}]", "has no mapping under the key clouds"),
        ("clouds: {<<: 5}", "is not valid YAML at line 1, column 14"),
        ("clouds: {? [a] : b}", "is not valid YAML at line 1, column 12"),
        (f"{GOOD}---\n", "keep one document"),
        ("\tclouds: {}", "at line 1, column 1: write blanks there, not a tab"),
        ("clouds:\n otc:\n   auth:\n  x: y", "at line 4, column 3: correct it there"),
        ("\x00", "remove the control character at position 0"),
        ("clouds: \x07", "remove the control character at position 8"),
        ('clouds: {otc: {auth: {password: "hunter2}}', "is not valid YAML at line 1"),
        ("clouds: {otc: {auth: {password: 'hunter2's'}}}", "is not valid YAML at line 1"),
        ("clouds: {otc: {auth: {password: %hunter2}}}", "column 33: put a value that begins with"),
        ("clouds:\n  otc:\n    auth:\n      password: a: hunter2", "at line 4, column 18"),
        ("clouds: " + "[" * 3000, "is nested too deeply"),
        ("clouds: {otc: !!timestamp x}", "column 15: put the value in quotes, it is no number"),
        ("clouds: {otc: !!int x}", "column 15: put the value in quotes, it is no number"),
        ("clouds: {otc: !!bool x}", "column 15: put the value in quotes, it is no number"),
        ("clouds: {otc: 0b_}", "column 15: put the value in quotes, it is no number"),
        ("clouds: {otc: 2026-11-29T25:00:00Z}", "column 15: put the value in quotes"),
        ("clouds: {a: {}, a: {}}", "has the key a twice, in line 1"),
        ("a: 1\na: 2\nclouds: {}", "has the key a twice, in lines 1 and 2"),
        ("cluods: {}", "cluods looks like it, correct it"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_sentence_with_its_place(
    tmp_path: Path, text: str, says: str
) -> None:
    file = tmp_path / "clouds.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load_clouds({}, cwd=tmp_path, home=tmp_path)
    sentence = str(caught.value)
    assert sentence.startswith(str(file))
    assert says in sentence
    assert "\n" not in sentence
    assert "hunter2" not in sentence


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"clouds": {},}', "is not valid JSON at line 1, column 15"),
        ('{"clouds": {"a": 1, "a": 2}}', "has the key a twice"),
        ("[1", "is not valid JSON at line 1, column 3"),
        ("", "is not valid JSON at line 1, column 1"),
        ("[" * 100_000, "is nested too deeply"),
        (GOOD, "is not valid JSON at line 1, column 1"),
    ],
)
def test_json_is_read_as_json(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "clouds.json").write_text(text)
    with pytest.raises(ConfigurationError, match=says):
        load_clouds({}, cwd=tmp_path, home=tmp_path)


def test_an_anchors_home_among_the_clouds_is_no_cloud(tmp_path: Path) -> None:
    (tmp_path / "clouds.yaml").write_text(
        "clouds:\n"
        "  .base: &base {region_name: eu-de}\n"
        "  x-more: &more {interface: internal}\n"
        f"  otc: {{<<: [*base, *more], auth: {AUTH}}}\n"
    )
    [(name, config)] = load_clouds({}, cwd=tmp_path, home=tmp_path).items()
    assert (name, config.region, config.interfaces) == ("otc", "eu-de", ("internal",))


def test_a_mistake_in_secure_yaml_names_that_file(tmp_path: Path) -> None:
    (tmp_path / "clouds.yaml").write_text(GOOD)
    secure = tmp_path / "secure.yaml"
    secure.write_text("clouds: {other: {auth: {password: hunter2}}}")
    with pytest.raises(ConfigurationError) as caught:
        load_clouds({}, cwd=tmp_path, home=tmp_path)
    assert str(caught.value).startswith(f"{secure}, cloud other: auth_url in auth is missing")


def test_files_are_looked_for_where_other_tools_look(tmp_path: Path) -> None:
    """The first one is taken away each time, so the next one counts."""
    xdg = tmp_path / "xdg"
    home = tmp_path / "home"
    folder = tmp_path / "project"
    places = [
        folder / "clouds.yaml",
        folder / "clouds.yml",
        folder / "clouds.json",
        xdg / "openstack" / "clouds.yaml",
        home / ".config" / "openstack" / "clouds.yml",
    ]
    for number, place in enumerate(places):
        place.parent.mkdir(parents=True, exist_ok=True)
        text = GOOD.replace("otc", f"cloud{number}")
        if place.suffix == ".json":
            text = (
                f'{{"clouds": {{"cloud{number}": {{"auth": {{"auth_url": "https://i.example/v3", '
                '"username": "u", "password": "p", "project_name": "n", "user_domain_name": "d"}}}}'
            )
        place.write_text(text)
    environ = {"XDG_CONFIG_HOME": str(xdg)}
    for number, place in enumerate(places):
        assert list(load_clouds(environ, cwd=folder, home=home)) == [f"cloud{number}"]
        place.unlink()
    assert load_clouds(environ, cwd=folder, home=home) == {}


def test_a_secure_yaml_elsewhere_adds_to_the_clouds_of_the_file_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    secure = home / ".config" / "openstack" / "secure.yaml"
    secure.parent.mkdir(parents=True)
    secure.write_text("clouds: {otc: {auth: {password: s}}, other: {auth: {password: s}}}")
    (tmp_path / "clouds.yaml").write_text(GOOD)
    clouds = load_clouds({}, cwd=tmp_path, home=home)
    assert {name: config.auth["password"] for name, config in clouds.items()} == {"otc": "s"}
