"""Every bad file gets its sentence, and nothing else happens."""

import resource
import time
from pathlib import Path

import pytest

from enrollment import workbook
from enrollment.tests import corpus


@pytest.mark.parametrize("case", corpus.HOSTILE, ids=lambda case: case.title)
def test_it_is_refused_before_any_reader_sees_it(case: corpus.Case, tmp_path: Path) -> None:
    path = corpus.write(tmp_path, case.name, case.build())
    started = time.monotonic()
    with pytest.raises(workbook.Refused) as refused:
        workbook.preflight(path, case.name)
    assert refused.value.code == case.code
    assert case.words in refused.value.message
    assert refused.value.message.endswith("。")
    assert refused.value.message.count("。") == 1
    assert time.monotonic() - started < 10
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("case", corpus.UNREADABLE, ids=lambda case: case.title)
def test_it_is_refused_while_reading(case: corpus.Case, tmp_path: Path) -> None:
    path = corpus.write(tmp_path, case.name, case.build())
    with pytest.raises(workbook.Refused) as refused:
        list(workbook.read(path, case.name))
    assert refused.value.code == case.code
    assert case.words in refused.value.message


@pytest.mark.parametrize("title", ["a row twice", "bomb", "entities from outside"])
def test_reading_refuses_what_the_preflight_refuses(title: str, tmp_path: Path) -> None:
    case = next(case for case in corpus.HOSTILE if case.title == title)
    path = corpus.write(tmp_path, case.name, case.build())
    with pytest.raises(workbook.Refused) as refused:
        list(workbook.read(path, case.name))
    assert refused.value.code == case.code


def test_a_file_over_the_limit_is_refused_by_its_size_alone(tmp_path: Path) -> None:
    path = tmp_path / "original"
    with path.open("wb") as file:
        file.truncate(workbook.LIMITS.size + 1)
    with pytest.raises(workbook.Refused, match="超过上限 100 MB"):
        workbook.glance(path, "名册.xlsx")


def test_a_glance_refuses_macros_without_unpacking(tmp_path: Path) -> None:
    path = corpus.write(tmp_path, "", corpus.with_parts({"xl/vbaProject.bin": b"x"}))
    with pytest.raises(workbook.Refused, match="宏"):
        workbook.glance(path, "名册.xlsx")


def test_a_bomb_is_refused_without_its_weight(tmp_path: Path) -> None:
    case = next(case for case in corpus.HOSTILE if case.title == "bomb")
    path = corpus.write(tmp_path, case.name, case.build())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(workbook.Refused):
        workbook.preflight(path, case.name)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 * 1024


def test_the_limits_are_one_sentence() -> None:
    sentence = workbook.limits_sentence()
    for words in ("100 MB", "1 GB", "1,048,576 行", "256 列", "50 个工作表", "GB18030"):
        assert words in sentence
