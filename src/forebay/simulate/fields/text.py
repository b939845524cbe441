"""`lorem.*`, `hacker.*`, `helpers.*`, `image.*` and `system.*`: words, patterns, files."""

from __future__ import annotations

import json
import re
from typing import Any

from forebay.simulate import words
from forebay.simulate.fields.base import (
    BadArguments,
    Context,
    Make,
    Maker,
    at_most,
    count_of,
    digits,
    one_of,
    plain,
)
from forebay.simulate.fields.numbers import any_word, array_element

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _sentence(context: Context, count: int | None = None) -> str:
    size = 3 + context.below(8) if count is None else count
    return " ".join([context.pick(words.LOREM) for _ in range(size)]).capitalize() + "."


def _several(make: Any, otherwise: int, between: str, extra: int = 0) -> Maker:
    """So many of something, with up to `extra` more."""

    def maker(context: Context, arguments: list[Any]) -> Make:
        (given,) = at_most(arguments, 1, fix="how many: {{lorem.words(5)}}")
        count = count_of(given, otherwise)
        return lambda: between.join([make(context) for _ in range(count + context.below(extra + 1))])

    return maker


def _lorem(context: Context) -> str:
    return str(context.pick(words.LOREM))


def _paragraph(context: Context) -> str:
    return " ".join([_sentence(context) for _ in range(3 + context.below(4))])


def _one_sentence(context: Context, arguments: list[Any]) -> Make:
    (given,) = at_most(arguments, 1, fix="how many words: {{lorem.sentence(5)}}")
    count = None if given is None else count_of(given, 1)
    return lambda: _sentence(context, count)


def _hacker(context: Context) -> str:
    verb, noun = context.pick(words.HACKER_VERBS), context.pick(words.HACKER_NOUNS)
    what = f"{context.pick(words.HACKER_ADJECTIVES)} {context.pick(words.HACKER_ABBREVIATIONS)}"
    form = context.below(3)
    if form == 0:
        return f"We need to {verb} the {what} {noun}!"
    if form == 1:
        return f"Try to {verb} the {what} {noun}!"
    return (
        f"{context.pick(words.HACKER_INGVERBS).capitalize()} the {noun} will not do: {verb} the {what} one!"
    )


def _pattern(letters: bool) -> Maker:
    """`#` is a digit; `?` a letter and `*` either, where letters are meant."""

    def maker(context: Context, arguments: list[Any]) -> Make:
        given, symbol = at_most(
            arguments, 1 if letters else 2, fix='{{helpers.replaceSymbols("??-####")}}'
        ) + ([None] if letters else [])
        if not isinstance(given, str):
            raise BadArguments("it takes a pattern", fix='{{helpers.replaceSymbols("??-####")}}')
        if not letters:
            return lambda: digits(context, given, symbol or "#")

        def one(char: str) -> str:
            if char == "#" or (char == "*" and context.below(2)):
                return str(context.below(10))
            return str(context.pick(_LETTERS)) if char in "?*" else char

        return lambda: "".join([one(char) for char in given])

    return maker


def _slugify(context: Context, arguments: list[Any]) -> Make:
    del context
    (given,) = at_most(arguments, 1, fix='{{helpers.slugify("a text")}}')
    slug = re.sub(r"[^\w.\-]+", "", str(given or "").replace(" ", "-"))
    return lambda: slug


def _shuffle(context: Context, arguments: list[Any]) -> Make:
    (given,) = at_most(arguments, 1, fix='{{helpers.shuffle(["a", "b"])}}')
    if given is not None and not isinstance(given, list):
        raise BadArguments(f"{given!r} is no list in JSON", fix='{{helpers.shuffle(["a", "b"])}}')
    items = ["a", "b", "c"] if given is None else given
    return lambda: ",".join(
        [
            each if isinstance(each, str) else json.dumps(each)
            for each in context.random.sample(items, len(items))
        ]
    )


def _image(kind: str | None) -> Maker:
    return plain(lambda context: f"https://images.example/640/480/{kind or context.pick(words.IMAGE_KINDS)}")


def _file(context: Context, extension: str | None) -> str:
    name = "_".join([any_word(context) for _ in range(1 + context.below(3))]).lower()
    return f"{re.sub('[^a-z0-9]+', '_', name)}.{extension or context.pick(list(words.MIME_TYPES.values()))}"


def _file_name(context: Context, arguments: list[Any]) -> Make:
    (given,) = at_most(arguments, 1, fix='{{system.commonFileName("csv")}}')
    return lambda: _file(context, None if given is None else str(given))


def _extension(context: Context, arguments: list[Any]) -> Make:
    (given,) = at_most(arguments, 1, fix='{{system.fileExt("image/png")}}')
    if given is None:
        return one_of(list(words.MIME_TYPES.values()))(context, [])
    if given not in words.MIME_TYPES:
        raise BadArguments(f"{given!r} is not known", fix=f"one of {', '.join(words.MIME_TYPES)}")
    found = words.MIME_TYPES[given]
    return lambda: found


LOREM: dict[str, Maker] = {
    "word": one_of(words.LOREM),
    "words": _several(_lorem, 3, " "),
    "slug": _several(_lorem, 3, "-"),
    "sentence": _one_sentence,
    "sentences": _several(_sentence, 3, " "),
    "paragraph": _several(_sentence, 3, " ", extra=3),
    "paragraphs": _several(_paragraph, 3, "\\n"),
    "lines": _several(_sentence, 3, "\\n"),
    "text": plain(_paragraph),
}

HACKER: dict[str, Maker] = {
    "abbreviation": one_of(words.HACKER_ABBREVIATIONS),
    "adjective": one_of(words.HACKER_ADJECTIVES),
    "noun": one_of(words.HACKER_NOUNS),
    "verb": one_of(words.HACKER_VERBS),
    "ingverb": one_of(words.HACKER_INGVERBS),
    "phrase": plain(_hacker),
}

HELPERS: dict[str, Maker] = {
    "randomize": array_element,
    "replaceSymbols": _pattern(letters=True),
    "replaceSymbolWithNumber": _pattern(letters=False),
    "slugify": _slugify,
    "shuffle": _shuffle,
}

IMAGE: dict[str, Maker] = {
    "image": _image(None),
    "imageUrl": plain(lambda _: "https://images.example/640/480"),
    "avatar": plain(lambda context: f"https://avatars.example/{_lorem(context)}/128.jpg"),
    **{kind: _image(kind) for kind in words.IMAGE_KINDS},
}

SYSTEM: dict[str, Maker] = {
    "fileName": _file_name,
    "commonFileName": _file_name,
    "mimeType": one_of(list(words.MIME_TYPES)),
    "fileExt": _extension,
    "commonFileExt": _extension,
    "fileType": one_of(sorted({mime.partition("/")[0] for mime in words.MIME_TYPES})),
    "commonFileType": one_of(["video", "audio", "image", "text", "application"]),
    "semver": plain(lambda context: ".".join([str(context.below(10)) for _ in range(3)])),
}
