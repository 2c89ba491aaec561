"""The embedded Postgres lives through whatever happens to its processes and its home."""

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import psycopg
import pytest

from spotify_assets.errors import WarehouseUnavailable
from spotify_assets.storage import postgres_home, postgres_programs
from spotify_assets.storage.embedded import EmbeddedPostgres
from spotify_assets.storage.postgres_programs import unprivileged_account

AS_ROOT = os.geteuid() == 0
START = (
    "import sys; from pathlib import Path; from spotify_assets.storage.embedded import EmbeddedPostgres;"
    "server = EmbeddedPostgres(Path(sys.argv[1])); server.start(); print(server.dsn())"
)
STOP = START.replace("start(); print(server.dsn())", "stop()")
only_root = pytest.mark.skipif(not AS_ROOT, reason="needs root, to mount a small disk or to become another user")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "home"
    yield path
    if not path.is_file():
        EmbeddedPostgres(path).destroy()


@pytest.fixture
def server(home: Path) -> EmbeddedPostgres:
    server = EmbeddedPostgres(home)
    server.start()
    return server


def run(server: EmbeddedPostgres, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(server.dsn(), connect_timeout=5) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def postmaster(home: Path) -> int:
    note = home / "postgres/data_directory"
    data = Path(note.read_text()) if note.exists() else home / "postgres/data"
    return int((data / "postmaster.pid").read_text().split()[0])


def data_of(home: Path) -> Path:
    return Path(f"/proc/{postmaster(home)}/cwd").resolve()


@cache
def reachable_packages() -> list[str]:
    """The module search path as an ordinary user can reach it, wherever root's checkout lies."""
    if not AS_ROOT:
        return sys.path
    shown = Path(tempfile.mkdtemp(prefix="spotify-assets-packages-"))
    shown.chmod(0o755)
    paths = []
    for name, hidden in (("packages", Path(psycopg.__file__).parents[1]), ("checkout", Path(__file__).parents[2])):
        (shown / name).mkdir()
        if subprocess.run(["mount", "--bind", hidden, shown / name], check=False).returncode != 0:
            return sys.path
        atexit.register(subprocess.run, ["umount", str(shown / name)], check=False)
        paths.append(str(shown / name))
    return [paths[1], paths[0]]


@cache
def nobody_s_python() -> str | None:
    """A Python that an ordinary user can run here with this environment's packages (root's own may be out of reach)."""
    for program in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        try:
            if as_nobody("import spotify_assets.storage.embedded", program=program).returncode == 0:
                return program
        except PermissionError:
            continue
    return None


def as_nobody(code: str, *arguments: Path, program: str | None = None) -> subprocess.CompletedProcess[str]:
    packages = reachable_packages()
    python = program or nobody_s_python()
    if python is None:
        pytest.skip("an ordinary user can reach no Python with this environment's packages on this machine")
    return subprocess.run(
        [python, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        user=65534,
        group=65534,
        extra_groups=[],
        env={"PATH": os.defpath, "HOME": "/", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": os.pathsep.join(packages)},
    )


@pytest.fixture
def nobodys_folder() -> Iterator[Path]:
    folder = Path(f"/tmp/spotify-assets-test-{os.getpid()}")  # noqa: S108 - where nobody may get through to
    folder.mkdir(mode=0o700)
    os.chown(folder, 65534, 65534)
    yield folder
    shutil.rmtree(folder)


_RIGHTS = "select rolsuper, rolcreaterole, rolcreatedb from pg_roles where rolname = current_user"


def test_the_pipeline_s_role_owns_its_database_makes_roles_and_is_no_superuser(server: EmbeddedPostgres) -> None:
    assert run(server, _RIGHTS) == [(False, True, False)]
    assert run(server, "select pg_get_userbyid(datdba) from pg_database where datname = 'spotify'") == [("pipeline",)]
    assert run(server, "show fsync") == [("on",)]


def test_a_server_that_an_older_version_started_lets_the_pipeline_make_roles(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.admin_dsn(), autocommit=True) as admin:
        admin.execute("alter role pipeline nocreaterole")
    server.start()
    assert run(server, _RIGHTS) == [(False, True, False)]


def test_stopping_says_whether_it_ran_and_starting_again_finds_the_rows(server: EmbeddedPostgres) -> None:
    run(server, "create table plays as select 1 as n")
    server.start()

    assert (server.stop(), server.is_running(), server.stop()) == (True, False, False)
    server.start()
    assert run(server, "select n from plays") == [(1,)]


def test_stopping_where_nothing_ever_ran_creates_nothing(tmp_path: Path) -> None:
    assert EmbeddedPostgres(tmp_path / "nothing").stop() is False
    assert list(tmp_path.iterdir()) == []


def test_the_server_outlives_the_command_and_holds_none_of_its_pipes(home: Path) -> None:
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", START, home], capture_output=True, text=True, check=True, timeout=60)

    assert time.monotonic() - started < 30
    assert EmbeddedPostgres(home).dsn() == done.stdout.strip()
    assert EmbeddedPostgres(home).is_running()
    pid = postmaster(home)
    assert os.getsid(pid) not in (0, os.getsid(0))
    assert Path(f"/proc/{pid}/fd/0").readlink() == Path("/dev/null")


def test_five_processes_starting_at_once_share_one_server(home: Path) -> None:
    racers = [
        subprocess.Popen([sys.executable, "-c", START, home], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(5)
    ]
    answers = [racer.communicate(timeout=120) for racer in racers]

    assert [racer.returncode for racer in racers] == [0] * 5, answers
    assert len({out for out, _ in answers}) == 1
    assert (home / "postgres/server.log").read_text().count("ready to accept connections") == 1


def test_nobody_gets_in_without_the_password_not_even_by_the_socket(server: EmbeddedPostgres, home: Path) -> None:
    # Beside the data, or under a short name in the temporary folder where that path would be too long for a socket.
    sockets = Path((data_of(home) / "postmaster.pid").read_text().splitlines()[4])
    port = (home / "postgres/port").read_text()

    assert sockets.stat().st_mode & 0o777 == 0o700
    for host in ("127.0.0.1", str(sockets)):
        for role in ("pipeline", "spotify_admin"):
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(host=host, port=port, user=role, dbname="spotify", passfile="/dev/null")
    assert {path.stat().st_mode & 0o777 for path in (home / "postgres").glob("*.password")} == {0o600}
    assert home.stat().st_mode & 0o777 == 0o700


def test_committed_rows_survive_kill_9_of_the_server(server: EmbeddedPostgres, home: Path) -> None:
    run(server, "create table plays as select 1 as n")
    os.kill(postmaster(home), signal.SIGKILL)

    server.start()
    assert run(server, "select n from plays") == [(1,)]


def test_a_pid_file_that_is_empty_or_names_a_stranger_after_a_reboot_is_no_server(
    server: EmbeddedPostgres, home: Path
) -> None:
    run(server, "create table plays as select 1 as n")
    data = data_of(home)
    note = (data / "postmaster.pid").read_text().split("\n", 1)[1]
    server.stop()
    account = unprivileged_account() if AS_ROOT else None
    with subprocess.Popen(["sleep", "60"], user=account.uid if account else None) as stranger:
        (data / "postmaster.pid").write_text(f"{stranger.pid}\n{note}")
        try:
            assert server.stop() is False
            server.start()
            assert stranger.poll() is None
        finally:
            stranger.kill()
    server.stop()
    (data / "postmaster.pid").touch()  # as a power cut leaves it
    server.start()
    assert run(server, "select n from plays") == [(1,)]


@pytest.mark.parametrize("after", [0.45, 0.6, 0.8, 1.1])
def test_a_first_start_killed_at_any_moment_is_made_good_by_the_next(home: Path, after: float) -> None:
    with subprocess.Popen([sys.executable, "-c", START, home], stdout=subprocess.DEVNULL) as starter:
        time.sleep(after)
        starter.kill()

    EmbeddedPostgres(home).start()
    assert run(EmbeddedPostgres(home), "select 1") == [(1,)]


def test_a_port_that_somebody_took_meanwhile_is_replaced(server: EmbeddedPostgres, home: Path) -> None:
    before = server.dsn()
    port = int((home / "postgres/port").read_text())
    server.stop()
    with subprocess.Popen(
        [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)], stderr=subprocess.DEVNULL
    ) as taker:
        try:
            time.sleep(1)
            assert not server.is_running()
            server.start()
            assert server.dsn() != before
            assert run(server, "select 1") == [(1,)]
        finally:
            taker.kill()


def test_lost_passwords_are_made_anew_and_the_rows_stay(server: EmbeddedPostgres, home: Path) -> None:
    run(server, "create table plays as select 1 as n")
    for path in (home / "postgres").glob("*.password"):
        path.unlink()

    server.start()
    assert run(server, "select n from plays") == [(1,)]


def test_a_home_that_was_moved_takes_its_rows_along(server: EmbeddedPostgres, home: Path, tmp_path: Path) -> None:
    run(server, "create table plays as select 1 as n")
    server.stop()
    home.rename(tmp_path / "elsewhere")
    moved = EmbeddedPostgres(tmp_path / "elsewhere")
    try:
        moved.start()
        assert run(moved, "select n from plays") == [(1,)]
    finally:
        moved.destroy()


@only_root
def test_a_copied_home_never_shares_the_data_of_the_first(server: EmbeddedPostgres, home: Path, tmp_path: Path) -> None:
    server.stop()
    shutil.copytree(home, tmp_path / "copy")

    with pytest.raises(WarehouseUnavailable, match="is a copy of"):
        EmbeddedPostgres(tmp_path / "copy").start()
    server.start()
    with pytest.raises(WarehouseUnavailable, match="is a copy of"):
        EmbeddedPostgres(tmp_path / "copy").start()


@only_root
def test_a_home_deleted_by_root_begins_empty_and_its_old_data_is_set_aside(
    server: EmbeddedPostgres, home: Path
) -> None:
    run(server, "create table plays as select 1 as n")
    data = data_of(home)
    shutil.rmtree(home)

    server.start()
    try:
        assert run(server, "select to_regclass('plays')") == [(None,)]
        assert data.parent.with_name(f"{data.parent.name}.removed").is_dir()
    finally:
        shutil.rmtree(data.parent.with_name(f"{data.parent.name}.removed"))


def test_a_home_that_is_a_file_gives_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("not a folder")

    with pytest.raises(WarehouseUnavailable, match=r"Not a directory.*SPOTIFY_ASSETS_HOME"):
        EmbeddedPostgres(tmp_path / "home").start()


def test_a_home_with_a_very_long_path_still_works(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / ("long" * 40))
    try:
        server.start()
        assert run(server, "select 1") == [(1,)]
    finally:
        server.destroy()


def test_neither_statements_nor_our_environment_reach_the_server(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOTIFY_CLIENT_SECRET", "canary-environment")
    server = EmbeddedPostgres(home)
    server.start()
    with pytest.raises(psycopg.Error):
        run(server, "select 'canary-statement' from nowhere")
    with pytest.raises(psycopg.Error):
        run(server, "create table t (n text unique); insert into t values ('canary-row'), ('canary-row')")

    log = (home / "postgres/server.log").read_text()
    assert 'relation "nowhere" does not exist' in log
    assert "canary" not in log
    assert b"canary" not in Path(f"/proc/{postmaster(home)}/environ").read_bytes()
    assert b"canary" not in Path(f"/proc/{postmaster(home)}/cmdline").read_bytes()


@only_root
def test_root_and_an_ordinary_user_each_have_their_own_server(server: EmbeddedPostgres, nobodys_folder: Path) -> None:
    done = as_nobody(START, nobodys_folder / "home")
    try:
        assert done.returncode == 0, done.stderr
        assert (nobodys_folder / "home/postgres/data/PG_VERSION").exists()
        assert done.stdout.strip() != server.dsn()
        with psycopg.connect(done.stdout.strip()) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
        assert server.is_running()
    finally:
        as_nobody(STOP, nobodys_folder / "home")


@only_root
def test_root_may_use_an_ordinary_user_s_home_and_spoils_nothing(nobodys_folder: Path) -> None:
    home = nobodys_folder / "home"
    assert as_nobody(START, home).returncode == 0
    as_nobody(STOP, home)

    EmbeddedPostgres(home).start()
    assert EmbeddedPostgres(home).is_running()
    EmbeddedPostgres(home).stop()
    again = as_nobody(START, home)
    assert again.returncode == 0, again.stderr
    as_nobody(STOP, home)


@only_root
def test_a_home_that_may_not_be_written_gives_one_sentence(nobodys_folder: Path) -> None:
    os.chown(nobodys_folder, 0, 0)
    nobodys_folder.chmod(0o755)

    done = as_nobody(START, nobodys_folder / "home")
    assert "WarehouseUnavailable: The warehouse's folder" in done.stderr
    assert "Permission denied" in done.stderr.splitlines()[-1]


@only_root
@pytest.mark.parametrize("size", ["8k", "12m"])
def test_a_full_disk_gives_one_sentence_and_room_makes_it_good(nobodys_folder: Path, size: str) -> None:
    disk = nobodys_folder / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},uid=65534,gid=65534,mode=0700", "tmpfs", disk], check=False
    )
    if mounted.returncode != 0:
        pytest.skip("this machine does not let root mount a tmpfs")
    try:
        done = as_nobody(START, disk / "home")
        assert "WarehouseUnavailable" in done.stderr
        assert "No space left on device" in done.stderr.splitlines()[-1]
        subprocess.run(["mount", "-o", "remount,size=300m", disk], check=True)
        done = as_nobody(START, disk / "home")
        assert done.returncode == 0, done.stderr
        as_nobody(STOP, disk / "home")
    finally:
        subprocess.run(["umount", disk], check=True)


@only_root
def test_root_s_strict_umask_does_not_lock_the_server_out(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = Path(f"/var/lib/spotify-assets-test-{os.getpid()}")
    for module in (postgres_programs, postgres_home):
        monkeypatch.setattr(module, "SYSTEM_FOLDER", programs)
    before = os.umask(0o077)
    try:
        EmbeddedPostgres(home).start()
        assert EmbeddedPostgres(home).is_running()
        EmbeddedPostgres(home).destroy()
    finally:
        os.umask(before)
        shutil.rmtree(programs)
