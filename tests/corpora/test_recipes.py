"""Recipes make the same mail each time, git takes it, and a wrong recipe is told in one line."""

from __future__ import annotations

import mailbox
import re
from collections.abc import Callable
from dataclasses import replace
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from reviewer.model.errors import BadInputError
from reviewer.rulebook import find_data
from reviewer.tree.edits import Edit
from reviewer.tree.recipes import Recipe, build_series, find_recipe, load_recipe
from reviewer.tree.repo import open_tree

SHIPPED = [load_recipe(path) for path in sorted((find_data("corpora") / "series").glob("*.toml"))]
ON_MINIMM = [recipe for recipe in SHIPPED if recipe.tree == "minimm"]
KERNELS = {"linux-source-6.1": "kernel_6_1", "linux-source-6.12": "kernel_6_12"}
ON_A_KERNEL = [recipe for recipe in SHIPPED if recipe.tree in KERNELS]
MakeRepository = Callable[[Path, Recipe], Any]


def name_of(recipe: Recipe) -> str:
    return recipe.name


def read_mails(mbox: Path) -> list[Message]:
    box = mailbox.mbox(mbox, create=False)
    mails: list[Message] = list(box)
    box.close()
    return mails


def subjects_of(recipe: Recipe) -> list[str]:
    return [patch.subject for patch in recipe.patch]


@pytest.fixture
def kernel(recipe: Recipe, request: pytest.FixtureRequest) -> Path:
    """Return the tree that the recipe of the test is for."""
    tree = request.getfixturevalue(KERNELS[recipe.tree])
    assert isinstance(tree, Path)
    return tree


@pytest.fixture
def demo() -> Recipe:
    return load_recipe(find_recipe("minimm-seed"))


def test_every_recipe_is_for_a_known_tree() -> None:
    assert len(ON_MINIMM) + len(ON_A_KERNEL) == len(SHIPPED) > 10


@pytest.mark.parametrize("recipe", SHIPPED, ids=name_of)
def test_people_of_a_recipe_are_made_up(recipe: Recipe) -> None:
    authors = [recipe.author, *(p.author for p in recipe.patch), *(r.author for r in recipe.reply)]
    addresses = [author for author in (*authors, recipe.to, *recipe.cc) if author]
    assert all(re.search(r"@example\.org>?$", address) for address in addresses)


@pytest.mark.parametrize("recipe", ON_MINIMM, ids=name_of)
def test_git_am_takes_a_series_on_minimm(
    recipe: Recipe, minimm_dir: Path, tmp_path: Path, make_repository: MakeRepository
) -> None:
    mbox = build_series(minimm_dir, recipe, tmp_path)
    assert make_repository(minimm_dir, recipe).apply(mbox) == subjects_of(recipe)


@pytest.mark.kernel
@pytest.mark.parametrize("recipe", ON_A_KERNEL, ids=name_of)
def test_git_am_takes_a_series_on_a_kernel(
    recipe: Recipe, kernel: Path, tmp_path: Path, make_repository: MakeRepository
) -> None:
    mbox = build_series(kernel, recipe, tmp_path / "one")
    again = build_series(kernel, recipe, tmp_path / "two")
    assert mbox.read_bytes() == again.read_bytes()
    assert make_repository(kernel, recipe).apply(mbox) == subjects_of(recipe)


def test_every_recipe_is_in_the_readme_of_series() -> None:
    text = (find_data("corpora") / "series" / "README.md").read_text()
    listed = re.findall(r"(?m)^\| `([\w-]+)` \| (?:minimm|6\.)", text)
    assert sorted(listed) == sorted(recipe.name for recipe in SHIPPED)


@pytest.mark.kernel
@pytest.mark.parametrize("recipe", ON_A_KERNEL, ids=name_of)
def test_no_block_of_the_kernel_stands_in_a_recipe(recipe: Recipe, kernel: Path) -> None:
    edits = [edit for patch in recipe.patch for edit in patch.edit]
    for edit in edits:
        assert edit.anchor.count("\n") == edit.until.count("\n") == 0
        file = kernel / edit.file
        theirs = squeeze(file.read_text(errors="replace")) if file.is_file() else ""
        ours = squeeze(edit.text).splitlines()
        for at in range(len(ours) - 3):
            block = "\n".join(ours[at : at + 4])
            assert len(block) < 80 or block not in theirs


def squeeze(text: str) -> str:
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


def test_a_series_is_the_same_bytes_from_a_directory_and_from_git(
    demo: Recipe, minimm_dir: Path, tmp_path: Path
) -> None:
    first = build_series(minimm_dir, demo, tmp_path / "one").read_bytes()
    assert build_series(minimm_dir, demo, tmp_path / "two").read_bytes() == first
    with open_tree(minimm_dir, cache_dir=tmp_path / "cache") as tree:
        third = build_series(tree.snapshot("HEAD"), demo, tmp_path / "three")
        assert third.read_bytes() == first


