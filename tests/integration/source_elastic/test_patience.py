"""An Elasticsearch that is busy, breaks off or is silent is asked again, up to five times."""

from __future__ import annotations

import socket

import pytest

from psd.errors import SourceUnavailableError
from tests.support.rewards.elastic_source import AUTOPI_BIT, Asked, document
from tests.support.servers.elastic_server import FakeElastic, Fault


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_busy_server_is_asked_again_with_doubling_waits(
    fake: FakeElastic, status: int
) -> None:
    fake.faults.extend([Fault(status=status)] * 4)
    async with Asked(fake.url) as asked:
        assert await asked.masks() == {7: AUTOPI_BIT}
        assert asked.sleep.waits_s == [1, 2, 4, 8]


async def test_a_server_that_stays_busy_is_unavailable_after_five_tries(
    fake: FakeElastic,
) -> None:
    fake.faults.extend([Fault(status=503, reason="full")] * 9)
    async with Asked(fake.url) as asked:
        with pytest.raises(SourceUnavailableError, match=r"503: made_exception: full.*5 tries"):
            await asked.masks()
        assert asked.sleep.waits_s == [1, 2, 4, 8]
    assert len(fake.requests) == 5


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [("7", 7), ("0", 0), ("9999", 60), ("Wed, 21 Oct 2026 07:28:00 GMT", 1), ("-3", 1)],
)
async def test_a_server_may_say_when_to_ask_again(
    fake: FakeElastic, header: str, wait_s: float
) -> None:
    fake.faults.append(Fault(status=429, headers={"Retry-After": header}))
    async with Asked(fake.url) as asked:
        assert await asked.masks() == {7: AUTOPI_BIT}
        assert asked.sleep.waits_s == [wait_s]


async def test_a_page_in_the_middle_is_tried_again_by_itself(fake: FakeElastic) -> None:
    await fake.load("status", [document(str(number)) for number in range(100, 250)])
    async with Asked(fake.url) as asked:
        whole = await asked.masks()
        fake.requests.clear()
        fake.faults.extend([Fault(), Fault(status=503), Fault(hang_up=True)])
        assert await asked.masks() == whole
    assert fake.requests[1] == fake.requests[2] == fake.requests[3]
    assert len(fake.requests) == 5


async def test_an_answer_that_breaks_off_is_asked_for_again(fake: FakeElastic) -> None:
    fake.faults.append(Fault(hang_up=True))
    async with Asked(fake.url) as asked:
        assert await asked.masks() == {7: AUTOPI_BIT}
        assert asked.sleep.waits_s == [1]


async def test_a_silent_server_is_unavailable_after_its_tries(fake: FakeElastic) -> None:
    fake.faults.extend([Fault(silent=True)] * 2)
    async with Asked(fake.url, timeout_s=0.1, attempts_max=2) as asked:
        with pytest.raises(SourceUnavailableError, match=r"no answer within 0.1 s.*2 tries"):
            await asked.masks()
        assert asked.sleep.waits_s == [1]


async def test_a_refused_connection_is_unavailable_and_names_the_address() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{reserved.getsockname()[1]}"
        async with Asked(f"http://psd:sesame@{address}") as asked:
            with pytest.raises(SourceUnavailableError, match="no connection") as caught:
                await asked.masks()
    assert address in str(caught.value)
    assert "sesame" not in str(caught.value)
    assert asked.sleep.waits_s == [1, 2, 4, 8]
