"""Which documents in Elasticsearch are activity, of which vehicle and on what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from psd.rewards.shards import by_shard, shard_of
from psd.rewards.sources.elastic import ElasticSource
from psd.rewards.sources.elastic_request import SIGNALS
from psd.rewards.sources.elastic_search import ElasticSettings
from psd.rewards.weeks import bounds
from tests.support.rewards.elastic_source import (
    AUTOPI_BIT,
    INSIDE,
    SMARTCAR_BIT,
    TABLES,
    WEEK,
    Asked,
    Server,
    document,
    masks_of,
)
from tests.support.servers.elastic_server import (
    AUTOPI,
    SMARTCAR,
    FakeElastic,
    fresh_index,
    status_document,
)

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "rewards.json").read_text("utf-8"))


async def test_a_vehicle_is_active_on_every_integration_that_reported_for_it(
    server: Server,
) -> None:
    documents = [document("7"), document("7", SMARTCAR), document("7"), document("8", SMARTCAR)]
    assert await masks_of(server, documents) == {7: AUTOPI_BIT | SMARTCAR_BIT, 8: SMARTCAR_BIT}


async def test_vehicles_are_told_in_their_own_shard_alone(server: Server) -> None:
    index = fresh_index()
    await server.load(index, [document(str(vehicle)) for vehicle in range(1, 21)])
    async with Asked(server.url, index) as asked:
        await asked.source.begin(bounds(WEEK))
        for shard, vehicles in by_shard(range(1, 21)).items():
            assert set(await asked.source.active(shard, vehicles)) == set(vehicles)
        empty = shard_of(1) ^ 1
        assert empty in by_shard(range(1, 21)) or await asked.source.active(empty, []) == {}


@pytest.mark.parametrize("case", GOLDEN["activity_bounds"], ids=lambda case: case["t"])
async def test_a_week_begins_with_its_first_second_and_ends_before_its_last(
    server: Server, case: dict[str, Any]
) -> None:
    found = await masks_of(server, [document("7", time=case["t"])], case["week"])
    assert (7 in found) == case["inside"]


async def test_each_recorded_signal_is_activity(server: Server) -> None:
    documents = []
    for number, signal in enumerate(SIGNALS):
        *above, field = signal.split(".")
        value: Any = {above[0]: {field: 0}} if above else {field: 0}
        documents.append(status_document(str(number), AUTOPI, INSIDE, value))
    assert set(await masks_of(server, documents)) == set(range(18))


async def test_documents_without_a_recorded_signal_are_no_activity(server: Server) -> None:
    nothing = [{"vin": "x"}, {"longitude": 4.2}, {"speed": None}, {"tires": {"backLeft": 2}}]
    documents = [status_document("7", AUTOPI, INSIDE, data) for data in nothing]
    assert await masks_of(server, documents) == {}


@pytest.mark.parametrize("subjects", [99, 100, 101, 250])
async def test_every_page_is_read(server: Server, subjects: int) -> None:
    found = await masks_of(server, [document(str(number)) for number in range(subjects)])
    assert found == dict.fromkeys(range(subjects), AUTOPI_BIT)


async def test_sources_that_the_page_leaves_out_are_asked_for_again(server: Server) -> None:
    crowd = [document("7", f"dimo/integration/other{number:02}") for number in range(12)]
    documents = [*crowd, *crowd, document("7"), document("8"), document("7", SMARTCAR)]
    assert await masks_of(server, documents) == {7: AUTOPI_BIT | SMARTCAR_BIT, 8: AUTOPI_BIT}


async def test_unknown_sources_and_subjects_are_told_and_earn_nothing(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    index = fresh_index()
    strange = [document("9", source) for source in ("AutoPi", "dimo/integration/x", "else")]
    unknown = [document("2JvDHsrVbDGWXHaVJXTX6jqXZ2x"), document("07")]
    await server.load(index, [*strange, *unknown, document("7")])
    async with Asked(server.url, index) as asked:
        assert await asked.masks() == {7: AUTOPI_BIT}
        assert (asked.source.ignored_sources, asked.source.unknown_subjects) == (3, 2)
        (told,) = (each for each in caplog.records if "are unknown" in each.message)
        assert (told.levelname, vars(told)["subjects"], vars(told)["sources"]) == ("WARNING", 2, 3)
        caplog.clear()
        assert await asked.masks(6) == {}
        assert "are unknown" not in caplog.text
        assert (asked.source.ignored_sources, asked.source.unknown_subjects) == (0, 0)


async def test_subjects_that_are_one_vehicle_are_added_up(server: Server) -> None:
    class Registry:
        async def vehicles_of(self, subjects: Any) -> dict[str, int]:
            return {"old": 7, "new": 7}

    index = fresh_index()
    await server.load(index, [document("old"), document("new", SMARTCAR), document("7")])
    async with Asked(server.url, index, subjects=Registry()) as asked:
        assert await asked.masks() == {7: AUTOPI_BIT | SMARTCAR_BIT}
        assert asked.source.unknown_subjects == 1


async def test_an_alias_is_the_integration_itself(fake: FakeElastic) -> None:
    first = TABLES.integrations[0]
    aliased = replace(TABLES, integrations=(replace(first, aliases=("22N2x",)),))
    await fake.load("status", [document("8", "dimo/integration/22N2x")])
    source = ElasticSource(ElasticSettings(fake.url, "status"), aliased)
    await source.begin(bounds(WEEK))
    assert await source.active(shard_of(8), [8]) == {8: 1 << first.id}
    await source.close()
