"""Sessions as OCPI 2.2.1 has them: Charge Detail Records, and the credits of those corrected. Pure.

A record is a bill, and a bill is never changed: what readings that came late have corrected is
credited whole, and billed anew under another id::

    session 5f2c...-01 of 12 cents, corrected to 13 in revision 1
    -> {"id": "5f2c...-01", "total_cost": {"excl_vat": 0.12}, ...}
       {"id": "5f2c...-01-C", "credit": true, "credit_reference_id": "5f2c...-01",
        "total_cost": {"excl_vat": -0.12}, ...}
       {"id": "5f2c...01-1", "total_cost": {"excl_vat": 0.13}, ...}

Ids there have 36 characters, and not each: what is longer, or not ASCII, stands as the number that
psd has for it. What a site has not said of where it is stands as "unknown".
"""

from __future__ import annotations

import string
from hashlib import blake2b

import msgspec

from psd.charging.accounts.ledger_entries import customer_uid
from psd.charging.plugs.plug_readings import NJ_A_KWH
from psd.charging.sessions.session_energy import MS
from psd.charging.sessions.session_store import ChargeSession, EarlierBill
from psd.charging.settings import ChargingSettings
from psd.charging.sites.site_store import PLUG_SPACE
from psd.charging.sites.site_view import SiteSettings
from psd.clock import utc_text
from psd.users import uid_of

CENTS = 100
HOUR_MS = 3_600_000
ID_CHARACTERS_MAX = 36
DECIMALS = 4
UNKNOWN = "unknown"
NOWHERE = "0.00000"
ID_LETTERS = frozenset(string.ascii_letters + string.digits + "-_.:@*+/")


class OcpiPrice(msgspec.Struct, frozen=True):
    """Price, in the currency's unit."""

    excl_vat: float


class OcpiDimension(msgspec.Struct, frozen=True):
    """CdrDimension."""

    type: str
    volume: float


class OcpiPeriod(msgspec.Struct, frozen=True):
    """ChargingPeriod."""

    start_date_time: str
    dimensions: list[OcpiDimension]


class OcpiToken(msgspec.Struct, frozen=True):
    """CdrToken: who charged."""

    country_code: str
    party_id: str
    uid: str
    type: str
    contract_id: str


class OcpiCoordinates(msgspec.Struct, frozen=True):
    """GeoLocation, in decimal degrees."""

    latitude: str
    longitude: str


class OcpiLocation(msgspec.Struct, frozen=True):
    """CdrLocation: where it was."""

    id: str
    name: str
    address: str
    city: str
    postal_code: str
    country: str
    coordinates: OcpiCoordinates
    evse_uid: str
    evse_id: str
    connector_id: str
    connector_standard: str
    connector_format: str
    connector_power_type: str


class OcpiCdr(msgspec.Struct, frozen=True, omit_defaults=True):
    """CDR of OCPI 2.2.1."""

    country_code: str
    party_id: str
    id: str
    start_date_time: str
    end_date_time: str
    session_id: str
    cdr_token: OcpiToken
    auth_method: str
    cdr_location: OcpiLocation
    meter_id: str
    currency: str
    charging_periods: list[OcpiPeriod]
    total_cost: OcpiPrice
    total_energy: float
    total_energy_cost: OcpiPrice
    total_time: float
    last_updated: str
    remark: str = ""
    credit: bool = False
    credit_reference_id: str = ""


class OcpiRecords(msgspec.Struct, frozen=True):
    """Records, the newest sessions first; ``next`` asks for those before them."""

    data: list[OcpiCdr]
    next: str | None = None


