"""What must hold of sessions, ledgers and minutes, whoever was killed (charging_kills.py).

All of it is what plain Python makes of the readings and payments, to the cent and the
milliwatt-hour (tests/support/plain/plain_charging.py).
"""

from __future__ import annotations

from psd.charging.accounts.ledger_entries import customer_uid
from psd.charging.part import ChargingPart
from psd.charging.sessions.session_energy import session_number
from psd.engine.windows import Window
from psd.runtime import Runtime
from psd.users import uid_of
from tests.chaos.trial import Tally
from tests.support.engine import sum_of
from tests.support.plain.plain_charging import PlainCharging

SITE = "s1"
PLUGS = 50


async def hold(psd: Runtime, plain: PlainCharging, tally: Tally) -> None:
    """Every session, minute, ledger and balance, against the readings."""
    services, desk = psd.part(ChargingPart).services, psd.part(ChargingPart).desk
    held = await services.session_store.newest(SITE, 100_000)
    for each in held:
        plain.session(each.session_id, each.plug_id, each.owner_id, each.start_ms, each.finish_ms)
    assert len(held) % PLUGS == 0, f"{len(held)} sessions of {PLUGS} plugs"
    things = psd.settings.numbers
    for each in held:
        id_ = each.session_id
        assert (each.nj, each.cents) == (plain.nj(id_), plain.cents(id_)), id_
        cells = plain.cells(id_)
        for thing, uid in (
            (things["charge_energy"], uid_of("plug", each.plug_id)),
            (things["customer_energy"], customer_uid(each.owner_id)),
        ):
            aid = session_number(id_)
            windows = [Window(thing, uid, aid, minute, minute + 59) for minute in cells]
            standing = await psd.engine.reported(windows)
            assert [stands.value for stands in standing] == list(cells.values()), id_
    for customer in plain.entries:
        balance, uid = plain.balance(customer), customer_uid(customer)
        assert (await desk.account(customer)).balance_cents == balance, customer
        entries = await desk.accounts.ledger(customer, 0, 10_000)
        assert sum(each.entry.cents for each in entries) == balance
        assert await sum_of(psd, uid=uid, thing=things["ledger"]) == balance
        mwh = plain.mwh_of(customer=customer)
        assert await sum_of(psd, uid=uid, thing=things["customer_energy"]) == mwh
    tally.notes.append(f"{len(held)} sessions")
