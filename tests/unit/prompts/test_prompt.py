"""Versions, labels and variables of prompts, without anything around them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryorin.contexts.prompts.domain.prompt import Prompt
from ryorin.contexts.prompts.domain.template import (
    VARIABLE,
    check_template,
    expand,
    render,
    variables_of,
)
from ryorin.contexts.prompts.domain.variables import bound, declared
from ryorin.contexts.prompts.errors import LabelProtected, PromptNotFound
from ryorin.contexts.prompts.events import PromptLabelMoved
from ryorin.contexts.prompts.versions import (
    PromptMessage,
    PromptParameters,
    PromptReference,
    PromptVariable,
    PromptVersion,
    references_of,
)
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import OrgId


def prompt(*texts: str) -> Prompt:
    made = Prompt(OrgId("a"), "assistant")
    for text in texts:
        add(made, text)
    return made


def add(made: Prompt, text: str, **parameters: float) -> int:
    given = PromptParameters(**parameters)  # type: ignore[arg-type]  # numbers by name
    return made.add_version(PromptVersion(0, (PromptMessage("system", text),), given, "", "me"))


def test_versions_are_numbered_and_the_same_again_makes_none() -> None:
    made = prompt("one", "two")

    assert add(made, "two") == 2
    assert add(made, "two", temperature=0.5) == 3
    assert add(made, "one") == 4


def test_a_label_moves_and_moves_back() -> None:
    made = prompt("one", "two")
    made.move("production", 2)
    made.move("production", 2)
    made.move("production", 1)

    moved = [event.version for event in made.pending if isinstance(event, PromptLabelMoved)]
    assert moved == [2, 1]
    made.unlabel("production")
    for action in (lambda: made.unlabel("production"), lambda: made.move("staging", 3)):
        with pytest.raises(PromptNotFound):
            action()


def test_a_removed_prompt_never_uses_a_number_again() -> None:
    made = prompt("one", "two")
    made.remove()

    with pytest.raises(PromptNotFound):
        made.move("production", 1)
    assert add(made, "two") == 3
    with pytest.raises(PromptNotFound):
        made.move("production", 2)


def test_variables_are_filled_once_and_only_they() -> None:
    text = "{{ name }} says {{what}} to {{name}}"

    assert variables_of([text, "{{when}}"]) == ("name", "what", "when")
    assert render(text, {"name": "{{what}}", "what": "花見"}) == "{{what}} says 花見 to {{what}}"


@pytest.mark.parametrize("text", ["{{ 1x }}", "{{name", "name}}", "{{a b}}", "{{名前}}", "{% if x %}{{}}"])
def test_braces_that_are_no_variable_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="variables are written"):
        check_template(text)


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({}, "missing: a, b"),
        ({"a": "", "b": "", "c": ""}, "unknown: c"),
        ({"a": "", "c": ""}, "missing: b; unknown: c"),
    ],
)
def test_missing_and_unknown_variables_are_named(given_: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        bound(declared(("a", "b"), ()), given_)


def test_values_have_types() -> None:
    variables = (
        PromptVariable("n", "integer"),
        PromptVariable("yes", "boolean", default=False),
        PromptVariable("names", "list", default=[]),
    )

    assert bound(variables, {"n": 3}) == {"n": 3, "yes": False, "names": []}
    # some clients have only texts
    assert bound(variables, {"n": "3", "yes": "true", "names": '["花"]'}) == {"n": 3, "yes": True, "names": ["花"]}
    assert bound((PromptVariable("text"),), {"text": 3}) == {"text": "3"}
    for wrong in ({"n": "three"}, {"n": 3.5}, {"n": True}, {"n": 1, "yes": 1}, {"n": 1, "names": "a"}):
        with pytest.raises(InvalidInput, match="must be a"):
            bound(variables, wrong)


def test_other_prompts_are_taken_in_by_name_and_label_or_number() -> None:
    text = "{{> tone}} and {{>rules@3}}, {{> tone@live }}; {{> tone}}"

    named = (PromptReference("tone"), PromptReference("rules", None, 3), PromptReference("tone", "live"))
    assert references_of([text]) == named
    assert expand(text, str) == "tone@production and rules@3, tone@live; tone@production"
    check_template(text)
    with pytest.raises(InvalidInput):
        references_of(["{{> a/b}}"])


def test_a_protected_label_is_moved_by_who_says_that_he_means_it() -> None:
    made = prompt("one", "two")
    made.move("production", 1)
    made.protect("production", True)

    made.move("production", 1)
    made.move("staging", 2)
    for action in (lambda: made.move("production", 2), lambda: made.unlabel("production"), made.remove):
        with pytest.raises(LabelProtected, match="'production' of prompt 'assistant' is protected"):
            action()
    made.move("production", 2, protected=True)
    made.protect("production", False)
    made.unlabel("production")
    assert made.labels == {"staging": 2}


@given(st.text(alphabet="ab_{} \n", max_size=40), st.text(max_size=20))
def test_what_was_checked_renders_to_its_text_with_each_value_as_it_is(text: str, value: str) -> None:
    try:
        check_template(text)
    except InvalidInput:
        return
    names = variables_of([text])
    assert render(text, {name: f"{{{{{name}}}}}" for name in names}) == VARIABLE.sub(r"{{\1}}", text)
    assert render(text, dict.fromkeys(names, value)).count(value) >= len(names)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("hello", PromptReference("hello")),
        ("hello@staging", PromptReference("hello", "staging")),
        ("hello@3", PromptReference("hello", None, 3)),
    ],
)
def test_a_reference_says_label_or_number(text: str, named: PromptReference) -> None:
    assert PromptReference.parse(text) == named


@pytest.mark.parametrize("text", ["", "@3", "hello@0", "a b", "hello@Big Label", "hello@99999999999"])
def test_what_names_nothing_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        PromptReference.parse(text)
