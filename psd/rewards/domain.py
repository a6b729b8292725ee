"""The weekly rewards, as psd knows them (psd/domain/definition.py)."""

from __future__ import annotations

from psd.config import Thing
from psd.domain.definition import Domain
from psd.rewards.keys import KEYS
from psd.rewards.settings import RewardsSettings

FAILPOINTS = (
    "rewards_begun",  # the run is noted, nothing has been read
    "rewards_staged",  # the rows of one more shard are kept, invisible
    "rewards_totalled",  # a week's shares are known
    "rewards_publish",  # everything is kept, nothing is visible
    "rewards_published",  # the new weeks are visible, what they replaced is still kept
)
"""Places of the weekly job (psd/rewards/job.py), in its order."""

REWARDS = Domain(
    name="rewards",
    docs="Vehicles, streaks and what they earned.",
    settings=RewardsSettings,
    things={
        "signals": Thing(6, "signals"),
        "promotions": Thing(7, "points"),
        "corrections": Thing(8, "points"),
    },
    keys=KEYS,
    messages="psd.rewards.vehicle_events:messages_of",
    open="psd.rewards.part:RewardsPart",
    client=("psd.rewards.client:AsyncRewards", "psd.rewards.client:Rewards"),
    checks={"tables": "psd.rewards.configuration:tables_told"},
    exports=("rewards",),
    cli=("psd.rewards.cli.group:rewards", "Compute, explain and pay the weekly rewards."),
    failpoints=FAILPOINTS,
)
