"""Routes of datasets and evaluations."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query
from fastapi.responses import JSONResponse
from pydantic import ConfigDict, Field

from ryorin.contexts.evaluation.commands import PutDataset, RemoveDataset
from ryorin.contexts.evaluation.queries import (
    EVALUATION_MODEL,
    CompareEvaluations,
    ForecastEvaluation,
    GetDataset,
    GetEvaluation,
    ListDatasets,
    ListEvaluations,
    ListItems,
    ListResults,
)
from ryorin.contexts.evaluation.specs import DatasetItem, Metric, MetricKind, StopRule, Target
from ryorin.contexts.traffic.queries import ListSamples, SamplesPage
from ryorin.entrypoints.rest.commands import command_response
from ryorin.entrypoints.rest.context import CallerNeeded, DemandNeeded, IdempotencyKey
from ryorin.entrypoints.rest.schemas import Body, CommandState, Written
from ryorin.kernel.codec import to_json
from ryorin.processes.collect_items import items_of
from ryorin.processes.wanted_evaluation import WantedEvaluation

datasets = APIRouter(prefix="/api/v1/datasets", tags=["evaluation"])
router = APIRouter(prefix="/api/v1/evaluations", tags=["evaluation"])
SETTLED = (EVALUATION_MODEL,)
MAX_PAGE = 1000

Splits = Literal["train", "validation", "test"]
DatasetName = Annotated[str, Path(max_length=200, examples=["office"])]
EvaluationName = Annotated[str, Path(max_length=200, examples=["office-1"])]
WhichVersion = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Without: the newest")]
WhichSplit = Annotated[Splits | None, Query(description="Without: all items")]
Offset = Annotated[int, Query(ge=0, le=10_000_000)]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]


class ItemBody(Body):
    """A case: what is asked, and what a good answer is. Items with one `source` are in one split."""

    id: str
    input: str = Field(default="", description="What is asked")
    variables: dict[str, Any] = Field(default={}, description="Values of the prompt's variables")
    expected: str | None = None
    rubric: str | None = Field(default=None, description="By which a judge judges")
    context: list[str] = Field(default=[], description="What the answer should rest on, if it cites nothing")
    source: str | None = None
    split: Splits | None = Field(default=None, description="Without: drawn by the source, 60/20/20")
    metadata: dict[str, str] = Field(default={})

    def item(self) -> DatasetItem:
        """As commands take it."""
        return DatasetItem(**{**self.model_dump(), "context": tuple(self.context)})


class DatasetBody(Body):
    """All items of a new version."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {"id": "hours", "input": "When does the office open?", "expected": "At nine.", "split": "test"},
                        {"id": "coffee", "input": "Is coffee free?", "expected": "Yes.", "split": "test"},
                    ]
                }
            ]
        }
    )

    items: list[ItemBody]
    note: str = ""


class CollectBody(Body):
    """Which stored answers become items."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"prompt": "assistant", "rating": "bad"}]})

    prompt: str
    label: str | None = None
    version: int | None = Field(default=None, ge=1, le=2**31 - 1)
    rating: Literal["good", "bad"] | None = Field(default=None, description="Only those that somebody found so")
    limit: int = Field(default=1000, ge=1, le=MAX_PAGE)
    note: str = ""


class MetricBody(Body):
    """A measure; `option` is the regular expression, the JSON schema, the tolerance or the rubric."""

    kind: MetricKind
    option: str = ""
    threshold: float | None = Field(default=None, description="From where on a score is a pass")
    model: str | None = Field(default=None, description="The judge")


class StopBody(Body):
    """End when it is shown that the target is better than another evaluation by more than `margin`, or that it is not;
    the test may be looked at after every item (ADR-0029)."""

    against: str
    metric: str
    margin: float = 0.0
    evidence: float = Field(default=40.0, description="1/alpha: 20 errs once in twenty")


class EvaluationBody(Body):
    """What is asked, on what, and how it is measured."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "office-1",
                    "dataset": "office",
                    "split": "test",
                    "model": "extractive",
                    "collection": "handbook",
                    "metrics": [{"kind": "contains"}, {"kind": "token_f1"}],
                }
            ]
        }
    )

    name: str
    dataset: str
    dataset_version: int | None = Field(default=None, ge=1, le=2**31 - 1, description="Without: the newest")
    split: Splits | None = None
    prompt: str | None = None
    label: str | None = Field(default=None, description="Of the prompt; evaluated is the version that it names now")
    version: int | None = Field(default=None, ge=1, le=2**31 - 1)
    model: str | None = None
    collection: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    cache: bool = Field(default=False, description="Whether answers may come from the cache")
    metrics: list[MetricBody]
    concurrency: int = 4
    stop: StopBody | None = Field(default=None, description="Ask no more items than are needed")
    note: str = ""

    def wanted(self) -> WantedEvaluation:
        """Before its versions are known."""
        return WantedEvaluation(
            name=self.name,
            target=Target(
                self.prompt,
                self.version,
                self.model,
                self.collection,
                self.temperature,
                self.max_tokens,
                self.seed,
                self.cache,
            ),
            dataset=self.dataset,
            metrics=tuple(Metric(**one.model_dump()) for one in self.metrics),
            label=self.label,
            dataset_version=self.dataset_version,
            split=self.split,
            concurrency=self.concurrency,
            stop=StopRule(**self.stop.model_dump()) if self.stop else None,
            note=self.note,
        )


