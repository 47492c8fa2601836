"""The formats by name, and files written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from reviewer.model.errors import BadInputError
from reviewer.model.review import Review
from reviewer.report.formats import FORMATS, DraftWish
from reviewer.report.outputs import render, write_file, write_outputs


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_renders_the_same_twice_and_ends_its_last_line(
    review: Review, name: str
) -> None:
    text = render(review, name)
    assert text == render(review, name)
    assert text.endswith("\n")


def test_what_was_asked_for_is_written(review: Review, tmp_path: Path) -> None:
    html, drafts, output = (tmp_path / name for name in ("r.html", "d.mbox", "r.txt"))
    wish = DraftWish(drafts, sender="R <r@example.org>")
    write_outputs(review, "text\n", output=output, html=html, drafts=wish)
    assert html.read_text().startswith("<!DOCTYPE html>")
    assert drafts.read_bytes().startswith(b"From ")
    assert output.read_text() == "text\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["d.mbox", "r.html", "r.txt"]


def test_a_wrong_sender_leaves_nothing_behind(review: Review, tmp_path: Path) -> None:
    with pytest.raises(BadInputError):
        write_outputs(
            review,
            None,
            output=None,
            html=tmp_path / "r.html",
            drafts=DraftWish(tmp_path / "d.mbox", sender="nobody"),
        )
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_an_error_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    for place in (tmp_path / "missing" / "file", tmp_path / "directory"):
        with pytest.raises(BadInputError) as caught:
            write_file(place, b"x")
        assert "\n" not in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["directory"]


@pytest.mark.parametrize("form", ["eml", "maildir", "b4"])
def test_drafts_of_other_forms_fill_a_directory(review: Review, tmp_path: Path, form: str) -> None:
    place = tmp_path / "drafts"
    wish = DraftWish(place, form, "R <r@example.org>")
    write_outputs(review, None, output=None, html=None, drafts=wish)
    assert [path for path in place.rglob("*") if path.is_file()]
    if form == "maildir":
        assert {"cur", "new", "tmp"} <= {path.name for path in place.iterdir()}
