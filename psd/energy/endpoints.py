"""What energy answers over HTTP, and what is said of it in the reference."""

from __future__ import annotations

from psd.domain.deed import Deed
from psd.domain.file_import import FileImport
from psd.domain.question import Endpoint
from psd.energy.files.energy_files import EnergyFiles, ImportQuery
from psd.energy.meter_answers import ImportAnswer, MeterAnswer, MeterRows, UsageAnswer
from psd.energy.meters import MeterBody, MeterQuestions, MetersQuery
from psd.energy.readings import ReadingQuestions, ReadingRows, ReadingsQuery
from psd.energy.usage import UsageQuery, UsageQuestions

METER = "/v3/energy/meters/{meter}"

_A_METER = (
    '{"meter":"m-1","uid":"5115955319489626038","tz":"Europe/London","plan":"eco-tou",...,'
    '"channels":[...],"quality":{...}}'
)


def endpoints(
    questions: UsageQuestions, meters: MeterQuestions, readings: ReadingQuestions
) -> list[Endpoint]:
    """All questions."""
    return [
        *_of_meters(meters),
        Endpoint(
            path=f"{METER}/readings",
            query=ReadingsQuery,
            answer=ReadingRows,
            ask=readings.readings,
            meaning="some of them",
            details="In order of time; `next` is what to ask `after`. A reading of a register has "
            "its case, an interval its quality.",
            example=(
                "/v3/energy/meters/m-1/readings?after=2020-11-29&limit=1",
                '{"meter":"m-1","flow":"import","register":0,"kind":"power","counts":true,'
                '"data":[{"time":"2020-11-29T08:00:00Z","kw":"0.2"}],"next":...}',
            ),
            refused=(404, 406, 422),
            whole=True,
        ),
        Endpoint(
            path=f"{METER}/usage",
            query=UsageQuery,
            answer=UsageAnswer,
            ask=questions.usage,
            meaning="the energy",
            details="One row without `every`. Between `gaps` the meter was read; no energy is "
            "made up for them, and `coverage` is the share of the range beside them.",
            example=(
                "/v3/energy/meters/m-1/usage?start=2020-11-29&end=2020-11-30",
                '{"meter":"m-1","flow":"import","data":[{"start":"2020-11-29T00:00:00Z",'
                '"end":"2020-11-30T00:00:00Z","mwh":400000,"kwh":"0.4","estimated_mwh":0}],'
                '"total":{"mwh":400000,"kwh":"0.4","estimated_mwh":0},'
                '"gaps":[{"start":"2020-11-29T00:00:00Z","end":"2020-11-29T08:00:00Z"},...],'
                '"more_gaps":0,"coverage":...}',
            ),
            refused=(404, 406, 410, 422),
            whole=True,
        ),
    ]


def energy_files(files: EnergyFiles, bytes_max: int) -> FileImport:
    """Files of meters."""
    return FileImport(
        path="/v3/energy/imports",
        command="intervals",
        query=ImportQuery,
        answer=ImportAnswer,
        bytes_max=bytes_max,
        read=files.read,
        meaning="what the file has, and what became of it",
        details="The body is the file, packed by gzip or not. A row that is no interval is left "
        "out and told by its line; a file of something else is refused as a whole. Sent again, it "
        "changes nothing.",
        sent="start,value\n2020-11-29 08:00:00,0.21\n",
        example=(
            "/v3/energy/imports?format=csv&meter=house",
            '{"format":"csv","meter":"house","rows":1,"repeated":0,"intervals":1,"mwh":210000,'
            '"kwh":"0.21",...,"refused":[],"more_refused":0,"dry_run":false}',
        ),
        refused=(409,),
    )


def _of_meters(meters: MeterQuestions) -> list[Endpoint]:
    return [
        Endpoint(
            path=METER,
            answer=MeterAnswer,
            ask=meters.meter,
            meaning="the meter",
            details="Of what was never said the settings speak; `since` has the fields that were. "
            "By its `uid` sums, series and boards of `/v3` know it.",
            example=("/v3/energy/meters/m-1", _A_METER),
            refused=(404, 406, 422),
            whole=True,
        ),
        Endpoint(
            path="/v3/energy/meters",
            query=MetersQuery,
            answer=MeterRows,
            ask=meters.meters,
            meaning="some of them",
            details="In the order of their names' bytes; `next` is what to ask after.",
            example=(
                "/v3/energy/meters?limit=1",
                '{"data":[{"meter":"house","uid":"4905390734255981105","tz":"UTC","plan":null,'
                '"channels":[...]}],"next":...}',
            ),
            refused=(406,),
            whole=True,
        ),
    ]


def deeds(meters: MeterQuestions) -> list[Deed]:
    """All that is said."""
    return [
        Deed(
            method="PUT",
            path=METER,
            command="meter",
            body=MeterBody,
            answer=MeterAnswer,
            fields=meters.fields,
            told=meters.told,
            summary="Say what a meter is; what is not said stays.",
            meaning="the meter",
            details="Of each field the latest `time` stands. What tells how readings make energy "
            "(`max_kw`, `digits`, `gap_max_s`, an `exchange`) holds for all readings there are.",
            sent='{"tz":"Europe/London","plan":"eco-tou","max_kw":"14"}',
            example=("/v3/energy/meters/m-1", _A_METER),
        ),
    ]