@datasets.get("")
async def list_datasets(caller: CallerNeeded, demand: DemandNeeded) -> Any:
    """Datasets, each by its newest version."""
    return {"datasets": to_json(await caller.ask(ListDatasets(), demand))}


@datasets.put("/{dataset}")
async def put_dataset(
    dataset: DatasetName, body: DatasetBody, caller: CallerNeeded, key: IdempotencyKey = None
) -> Written:
    """Make a version of a dataset; the same items again make none. Splits are fixed with it."""
    content_hash = await caller.services.keep_items(caller.actor, [one.item() for one in body.items])
    command = PutDataset(dataset=dataset, content_hash=content_hash, note=body.note)
    return Written(**await caller.send_and_settle(command, SETTLED, key))


@datasets.post("/{dataset}/from-answers")
async def collect(
    dataset: DatasetName, body: CollectBody, caller: CallerNeeded, demand: DemandNeeded, key: IdempotencyKey = None
) -> Written:
    """Make a version of answers that were stored in production: corrections, and answers found good, are expected."""
    query = ListSamples(
        prompt=body.prompt, label=body.label, version=body.version, rating=body.rating, limit=body.limit
    )
    page: SamplesPage = await caller.ask(query, demand)
    content_hash = await caller.services.keep_items(caller.actor, items_of(page.samples))
    command = PutDataset(dataset=dataset, content_hash=content_hash, note=body.note)
    return Written(**await caller.send_and_settle(command, SETTLED, key))


@datasets.get("/{dataset}")
async def get_dataset(
    dataset: DatasetName, caller: CallerNeeded, demand: DemandNeeded, version: WhichVersion = None
) -> Any:
    """A version, with how many items each split has."""
    return to_json(await caller.ask(GetDataset(dataset=dataset, version=version), demand))


@datasets.delete("/{dataset}")
async def remove_dataset(dataset: DatasetName, caller: CallerNeeded, key: IdempotencyKey = None) -> Written:
    """Take a dataset away; evaluations made of it keep their results."""
    return Written(**await caller.send_and_settle(RemoveDataset(dataset=dataset), SETTLED, key))


@datasets.get("/{dataset}/items")
async def list_items(
    dataset: DatasetName,
    caller: CallerNeeded,
    demand: DemandNeeded,
    version: WhichVersion = None,
    split: WhichSplit = None,
    offset: Offset = 0,
    limit: Limit = 100,
) -> Any:
    """Items in their order; `next_offset` of one page is `offset` of the next."""
    query = ListItems(dataset=dataset, version=version, split=split, offset=offset, limit=limit)
    return to_json(await caller.ask(query, demand))


@datasets.get("/{dataset}/forecast")
async def forecast(
    dataset: DatasetName,
    caller: CallerNeeded,
    demand: DemandNeeded,
    version: WhichVersion = None,
    split: WhichSplit = None,
) -> Any:
    """The smallest difference that an evaluation would show, and what it would cost, before it is run."""
    return to_json(await caller.ask(ForecastEvaluation(dataset=dataset, version=version, split=split), demand))


@router.get("")
async def list_evaluations(
    caller: CallerNeeded,
    demand: DemandNeeded,
    dataset: Annotated[str | None, Query(max_length=200)] = None,
    prompt: Annotated[str | None, Query(max_length=200)] = None,
) -> Any:
    """Evaluations that have ended, newest first."""
    query = ListEvaluations(dataset=dataset, prompt=prompt)
    return {"evaluations": to_json(await caller.ask(query, demand))}


@router.post(
    "",
    status_code=202,
    response_model=CommandState,
    responses={200: {"model": CommandState, "description": "Done within the preferred wait"}},
)
async def run_evaluation(
    body: EvaluationBody,
    caller: CallerNeeded,
    demand: DemandNeeded,
    key: IdempotencyKey = None,
    prefer: Annotated[str | None, Header(description="`wait=10`: wait that many seconds for the end")] = None,
) -> JSONResponse:
    """Ask every item and measure the answers. The name is its own: the same body again goes on where it stopped."""
    command = await body.wanted().command(caller.services.queries, caller.actor, demand)
    receipt = await caller.services.commands.send(command, caller.actor, idempotency_key=key)
    return await command_response(caller, receipt.record.envelope.id, prefer)


@router.get("/{evaluation}")
async def get_evaluation(evaluation: EvaluationName, caller: CallerNeeded, demand: DemandNeeded) -> Any:
    """How an evaluation ended: means with 95 % intervals, outcomes, latency and cost."""
    return to_json(await caller.ask(GetEvaluation(evaluation=evaluation), demand))


@router.get("/{evaluation}/results")
async def list_results(
    evaluation: EvaluationName, caller: CallerNeeded, demand: DemandNeeded, offset: Offset = 0, limit: Limit = 100
) -> Any:
    """What came of each item, also while it runs; `next_offset` of one page is `offset` of the next."""
    return to_json(await caller.ask(ListResults(evaluation=evaluation, offset=offset, limit=limit), demand))


@router.get("/{evaluation}/compare")
async def compare(
    evaluation: EvaluationName,
    caller: CallerNeeded,
    demand: DemandNeeded,
    against: Annotated[str, Query(max_length=200, description="The one that was before", examples=["office-1"])],
) -> Any:
    """Is it better than another of the same items? By each metric: difference, intervals, p-values, verdict."""
    return to_json(await caller.ask(CompareEvaluations(first=against, second=evaluation), demand))
