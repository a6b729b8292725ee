"""What a simulated yard came to, and whether all of it adds up.

Three who never asked each other are held together: psd's ledgers, balances and buckets, by what
``psd verify`` says; Stripe, by the payments that succeeded there; the devices, by their registers.
"""

from __future__ import annotations

import msgspec

from psd.charging.simulation.charging_yard import SITE, ChargingYard

OVER_MAX_S = 7
SESSIONS_MAX = 100_000
READ_APART_KWH = 0.002
"""A session: so far apart may be what its device measured to the end, and psd second by second."""


class YardOutcome(msgspec.Struct, frozen=True):
    """What happened, and the proof."""

    cars: int
    gone: int
    seconds: int
    sessions: int
    kwh: float
    metered_kwh: float
    cents: int
    topped_up_cents: int
    paid_at_stripe_cents: int
    balances: dict[str, int]
    expected_balances: dict[str, int]
    fuse_amps: int
    times_over: int
    longest_over_s: int
    sheds: int
    audited: int
    differences: list[str]
    agrees: bool = False

    def proven(self) -> bool:
        """Whether everything agrees."""
        return (
            not self.differences
            and self.balances == self.expected_balances
            and self.topped_up_cents == self.paid_at_stripe_cents
            and abs(self.kwh - self.metered_kwh) <= READ_APART_KWH * max(1, self.sessions)
            and self.gone == self.cars
            and self.longest_over_s <= OVER_MAX_S
        )

    def lines(self) -> list[str]:
        """As it is printed."""
        wrong = [
            f"{name}: {held}, should be {self.expected_balances[name]}"
            for name, held in self.balances.items()
            if held != self.expected_balances[name]
        ]
        return [
            *self.differences,
            *wrong,
            f"{self.gone} of {self.cars} cars served in {self.seconds:,} s: {self.sessions} "
            f"sessions, {self.kwh:.3f} kWh ({self.metered_kwh:.3f} by the devices), "
            f"{self.cents} cents",
            f"{self.topped_up_cents} cents topped up, {self.paid_at_stripe_cents} paid at Stripe; "
            f"the fuse was over {self.fuse_amps} A {self.times_over} times, for "
            f"{self.longest_over_s} s at most, and shed {self.sheds} plugs",
            f"proof: {self.audited:,} audited, {len(self.differences)} differences; ledgers, "
            f"balances and buckets {'agree' if self.agrees else 'DO NOT AGREE'}",
        ]


async def outcome_of(yard: ChargingYard, audited: int, differences: list[str]) -> YardOutcome:
    """What a yard came to."""
    desk = yard.worker.part.desk
    sessions = await yard.worker.part.services.session_store.newest(SITE, SESSIONS_MAX)
    balances = {car.name: (await desk.account(car.name)).balance_cents for car in yard.cars}
    paid = yard.paid_cents()
    expected = {car.name: car.opening_cents + paid.get(car.name, 0) for car in yard.cars}
    for session in sessions:
        expected[session.owner_id] -= session.cents
    topped_up = 0
    for car in yard.cars:
        entries = await desk.accounts.ledger(car.name, 0, SESSIONS_MAX)
        topped_up += sum(each.entry.cents for each in entries if each.entry.kind == "topup_auto")
    outcome = YardOutcome(
        cars=len(yard.cars),
        gone=yard.gone,
        seconds=yard.passed_s,
        sessions=len(sessions),
        kwh=round(sum(each.total_kwh for each in sessions), 6),
        metered_kwh=round(yard.delivered_wh / 1000, 6),
        cents=sum(each.cents for each in sessions),
        topped_up_cents=topped_up,
        paid_at_stripe_cents=sum(paid.values()),
        balances=balances,
        expected_balances=expected,
        fuse_amps=yard.options.fuse_amps,
        times_over=yard.times_over,
        longest_over_s=yard.longest_over_s,
        sheds=yard.sheds,
        audited=audited,
        differences=differences,
    )
    return msgspec.structs.replace(outcome, agrees=outcome.proven())
