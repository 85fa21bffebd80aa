"""Templates with conditions and loops: what they can do, and what nobody can make them do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryorin.adapters.jinja.templates import MAX_CHARACTERS, MAX_ITERATIONS, JinjaTemplates
from ryorin.kernel.errors import InvalidInput

TEMPLATE = """\
{% if formal %}拝啓{% else %}Hello{% endif %}{% for item in items %}
- {{ item.name | upper }}: {{ item.price * count }}{% endfor %}
{{ {"花": 1} | tojson }}
"""


def test_what_a_template_says() -> None:
    engine = JinjaTemplates()
    items = [{"name": "tea", "price": 2}, {"name": "cake", "price": 3}]

    assert engine.names(TEMPLATE) == ("formal", "items", "count")
    said = engine.render(TEMPLATE, {"formal": True, "items": items, "count": 2})
    assert said == '拝啓\n- TEA: 4\n- CAKE: 6\n{"花": 1}\n'
    # a value is never read as a template
    assert engine.render("{{ x }}", {"x": "{{ 1 + 1 }}{% if %}"}) == "{{ 1 + 1 }}{% if %}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{{ x() }}", "no Call"),
        ("{% set x = 1 %}", "no Assign"),
        ("{% macro x() %}{% endmacro %}", "no Macro"),
        ("{% include 'x' %}", "no Include"),
        ("{% import 'x' as y %}", "no Import"),
        ("{{ x ~ x }}", "no Concat"),
        ("{{ 2 ** x }}", "no Pow"),
        ("{{ x | attr('y') }}", "no filter 'attr'"),
        ("{{ x | replace('a', 'b') }}", "no filter 'replace'"),
        ("{{ x is filter }}", "no test 'filter'"),
        ("{% for x in y recursive %}{% endfor %}", "recursive"),
        ("{% if %}", "line 1"),
        ("{{", "line 1"),
        ("(" * 5 + "{{ " + "(" * 5000, "cannot be read"),
    ],
)
def test_what_is_not_allowed_is_refused_when_it_is_written(text: str, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        JinjaTemplates().names(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{{ x.__class__.__mro__ }}", "unsafe"),
        ("{{ x['__class__'] }}", "unsafe|undefined|has no"),
        ("{{ x * 1000000000 }}", "numbers"),
        ("{{ x + x }}", "numbers"),
        ("{{ n * n * n * n }}", "too large"),
        ("{% for a in y %}{% for b in y %}{% endfor %}{% endfor %}", "rounds"),
        ("{% for a in y %}{{ z }}{% endfor %}", "longer"),
        ("{{ x | join('-') }}", "lists"),
        ("{{ y | join(z) }}", "joins"),
        ("{{ x.nothing }}", "nothing"),
        ("{{ 1 / 0 }}", "cannot be filled in"),
        ("{{ x < 1 }}", "cannot be filled in"),
        ("{{ y | sum }}{{ y | first | round('a') }}", "cannot be filled in"),
    ],
)
def test_nothing_is_reached_and_everything_ends(text: str, told: str) -> None:
    values = {"x": "text", "n": 1_000_000, "y": ["a"] * 1000, "z": "z" * (MAX_CHARACTERS // 900)}
    with pytest.raises(InvalidInput, match=told):
        JinjaTemplates().render(text, values)


def test_rounds_are_counted_for_each_filling_anew() -> None:
    engine = JinjaTemplates()
    for _ in range(3):
        assert len(engine.render("{% for a in y %}a{% endfor %}", {"y": [1] * MAX_ITERATIONS})) == MAX_ITERATIONS


@given(st.text(alphabet="{}%|.()[]'\"+-*/~ axy10_if for in endif endfor\n", max_size=60))
def test_no_text_ends_in_another_error(text: str) -> None:
    engine = JinjaTemplates()
    try:
        values = dict.fromkeys(engine.names(text), "1")
        engine.render(text, values)
    except InvalidInput:
        return
