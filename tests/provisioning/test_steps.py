"""The runner of steps: order, halting, and undoing to what was there before."""

from __future__ import annotations

import subprocess
from pathlib import Path, PurePosixPath
from threading import Event

import pytest

from provisioning.steps import Begun, Halted, Put, Run, Step, run, undo
from provisioning.transport import CommandFailed, LinkError, LocalLink


def files(root: Path) -> dict[str, str]:
    """Everything below a folder: contents, modes, targets of links."""
    listing = subprocess.run(
        ["find", str(root), "-printf", "%P %y %m %l\\n"], capture_output=True, text=True, check=True
    ).stdout
    rows = {line.split(" ", 1)[0]: line for line in listing.splitlines()}
    return {name: row + (path.read_text() if (path := root / name).is_file() else "") for name, row in rows.items()}


def silent(_title: str) -> None:
    return


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/kept.conf").write_text("before\n")
    (tmp_path / "etc/kept.conf").chmod(0o640)
    (tmp_path / "old").mkdir()
    (tmp_path / "current").symlink_to("old")
    return tmp_path


def steps_of(root: Path) -> list[Step]:
    at = PurePosixPath(root)
    return [
        Step(
            "files",
            (Put(at / "etc/kept.conf", b"after"), Put(at / "deep/er/new.conf", b"new", 0o600)),
            again=(Run(("touch", str(root / "again"))),),
            makes=(at / "again",),
        ),
        Step("programs", (Run(("ln", "-sfn", "new", str(root / "current"))),), makes=(at / "current",)),
        Step("folders", (Run(("mkdir", "-p", str(root / "made/by/a/command"))),), makes=(at / "made/by",)),
    ]


def test_steps_are_told_and_run_in_order(root: Path) -> None:
    done: list[Begun] = []
    told: list[str] = []
    run(LocalLink(), steps_of(root), done, told.append)
    assert told == ["files", "programs", "folders"] == [begun.step.title for begun in done]
    assert (root / "etc/kept.conf").read_text() == "after"
    assert (root / "deep/er/new.conf").stat().st_mode & 0o777 == 0o600
    assert (root / "made/by/a/command").is_dir()


def test_undoing_puts_everything_back(root: Path) -> None:
    before = files(root)
    done: list[Begun] = []
    run(LocalLink(), steps_of(root), done, silent)
    assert undo(LocalLink(), done) == []
    (root / "again").unlink()  # made at the end, to have the restored file count
    assert files(root) == before


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_a_step_that_fails_half_way_is_undone_too(root: Path, broken: int) -> None:
    before = files(root)
    work = steps_of(root)
    first, *rest = work[broken].actions
    work[broken] = Step("broken", (first, Run(("false",)), *rest), makes=work[broken].makes)
    done: list[Begun] = []
    with pytest.raises(CommandFailed, match="`false` ended with 1"):
        run(LocalLink(), work, done, silent)
    assert undo(LocalLink(), done) == []
    (root / "again").unlink(missing_ok=True)
    assert files(root) == before


def test_a_step_s_own_undoing_comes_first_and_the_last_step_s_before_others(root: Path) -> None:
    log = root / "log"

    def note(word: str) -> Run:
        return Run(("sh", "-c", 'echo "$1" >> "$2"', "sh", word, str(log)))

    done: list[Begun] = []
    run(LocalLink(), [Step("a", (), (note("undo a"),)), Step("b", (), (note("undo b"),))], done, silent)
    undo(LocalLink(), done)
    assert log.read_text() == "undo b\nundo a\n"


def test_what_cannot_be_undone_is_told_and_the_rest_goes_on(root: Path) -> None:
    done: list[Begun] = []
    work = [*steps_of(root)[:1], Step("stubborn", (), (Run(("false",)),))]
    run(LocalLink(), work, done, silent)
    assert undo(LocalLink(), done) == ["`false` ended with 1: it said nothing"]
    assert (root / "etc/kept.conf").read_text() == "before\n"


def test_a_broken_link_is_told_for_each_action(root: Path) -> None:
    class Broken(LocalLink):
        def run(self, *_args: object, **_options: object) -> None:  # type: ignore[override]
            raise LinkError("it broke")

    assert undo(Broken(), [Begun(Step("a", (), (Run(("x",)), Run(("y",)))))]) == ["it broke", "it broke"]


def test_a_halted_run_begins_no_further_action(root: Path) -> None:
    halt = Event()
    done: list[Begun] = []
    with pytest.raises(Halted):
        run(LocalLink(), steps_of(root), done, lambda title: halt.set() if title == "programs" else None, halt)
    assert (root / "etc/kept.conf").read_text() == "after"
    assert (root / "current").readlink() == Path("old")
    assert len(done) == 2


def test_hostile_words_are_words(root: Path) -> None:
    """A path or an argument is never read by a shell, whatever is in it."""
    name = "a b;touch $(echo x) `y` 'q' \"r\""
    done: list[Begun] = []
    work = [Step("hostile", (Put(PurePosixPath(root / name / "file"), b"x"), Run(("touch", str(root / "$(id)")))))]
    run(LocalLink(), work, done, silent)
    assert {path.name for path in root.iterdir()} == {"etc", "old", "current", name, "$(id)"}
    undo(LocalLink(), done)
    assert name not in {path.name for path in root.iterdir()}