class Ocpi:
    """Makes records of the sessions of one operator."""

    def __init__(self, settings: ChargingSettings) -> None:
        self._country = settings.ocpi_country_code
        self._country_of_sites = settings.ocpi_country
        self._party = settings.ocpi_party_id
        self._connector = settings.ocpi_connector
        self._currency = settings.currency.upper()

    def record(self, session: ChargeSession, site: SiteSettings) -> OcpiCdr:
        """The record of a session that counts by now."""
        stands = EarlierBill(session.nj, session.cents, session.corrected_ms or session.finish_ms)
        return self._record(session, site, stands, session.revision)

    def records(self, session: ChargeSession, site: SiteSettings) -> list[OcpiCdr]:
        """All records of a session in their order, with the credits of those corrected."""
        found: list[OcpiCdr] = []
        for revision, bill in enumerate(session.earlier):
            record = self._record(session, site, bill, revision)
            found += (record, _credit(record))
        return [*found, self.record(session, site)]

    def _record(
        self, session: ChargeSession, site: SiteSettings, bill: EarlierBill, revision: int
    ) -> OcpiCdr:
        start, end = _text(session.start_ms), _text(session.finish_ms)
        kwh, cost = round(bill.nj / NJ_A_KWH, DECIMALS), OcpiPrice(bill.cents / CENTS)
        owner = _id(session.owner_id, customer_uid(session.owner_id))
        return OcpiCdr(
            country_code=self._country,
            party_id=self._party,
            id=record_id(session.session_id, revision),
            start_date_time=start,
            end_date_time=end,
            session_id=_id(session.session_id),
            cdr_token=OcpiToken(self._country, self._party, owner, "APP_USER", owner),
            auth_method="COMMAND",
            cdr_location=self._location(session, site),
            meter_id=session.plug_id,
            currency=self._currency,
            charging_periods=[OcpiPeriod(start, [OcpiDimension("ENERGY", kwh)])],
            total_cost=cost,
            total_energy=kwh,
            total_energy_cost=cost,
            total_time=round((session.finish_ms - session.start_ms) / HOUR_MS, DECIMALS),
            last_updated=_text(bill.at_ms),
            remark="corrected by readings that came late" if revision else "",
        )

    def _location(self, session: ChargeSession, site: SiteSettings) -> OcpiLocation:
        number = uid_of(PLUG_SPACE, session.plug_id)
        name = site.text("site", "name") or session.site_id
        told = {
            key: site.text("site", key)
            for key in ("address", "city", "postal_code", "latitude", "longitude")
        }
        return OcpiLocation(
            id=_id(session.site_id),
            name=name[:255],
            address=(told["address"] or UNKNOWN)[:45],
            city=(told["city"] or UNKNOWN)[:45],
            postal_code=(told["postal_code"] or UNKNOWN)[:10],
            country=self._country_of_sites,
            coordinates=OcpiCoordinates(told["latitude"] or NOWHERE, told["longitude"] or NOWHERE),
            evse_uid=_id(session.plug_id, number),
            evse_id=f"{self._country}*{self._party}*E{number}",
            connector_id="1",
            connector_standard=self._connector,
            connector_format="SOCKET",
            connector_power_type="AC_1_PHASE",
        )


def record_id(session: str, revision: int) -> str:
    """The id of a session's record: its own, and another one for each correction.

    >>> record_id("5f2c8a10-0000-4000-8000-000000000001", 0)
    '5f2c8a10-0000-4000-8000-000000000001'
    >>> record_id("5f2c8a10-0000-4000-8000-000000000001", 2)
    '5f2c8a10000040008000000000000001-2'
    """
    if not revision:
        return _id(session)
    return f"{_id(session).replace('-', '')[: ID_CHARACTERS_MAX - 4]}-{revision}"


def _credit(record: OcpiCdr) -> OcpiCdr:
    """Takes a record back: all of it as it was, and its cost below 0."""
    return msgspec.structs.replace(
        record,
        id=f"{record.id}-C",
        total_cost=OcpiPrice(-record.total_cost.excl_vat),
        credit=True,
        credit_reference_id=record.id,
    )


def _id(text: str, number: int | None = None) -> str:
    """A text as an id of OCPI: itself, or a number of it."""
    if len(text) <= ID_CHARACTERS_MAX and ID_LETTERS.issuperset(text):
        return text
    if number is not None:
        return str(number)
    return blake2b(text.encode(), digest_size=16).hexdigest()


def _text(ms: int) -> str:
    return utc_text(ms // MS)
