"""Templates of the Kinesis Data Generator make what the generator makes; what is wrong with one is told by its place."""

from __future__ import annotations

import json
import random
import re
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from forebay.simulate.fields import NAMES, Context
from forebay.simulate.template import TemplateFault, compiled, rehearse

# The generator's own help page has the first, its users' workshops the others.
HELP = """
{
    "sensorId": {{random.number(50)}},
    "currentTemperature": {{random.number(
        {
            "min":10,
            "max":150
        }
    )}},
    "status": "{{random.arrayElement(
        ["OK","FAIL","WARN"]
    )}}"
}
"""
TICKETS = """{
    "customerId": "{{random.number(50)}}",
    "transactionAmount": {{random.number({"min":10, "max":150})}},
    "sourceIp" : "{{internet.ip}}",
    "status": "{{random.weightedArrayElement({
        "weights" : [0.8,0.1,0.1],
        "data": ["OK","FAIL","PENDING"]
        }
    )}}",
    "transactionTime": "{{date.now}}"
}"""
ACCESS_LOG = (
    '{{internet.ip}} - {{name.firstName}} [{{date.now("DD/MMM/YYYY:HH:mm:ss ZZ")}}] '
    '"{{random.weightedArrayElement({"weights":[0.6,0.4],"data":["GET","POST"]})}} '
    '{{random.arrayElement(["/list","/wp-admin"])}}" {{random.number(10000)}}'
)

# What faker.js 3.1 has, which the generator extends, but for what gives objects or is not implemented there.
FAKER = """\
random: number arrayElement objectElement uuid boolean word words image locale alphaNumeric
date: past future between recent month weekday
name: firstName lastName findName jobTitle prefix suffix title jobDescriptor jobArea jobType
internet: avatar email exampleEmail userName protocol url domainName domainSuffix domainWord ip userAgent color mac
    password
phone: phoneNumber phoneNumberFormat phoneFormats
address: zipCode city cityPrefix citySuffix streetName streetAddress streetSuffix streetPrefix secondaryAddress county
    country countryCode state stateAbbr latitude longitude
commerce: color department productName price productAdjective productMaterial product
company: suffixes companyName companySuffix catchPhrase bs catchPhraseAdjective catchPhraseDescriptor catchPhraseNoun
    bsAdjective bsBuzz bsNoun
finance: account accountName mask amount transactionType currencyCode currencyName currencySymbol bitcoinAddress
lorem: word words sentence sentences paragraph paragraphs text lines
hacker: abbreviation adjective noun verb ingverb phrase
helpers: randomize slugify replaceSymbolWithNumber replaceSymbols shuffle
image: image avatar imageUrl abstract animals business cats city food nightlife fashion people nature sports technics
    transport
system: fileName commonFileName mimeType commonFileType commonFileExt fileType fileExt semver
"""


def made(template: str, count: int = 1, seed: int = 1, **context: Any) -> list[str]:
    chance = random.Random(seed)
    given = Context(
        chance, **{"zone": ZoneInfo("Europe/Berlin"), "clock": lambda: 1_710_000_000.789, **context}
    )
    return [event.decode() for event in compiled(template, given)(count)]


def test_the_example_of_the_generators_help_page() -> None:
    for text in made(HELP, 300):
        assert "\n" not in text
        event = json.loads(text)
        assert 0 <= event["sensorId"] <= 50
        assert 10 <= event["currentTemperature"] <= 150
        assert event["status"] in ("OK", "FAIL", "WARN")


def test_weights_say_how_often() -> None:
    found = [json.loads(text) for text in made(TICKETS, 2000)]
    assert 0.75 < sum(event["status"] == "OK" for event in found) / 2000 < 0.85
    assert {event["transactionTime"] for event in found} == {"2024-03-09T17:00:00+01:00"}
    assert all(re.fullmatch(r"(\d{1,3}\.){3}\d{1,3}", event["sourceIp"]) for event in found)


def test_a_template_needs_not_be_json() -> None:
    (line,) = made(ACCESS_LOG)
    assert re.fullmatch(r'[\d.]+ - \w+ \[09/Mar/2024:17:00:00 \+0100\] "(GET|POST) /[a-z-]+" \d+', line)


def test_the_same_seed_makes_the_same_events_however_they_are_asked_for() -> None:
    whole = made(TICKETS, 20, seed=7)
    make = compiled(
        TICKETS, Context(random.Random(7), ZoneInfo("Europe/Berlin"), clock=lambda: 1_710_000_000.789)
    )
    assert [event.decode() for event in make(3) + make(17)] == whole
    assert made(TICKETS, 20, seed=8) != whole


