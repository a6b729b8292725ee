"""What energy answers over HTTP, and what is said of it in the reference."""

from __future__ import annotations

from psd.domain import Endpoint
from psd.energy.usage import UsageAnswer, UsageQuery, UsageQuestions


def endpoints(questions: UsageQuestions) -> list[Endpoint]:
    """All of them."""
    return [
        Endpoint(
            path="/v3/energy/meters/{meter}/usage",
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
