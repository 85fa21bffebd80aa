from __future__ import annotations

from pathlib import Path

from ryorin.entrypoints.cli.folder_sync import Indexed, find_files, plan_sync, read_file


def test_a_plan_names_what_is_new_changed_unchanged_and_gone(tmp_path: Path) -> None:
    for name in ("new.md", "changed.md", "same.md"):
        (tmp_path / name).write_text(name)
    files = [read_file(tmp_path, path) for path in find_files(tmp_path)]
    hashes = {file.document: file.content_hash for file in files}
    indexed = {
        "changed.md": Indexed("other", "root"),
        "same.md": Indexed(hashes["same.md"], "root"),
        "gone.md": Indexed("x", "root"),
        "put-by-hand.md": Indexed("x", None),
        "of-another-folder.md": Indexed("x", "elsewhere"),
    }

    plan = plan_sync(files, indexed, "root")

    assert [file.document for file in plan.added] == ["new.md"]
    assert [file.document for file in plan.changed] == ["changed.md"]
    assert plan.unchanged == 1
    assert plan.removed == ("gone.md",)


def test_hidden_files_and_unknown_formats_are_passed_over(tmp_path: Path) -> None:
    for name in (".git/x.md", "a/b.md", "a/.hidden.md", "picture.png", "c.PDF"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")

    found = [path.relative_to(tmp_path).as_posix() for path in find_files(tmp_path)]

    assert found == ["a/b.md", "c.PDF"]


def test_a_failed_document_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("x")
    files = [read_file(tmp_path, path) for path in find_files(tmp_path)]

    assert plan_sync(files, {"a.md": Indexed(None, None)}, "root").added == tuple(files)
