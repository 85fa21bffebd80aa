"""A call to a model by its alias: the best way to it, the next one after a failure, fallbacks; paid for once
(ADR-0018)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, fields, replace
from time import monotonic
from urllib.parse import urlsplit
from uuid import UUID

from ryorin.contexts.answers.errors import ModelLimited, ModelRejected, ModelUnavailable
from ryorin.contexts.answers.module import ChatDelta, ChatRequest, Served
from ryorin.contexts.answers.queries import Usage
from ryorin.contexts.answers.tools import size_of
from ryorin.contexts.gateway.catalogue import Budget, Capability, TokenUse
from ryorin.contexts.gateway.module import ModelCall, Spending
from ryorin.kernel.messages import Actor
from ryorin.kernel.ports import Attributes, Span, Telemetry
from ryorin.processes.model_lanes import Lane, quickest

# tries at one alias, on the same deployment or on others
TRIES = 3
FIRST_PAUSE_SECONDS = 0.25
# who asks for more is left alone, and the next way is taken
MAX_PAUSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Route:
    """An alias and what may answer for it."""

    alias: str
    lanes: Sequence[Lane]


@dataclass(frozen=True, slots=True)
class Meter:
    """Where calls are counted and paid for, and by whom."""

    actor: Actor
    budgets: Sequence[Budget]
    spending: Spending
    telemetry: Telemetry


class RoutedModel:
    """The `ChatModel` port on the routes of one alias: its own first, then its fallbacks'."""

    def __init__(self, routes: Sequence[Route], meter: Meter) -> None:
        self._routes = routes
        self._meter = meter
        self._first = routes[0].lanes[0]

    @property
    def identity(self) -> str:
        """Everything that may stand behind the alias; not its fallbacks, whose answers are not kept."""
        return "\n".join(sorted({lane.model.identity for lane in self._routes[0].lanes}))

    @property
    def context_tokens(self) -> int:
        """What fits into every deployment of the alias."""
        return min(lane.model.context_tokens for lane in self._routes[0].lanes)

    def count_tokens(self, text: str) -> int:
        """An estimate on the safe side."""
        return max(lane.model.count_tokens(text) for lane in self._routes[0].lanes)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        """The answer as it is made.

        Raises BudgetExceeded before anything is asked, ModelLimited when every provider wants to be left alone,
        ModelRejected for a request that none would take, else ModelUnavailable.
        """
        prompt = self._prompt_tokens(request)
        request = self._bounded(request)
        reserved = await self._reserved(request, prompt)
        paid = _Paid()
        try:
            async with aclosing(self._tried(request, prompt, paid)) as deltas:
                async for delta in deltas:
                    yield delta
        finally:
            if reserved is not None:
                # whoever leaves has still to pay
                await asyncio.shield(self._meter.spending.settle(reserved, paid.usd))

    def _prompt_tokens(self, request: ChatRequest) -> int:
        text = "\n".join(message.content + "".join(c.arguments for c in message.calls) for message in request.messages)
        return self.count_tokens(text + size_of(request.tools))

    def _bounded(self, request: ChatRequest) -> ChatRequest:
        """With a budget, no longer answer is asked for than what is set aside pays for."""
        if not self._meter.budgets or request.sampling.max_tokens is not None:
            return request
        most = min(lane.deployment.serves.max_output_tokens for lane in self._routes[0].lanes)
        return replace(request, sampling=replace(request.sampling, max_tokens=most))

    async def _reserved(self, request: ChatRequest, prompt: int) -> UUID | None:
        most = max(
            lane.deployment.serves.price.most(prompt, request.sampling.max_tokens or 0)
            for route in self._routes
            for lane in route.lanes
        )
        if not self._meter.budgets or not most:
            return None
        return await self._meter.spending.reserve(self._meter.actor.org_id, self._meter.budgets, most)

    async def _tried(self, request: ChatRequest, prompt: int, paid: _Paid) -> AsyncGenerator[ChatDelta, None]:
        """The alias itself, then its fallbacks; the failure that is told is that of what was asked for."""
        ends, failures = monotonic() + request.timeout_seconds, list[ModelUnavailable]()
        for route in self._able(request):
            # an adapter is the asked-for model's; what stands in for that model has none of the name
            asked = request if route.alias == self._routes[0].alias else replace(request, adapter="")
            try:
                async with aclosing(self._through(route, asked, prompt, ends, paid)) as deltas:
                    async for delta in deltas:
                        yield delta
                return
            except ModelUnavailable as error:
                if paid.begun:
                    raise
                failures.append(error)
        raise failures[0]

    def _able(self, request: ChatRequest) -> Sequence[Route]:
        """The routes, with the deployments that have what the request needs; raises ModelRejected where none has."""
        needed: set[Capability] = {"tools"} if request.tools is not None else set()
        needed |= {"json_schema"} if request.form is not None else set()
        if not needed:
            return self._routes
        able = [
            Route(route.alias, [lane for lane in route.lanes if needed <= set(lane.deployment.serves.capabilities)])
            for route in self._routes
        ]
        able = [route for route in able if route.lanes]
        if not able:
            raise ModelRejected(
                f"model {self._routes[0].alias!r} is registered without {' and '.join(sorted(needed))}:"
                " ask another, or register it with them"
            )
        return able

    async def _through(
        self, route: Route, request: ChatRequest, prompt: int, ends: float, paid: _Paid
    ) -> AsyncGenerator[ChatDelta, None]:
        ways, failure = _Ways(route, prompt), None
        for attempt in range(TRIES):
            lane = ways.best(failure)
            try:
                async with aclosing(self._asked(lane, route.alias, request, prompt, ends, paid)) as deltas:
                    async for delta in deltas:
                        yield delta
                return
            except ModelUnavailable as error:
                failure = error
                ways.failed(lane, error)
                if paid.begun or attempt + 1 == TRIES or not await ways.again(error, attempt, ends):
                    raise

    async def _asked(
        self, lane: Lane, alias: str, request: ChatRequest, prompt: int, ends: float, paid: _Paid
    ) -> AsyncGenerator[ChatDelta, None]:
        """One try; whatever comes of it is counted."""
        span = self._meter.telemetry.begin(f"chat {lane.deployment.serves.model}", _described(lane, request), "client")
        attempt = _Try(lane, alias, prompt, monotonic(), span)
        lane.state.used(attempt.began, prompt)
        lane.state.under_way += 1
        try:
            whole = replace(request, timeout_seconds=max(0.001, ends - attempt.began))
            async with aclosing(_never_silent(lane, whole)) as deltas:
                async for delta in deltas:
                    attempt.take(delta, self._meter.telemetry)
                    paid.begun = paid.begun or attempt.said
                    yield delta
            attempt.ended("ok")
        except ModelRejected:
            attempt.ended("rejected")
            raise
        except ModelUnavailable as error:
            attempt.failed(error)
            raise
        finally:
            lane.state.under_way -= 1
            usd = attempt.counted(self._meter)
            span.end()
            paid.usd += usd
        yield ChatDelta("", served=Served(lane.deployment.name, alias, usd))


