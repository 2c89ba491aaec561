"""Each run pays for imports again: importing the code location opens nothing but modules and pulls in nothing heavy."""

import subprocess
import sys

# Dagster itself reads the entry points of all packages when it is imported; what counts is what this project adds.
_WATCHED_IMPORT = """
import sys
import dagster

touched = []


def watch(event, args):
    if event == "open" and not str(args[0]).endswith((".py", ".pyc", ".so")):
        touched.append(f"open {args[0]}")
    elif event.split(".")[0] in ("socket", "subprocess", "sqlite3", "shutil", "tempfile"):
        touched.append(event)


sys.addaudithook(watch)
"""


def _python(code: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")


def test_importing_the_definitions_opens_nothing_but_modules() -> None:
    touched = _python(_WATCHED_IMPORT + "import spotify_assets.definitions\nprint(*touched, sep='\\n')")

    assert [line for line in touched if line] == []


def test_importing_the_definitions_pulls_in_neither_pandas_nor_pyarrow_nor_boto3_nor_dbt() -> None:
    loaded = _python("import sys, spotify_assets.definitions; print(*sys.modules, sep='\\n')")

    assert {"pandas", "pyarrow", "boto3", "botocore", "dbt", "dagster_dbt", "dagster_aws"}.isdisjoint(loaded)


def test_loading_the_definitions_reads_the_manifest_and_connects_to_nothing() -> None:
    touched = _python(
        "from spotify_assets.definitions import defs; defs()\n"  # the manifest is built once where it is missing
        + _WATCHED_IMPORT
        + "defs()\nprint(*touched, sep='\\n')"
    )

    assert [line for line in touched if line.startswith("socket")] == []
    opened = [line for line in touched if line.startswith("open")]
    # The models' files are hashed, for a manifest may be stale.
    assert [line for line in opened if "/dbt_project/" not in line and not line.endswith("/manifest.json")] == []


def test_loading_the_definitions_pulls_in_neither_pandas_nor_pyarrow_nor_boto3_nor_slack_s_client() -> None:
    loaded = _python("import sys\nfrom spotify_assets.definitions import defs\ndefs()\nprint(*sys.modules, sep='\\n')")

    assert {"pandas", "pyarrow", "boto3", "botocore", "dagster_aws", "dagster_slack", "slack_sdk"}.isdisjoint(loaded)


def test_the_commands_pull_in_neither_pandas_nor_pyarrow() -> None:
    loaded = _python("import sys, spotify_assets.cli; print(*sys.modules, sep='\\n')")

    assert {"pandas", "pyarrow"}.isdisjoint(loaded)
