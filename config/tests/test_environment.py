"""Variables, their files, and the keys made once."""

import os
import stat
from pathlib import Path

import pytest

from config import environment
from config.environment import EnvironmentProblem


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without keys; its CANBAO_HOME does not exist yet."""
    for name in (*environment.KEY_NAMES, "DATABASE_URL", "REDIS_URL", "CANBAO_ENV"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CANBAO_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_value_may_lie_in_a_file(bare: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "secret").write_text("postgresql://db/x\n")
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "secret"))

    assert environment.env("DATABASE_URL") == "postgresql://db/x"


def test_a_missing_value_says_what_to_do(bare: Path):
    with pytest.raises(EnvironmentProblem, match="CANBAO_INDEX_KEY.*env.example"):
        environment.key("CANBAO_INDEX_KEY")


def test_a_flag_is_yes_or_no(bare: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CANBAO_TLS", "maybe")

    with pytest.raises(EnvironmentProblem, match="CANBAO_TLS.*maybe"):
        environment.flag("CANBAO_TLS", False)


def test_keys_are_made_once_and_closed_to_others(bare: Path):
    environment.ensure_keys()
    first = [environment.key(name) for name in environment.KEY_NAMES]
    environment.ensure_keys()

    assert [environment.key(name) for name in environment.KEY_NAMES] == first
    assert first[1].startswith("k1:")
    for name in environment.KEY_NAMES:
        assert stat.S_IMODE((bare / "keys" / name).stat().st_mode) == 0o600


def test_production_makes_no_keys(bare: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CANBAO_ENV", "production")

    environment.ensure_keys()

    assert not bare.exists()


def test_lost_keys_are_not_replaced_where_data_is(bare: Path):
    (bare / "postgres-18").mkdir(parents=True)

    with pytest.raises(EnvironmentProblem, match="密钥"):
        environment.ensure_keys()


@pytest.mark.parametrize("home", ["/srv/参保", "/srv/with space", "/srv/" + "long" * 30])
def test_sockets_get_a_short_plain_path(monkeypatch: pytest.MonkeyPatch, home: str):
    monkeypatch.setenv("CANBAO_HOME", home)

    folder = environment.socket_folder()

    assert folder.is_relative_to("/tmp")
    assert len(os.fsencode(folder / ".s.PGSQL.5432.lock")) < 107
    assert folder == environment.socket_folder()
