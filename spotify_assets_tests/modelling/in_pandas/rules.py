"""What is left out of all that is summed: exclusion_rules, exclusion_effects, and who leaves out which play."""

import pandas as pd

from spotify_assets_tests.modelling.in_pandas.catalogue import Catalogue
from spotify_assets_tests.modelling.in_pandas.told import Thing, World

COLUMNS = ["rule_id", "user_id", "kind", "excluded", "starts_at", "ends_at", "note"]


def exclusion_rules(world: World) -> pd.DataFrame:
    rules = pd.DataFrame([{column: rule.get(column) for column in COLUMNS} for rule in world.rules])
    for column in ("starts_at", "ends_at"):
        rules[column] = pd.to_datetime(rules[column], utc=True).astype("datetime64[us, UTC]")
    return rules


def ruled(plays: pd.DataFrame, world: World, known: Catalogue) -> pd.DataFrame:
    """With the numbers of the rules that leave each play out."""
    by: list[list[int]] = [[] for _ in range(len(plays))]
    for rule in world.rules:
        for row in fits(plays, rule, known).to_numpy().nonzero()[0]:
            by[row].append(int(str(rule["rule_id"])))
    return plays.assign(
        is_excluded=[bool(numbers) for numbers in by],
        excluded_by=pd.Series([numbers or None for numbers in by], index=plays.index, dtype=object),
    )


def fits(plays: pd.DataFrame, rule: Thing, known: Catalogue) -> pd.Series:
    about, excluded = rule["kind"], str(rule.get("excluded"))
    if about == "track":
        out = plays["track_id"] == excluded
    elif about == "artist":
        # An artist's rule holds for tracks that Spotify has described.
        out = plays["track_id"].isin([track_id for track_id in known.tracks if excluded in known.credits(track_id)])
    elif about == "playlist":
        out = plays["context_uri"] == f"spotify:playlist:{excluded}"
    elif about == "device":
        out = plays["platform"].str.lower() == excluded.lower()
    else:
        out = pd.Series(data=True, index=plays.index)
    out = out.fillna(False).astype(bool)
    if rule.get("user_id") is not None:
        out &= plays["user_id"] == rule["user_id"]
    if rule.get("starts_at") is not None:
        out &= plays["played_at"] >= pd.Timestamp(str(rule["starts_at"]))
    if rule.get("ends_at") is not None:
        out &= plays["played_at"] < pd.Timestamp(str(rule["ends_at"]))
    return out


def exclusion_effects(plays: pd.DataFrame, world: World) -> pd.DataFrame:
    kept = plays[~plays["is_excluded"]]
    taken = plays[plays["is_excluded"]]
    alone = taken["excluded_by"].map(len) == 1
    ones = taken.assign(alone=taken["plays"] * alone).explode("excluded_by").rename(columns={"excluded_by": "rule_id"})
    groups = ones.groupby(["rule_id", "user_id"])
    out = groups.agg(
        streams=("streams", "sum"),
        plays=("plays", "sum"),
        ms_listened=("ms_listened", "sum"),
        plays_by_it_alone=("alone", "sum"),
        first_played_at=("played_at", "min"),
        last_played_at=("played_at", "max"),
    ).reset_index()
    [user_id] = plays["user_id"].unique()
    rules = exclusion_rules(world)
    rules = rules[rules["user_id"].isna() | (rules["user_id"] == user_id)].assign(user_id=user_id)
    told: pd.DataFrame = rules[["rule_id", "user_id", "kind", "excluded", "note"]].merge(
        out.astype({"rule_id": "int64"}), on=["rule_id", "user_id"], how="left"
    )
    sums = ["streams", "plays", "ms_listened", "plays_by_it_alone"]
    told[sums] = told[sums].fillna(0).astype("int64")
    return told.assign(
        plays_before_all_rules=plays["plays"].sum(),
        plays_after_all_rules=kept["plays"].sum(),
        ms_before_all_rules=plays["ms_listened"].sum(),
        ms_after_all_rules=kept["ms_listened"].sum(),
    )  # fmt: skip