class _Ways:
    """The lanes of an alias during one call: those that were not tried come first."""

    def __init__(self, route: Route, prompt: int) -> None:
        self._route = route
        self._prompt = prompt
        self._left = list(route.lanes)
        self._untried = list(route.lanes)

    def best(self, failure: ModelUnavailable | None) -> Lane:
        """The lane to ask next; raises the last failure, or that nobody may be asked now."""
        lane, _ = quickest(self._untried, self._prompt, monotonic())
        if lane is None:
            lane, pause = quickest(self._left, self._prompt, monotonic())
        if lane is None:
            raise failure or _nobody(self._route.alias, pause)
        return lane

    def failed(self, lane: Lane, error: ModelUnavailable) -> None:
        """It failed, perhaps for good."""
        self._untried = [one for one in self._untried if one is not lane]
        if not error.again:
            self._left = [one for one in self._left if one is not lane]

    async def again(self, failure: ModelUnavailable, attempt: int, ends: float) -> bool:
        """Whether there is another try: at once by another lane, or after a pause that is not too long."""
        now = monotonic()
        if any(lane.may_be_asked(self._prompt, now) for lane in self._untried):
            return True
        pause = failure.retry_after
        if pause is None:
            pause = FIRST_PAUSE_SECONDS * 2**attempt * random.uniform(0.8, 1.2)
        if not self._left or pause > MAX_PAUSE_SECONDS or now + pause >= ends:
            return False
        await asyncio.sleep(pause)
        return True


@dataclass(slots=True)
class _Paid:
    """What a call has cost so far, and whether its caller has been given anything."""

    usd: float = 0.0
    begun: bool = False


