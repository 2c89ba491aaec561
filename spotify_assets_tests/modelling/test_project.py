"""The dbt project itself: described, hashed, and read without leaving a trace in it."""

import re
import shutil
from pathlib import Path

import pytest

from spotify_assets.modelling.project import Project, code_hash, find_project
from spotify_assets.modelling.runner import runner_for
from spotify_assets.modelling.shown import PREVIEWS
from spotify_assets_tests.modelling.conftest import Builder, Raw

REPOSITORY = Path(__file__).resolve().parents[2]


def test_every_model_and_column_is_described_and_typed_and_states_its_grain_first(project: Project) -> None:
    models = [node for node in project.manifest()["nodes"].values() if node["resource_type"] in ("model", "seed")]
    assert len(models) > 15
    for model in models:
        assert model["description"].startswith("One row"), model["name"]
        assert model["columns"], model["name"]
        for column in model["columns"].values():
            assert column["description"], (model["name"], column["name"])
            assert column["data_type"], (model["name"], column["name"])


def test_every_table_has_a_unique_index_on_its_key(project: Project) -> None:
    for node in project.manifest()["nodes"].values():
        if node["resource_type"] in ("model", "seed") and node["config"]["materialized"] == "incremental":
            unique = [index["columns"] for index in node["config"]["indexes"] if index.get("unique")]
            assert node["config"]["unique_key"] in unique, node["name"]


def test_the_columns_of_every_relation_are_the_described_ones(builder: Builder) -> None:
    builder.build()
    found = builder.rows(
        "select table_schema, table_name, array_agg(column_name::text order by ordinal_position) "
        "from information_schema.columns where table_schema in ('staging', 'intermediate', 'marts') group by 1, 2"
    )
    described = {
        (node["schema"], node["name"]): list(node["columns"])
        for node in builder.project.manifest()["nodes"].values()
        if node["resource_type"] in ("model", "seed")
    }
    assert {(schema, name): columns for schema, name, columns in found} == described


def test_a_changed_model_changes_the_hash_and_what_dbt_writes_does_not(tmp_path: Path, project: Project) -> None:
    copied = tmp_path / "dbt_project"
    shutil.copytree(project.directory, copied)
    assert code_hash(copied) == project.code_hash
    (copied / "target").mkdir()
    (copied / "target" / "compiled.sql").write_text("select 1")
    assert code_hash(copied) == project.code_hash
    (copied / "models" / "marts" / "fct_plays.sql").open("a").write("\n-- changed\n")
    assert code_hash(copied) != project.code_hash


def test_a_missing_manifest_is_made_once_with_a_sentence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    project = find_project(tmp_path)
    project.manifest()
    project.manifest()
    captured = capfd.readouterr()
    assert captured.err.count("Reading the dbt project once") == 1
    assert captured.out == ""


def test_the_unit_tests_of_the_models_pass(builder: Builder, raw: Raw) -> None:
    raw.load([("ada", "2026-03-01 10:00:00+00", "a")])
    builder.build()
    results = runner_for(builder.project, builder.warehouse).unit_test()
    assert len(results) >= 3
    assert [result.sentence for result in results if result.status != "pass"] == []


def test_there_is_no_model_that_nothing_reads_and_exposures_say_who_reads_what(project: Project) -> None:
    """A preview in Dagster's UI alone is no reader: every mart has one."""
    manifest = project.manifest()
    exposed = {
        node["name"]: {key.split(".")[-1] for key in node["depends_on"]["nodes"]}
        for node in manifest["exposures"].values()
    }
    shown = {name for query in PREVIEWS.values() for name in re.findall(r"marts\.(\w+)", query)}
    assert exposed["dagster_ui"] == shown
    texts = [(REPOSITORY / name).read_text() for name in ("README.md", "docs/queries.md")]
    marts = {name for schema, name in project.relations() if schema == "marts"}
    assert exposed["documented_queries"] == marts & set(re.findall(r"marts\.(\w+)", "".join(texts)))
    read = {
        key.split(".")[-1]
        for node in manifest["nodes"].values()
        for key in node["depends_on"].get("nodes", ())
        if node["resource_type"] == "model"
    }
    models = {node["name"] for node in manifest["nodes"].values() if node["resource_type"] == "model"}
    assert models - read - set.union(*(names for name, names in exposed.items() if name != "dagster_ui")) == set()


def test_the_documented_queries_run_and_each_finds_something(builder: Builder, raw: Raw) -> None:
    """They name real relations and columns; the benchmark asks them of a million streams."""
    plays = [("alex", f"2025-{month:02}-0{day} 10:{minute:02}:00+00", "a")
             for month in (1, 6, 7, 9, 10, 12) for day in (1, 2) for minute in range(6)]  # fmt: skip
    raw.load(plays, tracks={"a": ("A", 180_000, "album", ["x"])}, artists={"x": "X"}, albums={"album": "The Album"})
    assert builder.build().broken == []
    queries = re.findall(r"```sql\n(.*?)```", (REPOSITORY / "docs" / "queries.md").read_text(), re.DOTALL)
    assert len(queries) == 11
    for query in queries:
        with builder.warehouse.connect() as connection:
            assert connection.execute(query.encode()).fetchall(), query
