"""How much of everything a run does: the full run and ``--quick``.

The full run takes about 25 minutes on two cores, ``--quick`` about four. Quick figures
show that the bench works and roughly where psd stands; only full figures are quoted.
"""

from __future__ import annotations

import msgspec


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of one run; ``slices`` and ``repetitions`` are how often a figure is taken."""

    sparse_events: int = 200_000
    dense_vehicles: int = 20
    dense_hours: int = 72
    slices: int = 10
    repetitions: int = 3
    sum_queries: int = 400
    page_queries: int = 20
    heavy_activities: tuple[int, ...] = (10, 100, 1_000, 10_000)
    heavy_queries: int = 100
    board_users: int = 10_000
    board_events_per_user: int = 20
    board_queries: int = 5
    everybody_users: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    everybody_dense: int = 3_650
    drain_messages: int = 150_000
    drain_messages_original: int = 6_000
    wrk_seconds: int = 4
    slow_seconds: int = 15
    floor_requests: int = 200_000
    query_users: tuple[int, ...] = (10, 100, 1_000, 10_000, 100_000)
    queries: int = 201
    slow_queries: int = 31
    reward_vehicles: int = 1_000_000
    swaps: int = 4_800
    swaps_of_one: int = 10_000
    swap_batteries: int = 5_000
    meters: int = 100
    meter_days: int = 30
    plug_sites: int = 1_000
    plug_chunks: int = 12_000
    plug_seconds: int = 30
    yard_cars: int = 500
    yard_plugs: int = 250
    yard_amps: int = 600


FULL = Sizes()

QUICK = Sizes(
    sparse_events=20_000,
    dense_hours=3,
    slices=5,
    sum_queries=100,
    page_queries=10,
    heavy_queries=30,
    board_events_per_user=5,
    board_queries=3,
    everybody_users=(10_000, 100_000),
    everybody_dense=365,
    drain_messages=30_000,
    drain_messages_original=1_500,
    wrk_seconds=1,
    slow_seconds=3,
    floor_requests=50_000,
    query_users=(10, 100, 1_000, 10_000),
    queries=41,
    slow_queries=6,
    reward_vehicles=20_000,
    swaps=960,
    swaps_of_one=1_000,
    swap_batteries=500,
    meter_days=5,
    plug_sites=200,
    plug_chunks=2_000,
    plug_seconds=10,
    yard_cars=60,
    yard_plugs=30,
    yard_amps=72,
)
