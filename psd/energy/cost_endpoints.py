"""Money over HTTP: plans, prices, costs, and what is said of them in the reference."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from psd.domain.deed import Deed
from psd.domain.question import Asked, Endpoint
from psd.domain.resource import KeptResource
from psd.energy.cost_answers import ComparisonAnswer, CostAnswer
from psd.energy.cost_questions import CompareQuery, CostQuery, CostQuestions
from psd.energy.plan_questions import (
    CarbonBody,
    KeptPrices,
    NamesQuery,
    PlanAnswer,
    PlanBody,
    PlanQuestions,
    PlansAnswer,
    PriceQuestions,
    PricesAnswer,
    PricesBody,
    PriceSeriesPage,
    PricesQuery,
)

Ask = Callable[[Asked], Awaitable[PricesAnswer]]

METER = "/v3/energy/meters/{meter}"
ASKED = (404, 406, 409, 410, 422)

_DAY = "start=2020-11-29&end=2020-11-30"
_SUMS = '"energy":"0.10","standing":"0.00","minimum":"0.00","vat":"0.00","export":"0.00"'


def cost_endpoints(questions: CostQuestions) -> list[Endpoint]:
    """What costs are asked."""
    return [
        Endpoint(
            path=f"{METER}/cost",
            query=CostQuery,
            answer=CostAnswer,
            ask=questions.cost,
            meaning="the bill",
            details="Exact, and each line rounded once; the lines add up to the total. What has no "
            "price is in no line: `unpriced_mwh` tells it, and with `strict` it is 409.",
            example=(
                f"{METER.format(meter='m-1')}/cost?plan=eco&{_DAY}",
                '{"meter":"m-1","plan":"eco",...,"data":[{"kind":"energy","name":"base",'
                '"mwh":400000,"kwh":"0.4","amount":"0.10"}],"total":"0.10",...,"coverage":...}',
            ),
            refused=ASKED,
            whole=True,
        ),
        _comparison("compare", questions, "plans beside each other"),
        _comparison("recommend", questions, "the cheapest plans"),
    ]


def _comparison(name: str, questions: CostQuestions, meaning: str) -> Endpoint:
    return Endpoint(
        path=f"{METER}/{name}",
        query=CompareQuery,
        answer=ComparisonAnswer,
        ask=questions.compare if name == "compare" else questions.recommend,
        meaning=meaning,
        details="The cheapest first, equal ones by name; behind them those by which some energy "
        "has no price. A year's cost is told from 330 days of readings on.",
        example=(
            f"{METER.format(meter='m-1')}/{name}?{_DAY}&limit=1",
            '{"meter":"m-1",...,"data":[{"plan":"eco",...,"total":"0.10",'
            f'{_SUMS},"unpriced_mwh":0,...}}],"mwh":400000,...}}',
        ),
        refused=ASKED,
        whole=True,
    )


def plan_resource(questions: PlanQuestions) -> KeptResource:
    """A plan."""
    return KeptResource(
        path="/v3/energy/plans/{plan}",
        what="a plan",
        body=PlanBody,
        answer=PlanAnswer,
        read=questions.read,
        get=questions.get,
        put=questions.put,
        drop=questions.drop,
        details="A version with another `valid_from` stands beside those that are there, one with "
        "the same takes its place; a list of `versions` takes the place of all.",
        sent='{"currency":"GBP","tz":"Europe/London","rates":[{"name":"base","rate":"0.2410"}]}',
        example=(
            "/v3/energy/plans/eco",
            '{"plan":"eco","revision":...,...,"versions":[{"plan":"eco","currency":"GBP",'
            '"tz":"Europe/London","rates":[{"name":"base","rate":"0.2410"}]}]}',
        ),
        refused=(409,),
    )


def plan_endpoints(plans: PlanQuestions) -> list[Endpoint]:
    """What is asked of plans beside a plan itself."""
    return [
        Endpoint(
            path="/v3/energy/plans",
            query=NamesQuery,
            answer=PlansAnswer,
            ask=plans.page,
            meaning="a page of plans",
            example=("/v3/energy/plans", '{"data":[...{"plan":"eco",...}],"next":null}'),
            refused=(406,),
            whole=True,
        ),
    ]


def price_endpoints(prices: PriceQuestions) -> list[Endpoint]:
    """What is asked of prices, and of carbon, which is kept as prices are."""
    return [
        Endpoint(
            path="/v3/energy/prices",
            query=NamesQuery,
            answer=PriceSeriesPage,
            ask=prices.series,
            meaning="a page of series",
            example=(
                "/v3/energy/prices",
                '{"data":[{"series":"agile-c","currency":"GBP"}...],"next":null}',
            ),
            refused=(406,),
            whole=True,
        ),
        _values(
            "/v3/energy/prices/{series}",
            prices.prices,
            "the prices",
            f"/v3/energy/prices/agile-c?{_DAY}",
            '{"series":"agile-c","currency":"GBP","data":[{"start":"2020-11-29T08:00:00Z",'
            '"end":"2020-11-29T08:30:00Z","price":"0.2145"},...]}',
        ),
        _values(
            "/v3/energy/carbon/{region}",
            prices.carbon,
            "grams of carbon a kWh",
            f"/v3/energy/carbon/GB?{_DAY}",
            '{"series":"GB","currency":"","data":[{"start":"2020-11-29T08:00:00Z",...,'
            '"price":"186"},...]}',
        ),
    ]


def _values(path: str, ask: Ask, meaning: str, asked: str, told: str) -> Endpoint:
    return Endpoint(
        path=path,
        query=PricesQuery,
        answer=PricesAnswer,
        ask=ask,
        meaning=meaning,
        example=(asked, told),
        refused=(404, 406, 422),
        whole=True,
    )


def price_deeds(questions: PriceQuestions) -> list[Deed]:
    """Prices and carbon that are put."""
    return [
        Deed(
            method="PUT",
            path="/v3/energy/prices/{series}",
            command="prices",
            body=PricesBody,
            answer=KeptPrices,
            fields=questions.price_fields,
            told=questions.told,
            summary="Put prices of a series.",
            meaning="what was kept",
            details="201 where some price is another one now. Of the same time the later ones "
            "stand, all others stay. `rows` are [start, end, price].",
            sent='{"currency":"GBP","start":"2020-11-29T08:00:00Z","every_s":1800,'
            '"values":["0.2145","-0.0107"]}',
            example=(
                "/v3/energy/prices/agile-c",
                '{"series":"agile-c","currency":"GBP","prices":2,'
                '"start":"2020-11-29T08:00:00Z","end":"2020-11-29T09:00:00Z"}',
            ),
            refused=(409,),
        ),
        Deed(
            method="PUT",
            path="/v3/energy/carbon/{region}",
            command="carbon",
            body=CarbonBody,
            answer=KeptPrices,
            fields=questions.carbon_fields,
            told=questions.told,
            summary="Put grams of carbon a kWh in a region.",
            meaning="what was kept",
            sent='{"start":"2020-11-29T08:00:00Z","every_s":1800,"values":[186,190]}',
            example=("/v3/energy/carbon/GB", '{"series":"GB","currency":"","prices":2,...}'),
        ),
    ]