@dataclass(slots=True)
class _Try:
    """One try at a lane: what came of it, and what it costs."""

    lane: Lane
    alias: str
    prompt: int
    began: float
    span: Span
    outcome: str = "cancelled"
    finish_reason: str = ""
    begun: bool = False
    said: bool = False
    usage: Usage | None = None
    _pieces: list[str] = field(default_factory=list)

    def take(self, delta: ChatDelta, telemetry: Telemetry) -> None:
        """A piece came."""
        if not self.begun:
            seconds = monotonic() - self.began
            self.lane.state.answered(seconds)
            telemetry.observe("ryorin_model_first_piece_seconds", seconds, deployment=self.lane.deployment.name)
            self.span.set({"gen_ai.response.time_to_first_chunk": seconds})
        self.begun = True
        self.finish_reason = delta.finish_reason or self.finish_reason
        if delta.remaining is not None:
            self.lane.state.told(delta.remaining, monotonic())
        self.usage = delta.usage or self.usage
        if delta.text or delta.calls:
            self.said = True
            self._pieces.append(delta.text + "".join(piece.arguments for piece in delta.calls))

    def ended(self, outcome: str) -> None:
        """It works."""
        self.outcome = outcome
        self.lane.state.breaker.succeeded()

    def failed(self, error: ModelUnavailable) -> None:
        """It does not, or wants to be left alone."""
        self.outcome, state = error.code, self.lane.state
        if isinstance(error, ModelLimited):
            state.breaker.abandoned()
            pause = FIRST_PAUSE_SECONDS if error.retry_after is None else error.retry_after
            state.blocked_until = monotonic() + pause
        else:
            state.breaker.failed()

    def counted(self, meter: Meter) -> float:
        """Put it into statistics; USD."""
        deployment = self.lane.deployment
        if self.outcome == "cancelled":
            self.lane.state.breaker.abandoned()
        tokens = self._tokens()
        usd = deployment.serves.price.of(tokens)
        meter.telemetry.count("ryorin_model_calls_total", deployment=deployment.name, outcome=self.outcome)
        self._told(tokens, usd, meter.telemetry)
        answered = self.outcome in ("ok", "cancelled")
        call = ModelCall(
            meter.actor.org_id, meter.actor.principal_id, self.alias, deployment.name, answered, tokens, usd
        )
        meter.spending.note(call)
        return usd

    def _told(self, tokens: TokenUse, usd: float, telemetry: Telemetry) -> None:
        """Tell what was used; the conventions count cached tokens as input too, and those of thoughts as output."""
        name = self.lane.deployment.name
        for bucket in fields(tokens):
            amount = getattr(tokens, bucket.name)
            if amount:
                telemetry.add("ryorin_model_tokens_total", amount, deployment=name, bucket=bucket.name)
        if usd:
            telemetry.add("ryorin_model_cost_usd_total", usd, deployment=name)
        self.span.set(
            {
                "gen_ai.usage.input_tokens": tokens.input + tokens.cached_read + tokens.cache_write,
                "gen_ai.usage.cache_read.input_tokens": tokens.cached_read,
                "gen_ai.usage.cache_creation.input_tokens": tokens.cache_write,
                "gen_ai.usage.output_tokens": tokens.output + tokens.reasoning,
                "gen_ai.usage.reasoning.output_tokens": tokens.reasoning,
                "ryorin.model.cost_usd": usd,
            }
        )
        if self.finish_reason:
            self.span.set({"gen_ai.response.finish_reasons": (self.finish_reason,)})
        if self.outcome != "ok":
            self.span.failed(self.outcome)

    def _tokens(self) -> TokenUse:
        """As the provider counted; estimated when it was cut off, for what was said is paid for."""
        if self.usage is not None:
            counted = self.usage
            return TokenUse(
                input=max(0, counted.prompt_tokens - counted.cached_tokens - counted.cache_write_tokens),
                cached_read=counted.cached_tokens,
                cache_write=counted.cache_write_tokens,
                output=max(0, counted.completion_tokens - counted.reasoning_tokens),
                reasoning=counted.reasoning_tokens,
            )
        if not self.said:
            return TokenUse()
        return TokenUse(input=self.prompt, output=self.lane.model.count_tokens("".join(self._pieces)))


def _described(lane: Lane, request: ChatRequest) -> Attributes:
    """A call by OpenTelemetry's conventions for generative AI; never what is said in it."""
    deployment, sampling = lane.deployment, request.sampling
    said: dict[str, str | bool | int | float | None] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": deployment.provider,
        "gen_ai.request.model": deployment.serves.model,
        "gen_ai.request.stream": not request.whole,
        "gen_ai.request.max_tokens": sampling.max_tokens,
        "gen_ai.request.temperature": sampling.temperature,
        "gen_ai.request.top_p": sampling.top_p,
        "gen_ai.request.seed": sampling.seed,
        "ryorin.model.alias": deployment.alias,
    }
    if request.prompt is not None:
        # Langfuse's names: there the calls of a version of a prompt stand together
        said |= {
            "langfuse.observation.prompt.name": request.prompt.name,
            "langfuse.observation.prompt.version": request.prompt.version,
        }
    if deployment.reached.base_url:
        address = urlsplit(deployment.reached.base_url)
        said |= {"server.address": address.hostname, "server.port": address.port}
    return {name: value for name, value in said.items() if value is not None}


async def _never_silent(lane: Lane, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
    """The pieces, unless the provider says nothing for longer than it may: others should have the time that is left."""
    longest = min(lane.deployment.reached.silence_seconds, request.timeout_seconds)
    async with aclosing(lane.model.stream(request)) as deltas:
        while True:
            try:
                async with asyncio.timeout(longest):
                    delta = await anext(deltas, None)
            except TimeoutError as error:
                raise ModelUnavailable(
                    f"{lane.deployment.name} has said nothing for {longest:g} s (model {lane.deployment.alias!r})"
                ) from error
            if delta is None:
                return
            yield delta


def _nobody(alias: str, pause: float) -> ModelUnavailable:
    if pause > 0:
        return ModelLimited(f"model {alias!r}: its providers take no more calls for {pause:.0f} s", pause)
    return ModelUnavailable(f"model {alias!r}: every provider of it failed lately and is left alone for a while")
