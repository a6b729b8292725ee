"""What charging answers and takes over HTTP, where it is enabled (docs/charging.md)."""

from __future__ import annotations

from psd.charging.plug_answers import PlugStatus, RequestAnswer, ShownSite, ShownSites
from psd.charging.plug_questions import PlugQuestions, RequestBody
from psd.domain.deed import Deed
from psd.domain.question import Endpoint

ROOT = "/v3/charging"

_PLUG = '{"id":"p1","site_id":"s1","state":{...},...,"possible_next_states_labels":[...],...}'


def endpoints(questions: PlugQuestions) -> list[Endpoint]:
    """All questions."""
    return [
        Endpoint(
            path=f"{ROOT}/sites",
            answer=ShownSites,
            ask=questions.sites,
            meaning="the sites",
            example=("/v3/charging/sites", '{"data":["s1"]}'),
            whole=True,
        ),
        Endpoint(
            path=f"{ROOT}/sites/{{site}}",
            answer=ShownSite,
            ask=questions.site,
            meaning="the site",
            example=("/v3/charging/sites/s1", '{"id":"s1",...,"fuses":[...],"plugs":[...]}'),
            refused=(404, 406),
            whole=True,
        ),
        Endpoint(
            path=f"{ROOT}/plugs/{{plug}}",
            answer=PlugStatus,
            ask=questions.plug,
            meaning="the plug",
            example=("/v3/charging/plugs/p1", _PLUG),
            refused=(404, 406),
            whole=True,
        ),
    ]


def deeds(questions: PlugQuestions) -> list[Deed]:
    """All that may be done."""
    return [
        Deed(
            path=f"{ROOT}/plugs/{{plug}}/requests",
            command="plug_request",
            body=RequestBody,
            answer=RequestAnswer,
            fields=questions.wish,
            told=questions.wished,
            summary="Ask a plug for something.",
            meaning="what became of it: status 2 is SUCCESS, 3 FAILURE with its reason",
            details="A request with an `id` is done once, and answered as before.",
            sent='{"user_id":"u1","requested_state":"enable","id":"r1"}',
            example=(
                "/v3/charging/plugs/p1/requests",
                '{"time_entered_state":1723939200000,"status":2,"reason":""}',
            ),
            refused=(404, 409),
        )
    ]