def test_the_environment_does_not_show_in_a_series(
    demo: Recipe, minimm_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = build_series(minimm_dir, demo, tmp_path / "one").read_bytes()
    config = tmp_path / "gitconfig"
    config.write_text(
        "[format]\n\tsignature = mine\n\tsubjectPrefix = MINE\n\tnumbered = false\n"
        "\tattach = true\n\tsignOff = true\n[diff]\n\tnoprefix = true\n\tcontext = 9\n"
        "[user]\n\tname = Somebody Else\n\temail = else@example.org\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_COMMITTER_NAME", "Somebody Else")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("COLUMNS", "40")
    assert build_series(minimm_dir, demo, tmp_path / "two").read_bytes() == plain


def test_the_mails_are_threaded_below_the_cover_letter(
    demo: Recipe, minimm_dir: Path, tmp_path: Path
) -> None:
    mails = read_mails(build_series(minimm_dir, demo, tmp_path))
    count = len(demo.patch)
    assert len(mails) == 1 + count + len(demo.reply)
    ids = [mail["Message-ID"] for mail in mails]
    assert len(set(ids)) == len(ids)
    assert mails[0]["Subject"] == f"[PATCH 0/{count}] {demo.title}"
    assert mails[0]["In-Reply-To"] is None
    assert all(mail["In-Reply-To"] == ids[0] for mail in mails[1 : count + 1])
    for reply, mail in zip(demo.reply, mails[count + 1 :], strict=True):
        assert mail["In-Reply-To"] == ids[reply.to]
        parent = " ".join(mails[reply.to]["Subject"].split())
        assert mail["Subject"] == f"Re: {parent}"
        assert mail["References"].split()[-1] == ids[reply.to]
    text = mails[0].get_payload()
    assert demo.cover.strip() in str(text)
    assert "BLURB" not in str(text)


def test_a_reroll_says_so(demo: Recipe, minimm_dir: Path, tmp_path: Path) -> None:
    mails = read_mails(build_series(minimm_dir, replace(demo, revision=3), tmp_path))
    assert all("[PATCH v3 " in str(mail["Subject"]) for mail in mails)


def test_the_tree_is_not_written_to(demo: Recipe, minimm_dir: Path, tmp_path: Path) -> None:
    def stamps() -> dict[str, tuple[int, int]]:
        found = (path for path in minimm_dir.rglob("*"))
        return {str(p): (p.stat().st_mtime_ns, p.stat().st_size) for p in found}

    before = stamps()
    build_series(minimm_dir, demo, tmp_path)
    assert stamps() == before


def with_edit(recipe: Recipe, edit: Edit) -> Recipe:
    return replace(recipe, patch=(replace(recipe.patch[0], edit=(edit,)),))


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (Edit("mm/util.c", "before", anchor="nowhere_at_all"), "nowhere_at_all"),
        (Edit("mm/util.c", "after", inside="no_such_function", anchor="x"), "no_such_function"),
        (Edit("mm/nothing.c", "append", text="x\n"), "there is no such file"),
        (Edit("mm/util.c", "new-file", text="x\n"), "is there already"),
        (Edit("mm/util.c", "transmogrify"), "transmogrify"),
        (Edit("mm/util.c", "after", anchor="("), "no regular expression"),
        (Edit("mm/util.c", "append"), "changes nothing"),
        (Edit("../outside.c", "new-file", text="x\n"), "no path inside a tree"),
        (Edit("/etc/outside.c", "new-file", text="x\n"), "no path inside a tree"),
        (Edit(".git/hooks/pre-commit", "new-file", text="x\n"), "no path inside a tree"),
    ],
)
def test_an_edit_without_a_place_is_told_in_one_line(
    demo: Recipe, minimm_dir: Path, tmp_path: Path, edit: Edit, complaint: str
) -> None:
    with pytest.raises(BadInputError) as caught:
        build_series(minimm_dir, with_edit(demo, edit), tmp_path / "out")
    message = str(caught.value)
    assert complaint in message
    assert edit.file in message
    assert demo.name in message
    assert "\n" not in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('colour = "red"\n', "colour"),
        ("about = 3\n", "about"),
        ("about = [\n", "not valid TOML"),
        ("revision = []\n", "revision"),
    ],
)
def test_a_malformed_recipe_is_told_in_one_line(tmp_path: Path, line: str, complaint: str) -> None:
    whole = find_recipe("minimm-seed").read_text()
    key = line.split(" ", 1)[0]
    start = whole.index("tree =") if key == "about" else 0
    path = tmp_path / "broken.toml"
    path.write_text(line + whole[start:])
    with pytest.raises(BadInputError) as caught:
        load_recipe(path)
    assert complaint in str(caught.value)
    assert "broken.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_recipe_names_the_known_ones() -> None:
    with pytest.raises(BadInputError, match="minimm-seed"):
        find_recipe("no-such-recipe")
