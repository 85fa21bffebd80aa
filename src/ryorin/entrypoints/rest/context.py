"""What every REST route needs: services, who asks, and how fresh the answer must be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Depends, Header, Path, Query, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from ryorin.entrypoints.services import Services
from ryorin.kernel.bus import Receipt
from ryorin.kernel.codec import to_json
from ryorin.kernel.consistency import Consistency
from ryorin.kernel.events import LogPosition
from ryorin.kernel.messages import Actor, Command
from ryorin.kernel.messages import Query as Question

MAX_WAIT_SECONDS = 60.0
SETTLE_SECONDS = 10.0
POSITION_HEADER = "x-ryorin-position"
IDEMPOTENCY_KEY_CHARACTERS = 200

_bearer = HTTPBearer(auto_error=False, description="An API key, `ryo_...`; not needed on an open local server")


def services_of(request: Request) -> Services:
    """The services that the application was built with."""
    services: Services = request.app.state.services
    return services


ServicesNeeded = Annotated[Services, Depends(services_of)]


async def actor_of(
    services: ServicesNeeded, credential: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Actor:
    """Who is asking; raises Unauthenticated."""
    return await services.authenticate(credential.credentials if credential else None)


ActorNeeded = Annotated[Actor, Depends(actor_of)]


def demand_of(
    token: Annotated[
        str | None,
        Header(alias="x-ryorin-consistency", description="A consistency token: see at least this write"),
    ] = None,
    wait: Annotated[float, Query(ge=0, le=MAX_WAIT_SECONDS, description="Seconds to wait for the token")] = 10.0,
) -> Consistency:
    """What the read demands; raises InvalidInput when the token is none."""
    return Consistency(LogPosition.parse(token) if token else None, wait)


CollectionName = Annotated[str, Path(examples=["handbook"])]
DocumentId = Annotated[str, Path(examples=["office/hours.md"])]
DemandNeeded = Annotated[Consistency, Depends(demand_of)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="idempotency-key",
        min_length=1,
        max_length=IDEMPOTENCY_KEY_CHARACTERS,
        pattern=r"^[\x20-\x7e]+$",
        description="The same key and body again: the first result again",
    ),
]


class Caller:
    """The buses, on behalf of whoever sent this request."""

    def __init__(self, services: ServicesNeeded, actor: ActorNeeded, response: Response) -> None:
        self.services = services
        self.actor = actor
        self._response = response

    async def ask(self, question: Question[Any], demand: Consistency) -> Any:
        """Answer a query, and say in the header how far the read models were."""
        answer = await self.services.queries.ask(question, self.actor, demand)
        read_models = question.depends_on()
        if read_models:
            position = await self.services.positions.current(read_models)
            self._response.headers[POSITION_HEADER] = str(position)
        return answer

    async def send(self, command: Command, key: str | None) -> dict[str, Any]:
        """Carry out an inline command; its result with the consistency token."""
        receipt = await self.services.commands.send(command, self.actor, idempotency_key=key)
        return self.written(receipt)

    async def send_and_settle(
        self, command: Command, read_models: Sequence[str], key: str | None = None
    ) -> dict[str, Any]:
        """As `send`, but return when the read models have the write too, or after ten seconds without them."""
        receipt = await self.services.commands.send(command, self.actor, idempotency_key=key)
        if receipt.record.position is not None:
            await self.services.positions.wait_for(read_models, receipt.record.position, SETTLE_SECONDS)
        return self.written(receipt)

    def written(self, receipt: Receipt) -> dict[str, Any]:
        """The body of a finished write; the token is in the header too."""
        record = receipt.record
        token = str(record.position) if record.position else None
        if token:
            self._response.headers[POSITION_HEADER] = token
        result = to_json(record.result or {})
        return {"command": str(record.envelope.id), "consistency_token": token, "result": result}


CallerNeeded = Annotated[Caller, Depends()]
