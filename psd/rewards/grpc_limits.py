"""Whose calls are under way, and how many: strangers have places of their own, and few.

An interceptor sees each call before its message is read. What needs a token is refused here without
one, and nothing of the message is looked at; health and reflection, which ask for none, take one of
:data:`STRANGERS_MAX` places. Where those are taken, the oldest makes room::

    32 watches of health, without a token      32 of 32 strangers, 0 of 256 calls
    one more, or a Check                       the oldest watch ends: UNAVAILABLE, watch again
    GetTotalPoints with a token                1 of 256 calls, whatever strangers do
    GetTotalPoints without one                 UNAUTHENTICATED, no place was taken
    a Watch with a token                       2 of 256 calls

Every call is served as a stream, whatever it is called: a stream is begun before its first message
came, so that one whose message never comes ends in time too.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from psd.errors import ForbiddenError, PsdError, UnauthorizedError
from psd.rewards.grpc_service import Callers

CALLS_MAX = 256
"""Under way at once for those who are known; a further one is refused with RESOURCE_EXHAUSTED."""

STRANGERS_MAX = 32
"""Calls of health and reflection: each balancer has one watch."""

STRANGER_S = 300.0
"""How long a stranger's stream may last: whoever watches begins anew."""

MESSAGE_TIMEOUT_S = 10.0
"""Within which the first message of a call must be there, as a head over HTTP."""

REFUSALS = (
    (UnauthorizedError, grpc.StatusCode.UNAUTHENTICATED),
    (ForbiddenError, grpc.StatusCode.PERMISSION_DENIED),
)

Behaviour = Callable[[Any, Any], Awaitable[None]]


class CallPlaces:
    """Gives each call its place; ``needs_token`` is the start of the methods that ask for one."""

    def __init__(
        self,
        callers: Callers,
        needs_token: str,
        *,
        strangers_max: int = STRANGERS_MAX,
        stranger_s: float = STRANGER_S,
        message_timeout_s: float = MESSAGE_TIMEOUT_S,
    ) -> None:
        self._callers = callers
        self._needs_token = needs_token
        self._strangers_max = strangers_max
        self._stranger_s = stranger_s
        self._message_timeout_s = message_timeout_s
        self._calls = 0
        # In the order in which they came.
        self._strangers: dict[asyncio.Timeout, None] = {}

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        """How a call is served; None for a method that is none."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        metadata = handler_call_details.invocation_metadata or ()
        if handler_call_details.method.startswith(self._needs_token):
            try:
                self._callers.identity(metadata)
            except PsdError as error:
                code = next(code for kind, code in REFUSALS if isinstance(error, kind))
                return _served(handler, _refusing(code, str(error)))
            return _served(handler, self._as_known(handler))
        if self._callers.has_token(metadata):
            return _served(handler, self._as_known(handler))
        return _served(handler, self._as_stranger(handler))

    def _as_known(self, handler: Any) -> Behaviour:
        async def behaviour(requests: Any, context: Any) -> None:
            if self._calls >= CALLS_MAX:
                await context.abort(
                    grpc.StatusCode.RESOURCE_EXHAUSTED, f"more than {CALLS_MAX} calls are under way"
                )
            self._calls += 1
            try:
                await self._serve(handler, requests, context)
            finally:
                self._calls -= 1

        return behaviour

    def _as_stranger(self, handler: Any) -> Behaviour:
        async def behaviour(requests: Any, context: Any) -> None:
            try:
                async with asyncio.timeout(self._stranger_s) as place:
                    self._take(place)
                    try:
                        await self._serve(handler, requests, context)
                    finally:
                        self._strangers.pop(place, None)
            except TimeoutError:
                await context.abort(
                    grpc.StatusCode.UNAVAILABLE, "a stream without a token makes room for others"
                )

        return behaviour

    def _take(self, place: asyncio.Timeout) -> None:
        """Take a stranger's place, if need be the one of who has had it the longest."""
        if len(self._strangers) >= self._strangers_max:
            oldest = next(iter(self._strangers))
            del self._strangers[oldest]
            oldest.reschedule(asyncio.get_running_loop().time())
        self._strangers[place] = None

    async def _serve(self, handler: Any, requests: Any, context: Any) -> None:
        messages = self._messages(handler, requests, context)
        request = messages if handler.request_streaming else await anext(messages)
        answering = _method(handler)(request, context)
        if inspect.isasyncgen(answering):
            async for answer in answering:
                await context.write(answer)
            return
        answer = await answering
        if not handler.response_streaming:
            await context.write(answer)

    async def _messages(self, handler: Any, requests: Any, context: Any) -> AsyncIterator[Any]:
        """The messages of a call, the first of them in time; ends a call that has none."""
        coming = aiter(requests)
        try:
            async with asyncio.timeout(self._message_timeout_s):
                message = await anext(coming, None)
        except TimeoutError:
            await context.abort(
                grpc.StatusCode.DEADLINE_EXCEEDED,
                f"no message within {self._message_timeout_s:g} s",
            )
        while message is not None:
            try:
                read = handler.request_deserializer(message)
            except DecodeError:
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the message is malformed")
            yield read
            message = await anext(coming, None)
        if not handler.request_streaming:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the message is missing")


# An abstract class without types: mypy refuses to inherit from it.
grpc.aio.ServerInterceptor.register(CallPlaces)


def _served(handler: Any, behaviour: Behaviour) -> Any:
    """A call as a stream of bytes, read by the behaviour itself."""
    return grpc.stream_stream_rpc_method_handler(
        behaviour, response_serializer=handler.response_serializer
    )


def _refusing(code: Any, reason: str) -> Behaviour:
    async def behaviour(_requests: Any, context: Any) -> None:
        await context.abort(code, reason)

    return behaviour


def _method(handler: Any) -> Callable[[Any, Any], Any]:
    """What the generated code calls, whichever of the four kinds it is."""
    found: Callable[[Any, Any], Any] = (
        handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
    )
    return found
