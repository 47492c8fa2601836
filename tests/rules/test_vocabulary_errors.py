"""A mistake in vocabulary.toml is told by the entry it stands in."""

from __future__ import annotations

from pathlib import Path

import pytest

from reviewer.model.errors import BadInputError
from reviewer.rulebook import find_data, load_vocabulary


def _load_with(tmp_path: Path, entry: str) -> None:
    shipped = (find_data("rules") / "vocabulary.toml").read_text(encoding="utf-8")
    (tmp_path / "vocabulary.toml").write_text(f"{shipped}\n{entry}\n", encoding="utf-8")
    load_vocabulary(tmp_path)


def test_an_added_entry_is_read(tmp_path: Path) -> None:
    _load_with(tmp_path, '[[source]]\nname = ["my_page"]\npin = "none"\nreason = "mine"')
    word = load_vocabulary(tmp_path).sources["my_page"]
    assert (word.pin.value, word.null, word.reason) == ("none", False, "mine")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ('[[source]]\nname = ["my_page"]\npin = "none"', "[[source]] my_page: 'reason' is missing"),
        ('[[unpin]]\nname = ["my_put"]', "[[unpin]] my_put: 'reason' is missing"),
        ('[[counter]]\nfield = ["_c"]\nunit = "page"\nstart = 0', "_c: 'reason' is missing"),
        ('[[source]]\nname = ["my_page"]\nreason = "mine"', "my_page: SourceWord"),
        (
            '[[source]]\nname = ["my_page"]\npin = "hope"\nreason = "mine"',
            "my_page: 'hope' is not a valid Pin",
        ),
        (
            '[[pin]]\nname = ["my_get"]\nkind = "reference"\nwhen = "true"\nreason = "m"\nif = 1',
            "my_get: PinWord",
        ),
    ],
)
def test_a_mistake_is_told_where_it_stands(tmp_path: Path, entry: str, said: str) -> None:
    with pytest.raises(BadInputError) as error:
        _load_with(tmp_path, entry)
    text = str(error.value)
    assert text.startswith("rules/vocabulary.toml: [[")
    assert said in text
    assert "\n" not in text
