"""local.settings.json is read as people have it, or refused with a sentence."""

import json
import os
from pathlib import Path

import pytest

from shared.errors import SettingsError
from shared.settings import load_local_settings, read_settings_file

VALUES = '{"IsEncrypted": false, "Values": {"STYLE": "wave", "BATCH_SIZE": "8"}}'
READ = {"STYLE": "wave", "BATCH_SIZE": "8"}


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "local.settings.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_sample_is_read_where_there_is_no_file_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "local.settings.sample.json").write_text(json.dumps({"Values": {"COMPUTE": "sample"}}))
    assert load_local_settings(tmp_path) == {"COMPUTE": "sample"}
    (tmp_path / "local.settings.json").write_text(json.dumps({"Values": {"COMPUTE": "own"}}))
    assert load_local_settings(tmp_path) == {"COMPUTE": "own"}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"Values": 3}'])
def test_a_file_that_is_no_settings_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "local.settings.json").write_text(text)
    with pytest.raises(SettingsError, match=r"local\.settings\.json"):
        load_local_settings(tmp_path)


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + VALUES.encode(),
        VALUES.encode("utf-16"),
        VALUES.encode("utf-16-le"),
        VALUES.encode("utf-16-be"),
        VALUES.replace("Values", "values").replace("IsEncrypted", "isEncrypted").encode(),
        VALUES.replace("{", "{ // mine\n", 1).encode(),
        VALUES.replace('"8"', '/* "9", */ 8,').encode(),
        VALUES.replace("}}", "},\r\n}").encode(),
        VALUES.replace('"8"', '"8", "STRICT_VIDEO": null').encode(),
    ],
)
def test_what_editors_and_shells_make_of_the_file_is_read(tmp_path: Path, data: bytes) -> None:
    assert read_settings_file(written(tmp_path, data)) == READ


def test_what_looks_like_a_comment_within_a_value_stays(tmp_path: Path) -> None:
    values = {"A": "https://a//b", "B": "/* no */", "C": 'quote " // and \\', "D": "a,}", "E": ",]"}
    assert read_settings_file(written(tmp_path, json.dumps({"Values": values}))) == values


def test_numbers_and_switches_are_read_as_written(tmp_path: Path) -> None:
    file = written(tmp_path, '{"Values": {"A": 5, "B": true, "C": 1e3, "D": 12345678901234567890123, "E": 0.10}}')
    assert read_settings_file(file) == {"A": "5", "B": "true", "C": "1e3", "D": "12345678901234567890123", "E": "0.10"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            '{"Values": {"STYLE": {"a": 1}, "BATCH_SIZE": [1]}}',
            r"STYLE in .* an object(.|\n)*BATCH_SIZE in .* an array",
        ),
        ('{"IsEncrypted": true, "Values": {"A": "x"}}', "func settings decrypt"),
        ('{"Values": {"A": "x", "A": "y"}}', "A twice"),
        ('{"Values": {\n"A": "x"\n"B": "y"}}', "line 3"),
        ('{"Values": {"A": "x}}', "line 1"),
        ('{"Values": {"A=B": "x"}}', "cannot be an environment variable"),
        ('{"Values": {"A": "x\\u0000"}}', "A in .* has a character"),
        ('{"Values": {"A": "\\ud800"}}', "A in .* has a character"),
        ('{"Values": {"A\\u0000": "x"}}', "cannot be an environment variable"),
        ('{"Values": {"A": "x"}, "values": {"B": "y"}}', "a section twice: Values, values"),
        ("", "is empty"),
        ("// nothing", "is empty"),
        ("[" * 100_000, "no JSON|no object"),
        (b"\xff\xfe\xfa\x00\xd8", "UTF-8"),
        (b'{"Values": {"A": "\xe9"}}', "UTF-8"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_a_sentence(tmp_path: Path, text: str | bytes, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as refused:
        read_settings_file(written(tmp_path, text))
    assert str(tmp_path) in str(refused.value)
    assert refused.value.hint or "settings cannot be used" in refused.value.message


def test_a_folder_an_absent_file_and_one_that_may_not_be_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "local.settings.json").mkdir()
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        load_local_settings(tmp_path)
    with pytest.raises(SettingsError, match="cannot be read"):
        read_settings_file(tmp_path / "absent.json")
    secret = written(tmp_path / "local.settings.json", VALUES)
    secret.chmod(0)
    if not os.access(secret, os.R_OK):
        with pytest.raises(SettingsError, match="Permission denied"):
            read_settings_file(secret)