def test_every_field_of_the_generators_library_is_there() -> None:
    groups = re.findall(r"^(\w+): ((?:.|\n    )+)", FAKER, re.M)
    wanted = {f"{group}.{name}" for group, names in groups for name in names.split()}
    assert len(wanted) > 120
    assert wanted | {"date.now", "date.utc", "date.simTime", "random.weightedArrayElement"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_field_makes_text(name: str) -> None:
    needs = {
        "random.weightedArrayElement": '({"weights": [1], "data": ["a"]})',
        "date.between": '("2024-01-01", "2024-12-31")',
        "helpers.replaceSymbols": '("??-##")',
        "helpers.replaceSymbolWithNumber": '("##")',
        "helpers.slugify": '("a b")',
    }
    assert all(made(f"{{{{{name}{needs.get(name, '')}}}}}", 20))


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ('random.number({"min": 3, "max": 3})', "3"),
        ("random.number(0)", "0"),
        ('random.number({"min": 0.5, "max": 0.5, "precision": 0.01})', "0.5"),
        ('random.arrayElement([{"a": 1}])', '{"a": 1}'),
        ("random.arrayElement([true])", "true"),
        ("random.arrayElement([null])", "null"),
        ('random.arrayElement(["}} ( \\" ü"])', '}} ( " ü'),
        ('date.now("YYYY-MM-DD HH:mm:ss.SSS")', "2024-03-09 17:00:00.789"),
        ("date.now(YYYY-MM-DD)", "2024-03-09"),
        ("date.utc", "2024-03-09T16:00:00Z"),
        ('date.utc("x")', "1710000000789"),
        ("current.timestamp", "2024-03-09T17:00:00+01:00"),
        (" random . number ( 0 ) ", "0"),
        ("commerce.price(5, 5)", "5.00"),
        ('finance.amount(1, 1, 3, "€")', "€1.000"),
        ('helpers.slugify("a b")', "a-b"),
        ('phone.phoneNumber("no")', "no"),
    ],
)
def test_what_arguments_mean(field: str, expected: str) -> None:
    assert made(f"{{{{{field}}}}}") == [expected]


def test_a_date_is_printed_as_javascript_prints_one() -> None:
    (text,) = made('{{date.past(1, "2024-03-09T16:00:00Z")}}')
    assert re.fullmatch(
        r"[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d 202[34] \d\d:\d\d:\d\d GMT\+0[12]00 \(CES?T\)", text
    )


def test_the_simulated_clock_is_another_one() -> None:
    assert made("{{date.simTime}}", simulated=lambda: 0.0) == ["1970-01-01T01:00:00+01:00"]


@pytest.mark.parametrize(
    ("template", "place", "message", "fix"),
    [
        ('{\n  "a": "{{name.fistName}}"\n}', (2, 11), "there is no field name.fistName", "did you mean name.firstName?"),
        ("{{rnd.zzz}}", (1, 3), "there is no field rnd.zzz", "groups: random"),
        ("{{finance.zzz}}", (1, 3), "there is no field finance.zzz", "finance has account"),
        ("a {{}}", (1, 3), "there is no name", ""),
        ("{{random.uuid}", (1, 1), "has no end", "{{random.uuid}}"),
        ("{{random.number(5}}", (1, 16), "( without )", ""),
        ("x\n{{random.arrayElement(['a'])}}", (2, 24), "no JSON", "double quotes"),
        ("{{random.number({min: 1})}}", (1, 18), "no JSON", "double quotes"),
        ("{{random.number(1, 100)}}", (1, 3), "2 arguments, and it takes 1", '{"min": 1, "max": 9}'),
        ('{{random.number("9")}}', (1, 3), "'9' is no number", ""),
        ('{{random.number({"min": 9, "max": 1})}}', (1, 3), "min 9 is more than max 1", ""),
        ('{{random.number({"mx": 1})}}', (1, 3), "'mx' is no option", "min, max, precision"),
        ("{{random.arrayElement([])}}", (1, 3), "the list is empty", ""),
        ('{{random.weightedArrayElement({"weights": [1], "data": ["a", "b"]})}}', (1, 3), "1 weights for 2 data", ""),
        ('{{random.weightedArrayElement(["a"])}}', (1, 3), "weights and data", ""),
        ("{{random.uuid(4)}}", (1, 3), "takes no argument", ""),
        ("{{date.now(5)}}", (1, 3), "5 is no format", ""),
        (" \n ", (1, 1), "the template is empty", ""),
    ],
)  # fmt: skip
def test_a_fault_has_its_place_and_what_mends_it(
    template: str, place: tuple[int, int], message: str, fix: str
) -> None:
    with pytest.raises(TemplateFault) as raised:
        rehearse(template)
    assert (raised.value.line, raised.value.column) == place
    assert message in raised.value.message
    assert fix in (raised.value.fix or "")
