"""ECharts options from rows: the one place where a chart takes its form.

An option is plain JSON and complete, so the browser and a renderer without one draw the same chart from
it. Colours come from the theme (theme.py). The browser adds only what JSON cannot hold: functions that
write numbers as `format` says.
"""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from forebay.dashboards.model import Tile
from forebay.dashboards.shape import OTHER, Grid, Lines, Result, grid, lines, roles
from forebay.dashboards.theme import MAX_SERIES
from forebay.dashboards.theme import OTHER as OTHER_COLOUR
from forebay.dashboards.values import is_time, label, natural, number, time_labels, wall, written

Option = dict[str, Any]

LEGEND = 5
"""Slices that a narrow pie's legend names one below the other; more are turned like pages."""
_GREY = OTHER_COLOUR["light"]
_BASE: Option = {
    "animationDuration": 250,
    "animationDurationUpdate": 250,
    "useUTC": True,
    "aria": {"enabled": True},
}


_TIMES: Option = {
    "year": "{yyyy}", "month": "{MMM}", "day": "{d} {MMM}", "hour": "{HH}:{mm}", "minute": "{HH}:{mm}",
    "second": "{HH}:{mm}:{ss}", "millisecond": "{HH}:{mm}:{ss}.{SSS}",
}  # fmt: skip


def empty(text: str) -> Option:
    """The option of a chart with nothing to draw."""
    title = {
        "text": text,
        "left": "center",
        "top": "middle",
        "textStyle": {"fontSize": 13, "fontWeight": "normal"},
    }
    return {**_BASE, "title": title}


def build(tile: Tile, result: Result, zone: ZoneInfo) -> tuple[Option, str]:
    """The chart of `tile` and a note on what it leaves out ("" if nothing).

    Raises UsageError (`NoSuchColumn`, `NothingToDraw`) where the answer has not the columns it needs.
    """
    match tile.kind:
        case "line":
            found = lines(tile, result, zone)
            if found is not None:
                return _line(tile, found), ""
            return _bars(tile, made := grid(tile, result, zone)), _note(made)
        case "bar" | "stacked" | "stacked100":
            return _bars(tile, made := grid(tile, result, zone)), _note(made)
        case "pie" | "donut":
            return _pie(tile, result, zone), ""
        case "heatmap":
            return _heatmap(tile, result, zone)
        case "number" | "table" | "text" | "alarm":
            raise AssertionError(f"a {tile.kind} tile is no chart")


def sparkline(values: list[float | int]) -> Option:
    """A line without axes, for a number tile over time."""
    return {
        **_BASE,
        "animation": False,
        "grid": {"left": 0, "right": 0, "top": 4, "bottom": 2},
        "xAxis": {"type": "category", "show": False, "boundaryGap": False, "data": list(range(len(values)))},
        "yAxis": {"type": "value", "show": False, "min": min(0, *values) if values else 0},
        "series": [
            {
                "type": "line",
                "data": values,
                "showSymbol": False,
                "silent": True,
                "lineStyle": {"width": 1.5},
                "areaStyle": {"opacity": 0.12},
            }
        ],
    }


def _note(made: Grid) -> str:
    return f"+{made.hidden} more" if made.hidden else ""


def _legend(names: list[str]) -> Option:
    if len(names) < 2:
        return {"show": False}
    return {
        "type": "scroll",
        "top": 0,
        "left": 0,
        "icon": "roundRect",
        "itemWidth": 10,
        "itemHeight": 10,
        "itemGap": 14,
    }


def _frame(names: list[str]) -> Option:
    """Room for the legend above; axis labels are inside the outer bounds, so none is clipped."""
    return {
        "left": 4, "right": 14, "bottom": 4, "top": 34 if len(names) > 1 else 12,
        "outerBoundsMode": "same", "outerBoundsContain": "axisLabel",
    }  # fmt: skip


def _value_axis(tile: Tile) -> Option:
    axis: Option = {"type": "value", "splitNumber": 4, "axisLabel": {"hideOverlap": True}}
    if tile.kind == "stacked100":
        return {**axis, "max": 100, "interval": 25, "axisLabel": {"formatter": "{value} %"}}
    if tile.unit and tile.format in {"number", "integer"}:
        axis["axisLabel"] = {"formatter": "{value} " + tile.unit, "hideOverlap": True}
    if tile.format == "integer":
        axis["minInterval"] = 1
    return axis


def _line(tile: Tile, found: Lines) -> Option:
    names = list(found.points)
    few = max((len(points) for points in found.points.values()), default=0) <= 24
    return {
        **_BASE,
        "tooltip": {"trigger": "axis", "confine": True},
        "legend": _legend(names),
        "grid": _frame(names),
        "xAxis": {
            "type": "time" if found.timed else "value",
            "scale": True,
            "axisLabel": {"hideOverlap": True} | ({"formatter": _TIMES} if found.timed else {}),
        },
        "yAxis": _value_axis(tile),
        "series": [
            {
                "type": "line",
                "name": name,
                "data": points,
                "showSymbol": few,
                "symbol": "circle",
                "symbolSize": 6,
                "lineStyle": {"width": 2},
                "sampling": "lttb",
                "emphasis": {"focus": "series"},
                **({"areaStyle": {"opacity": 0.08}} if len(names) == 1 else {}),
                **_greyed(name, names),
            }
            for name, points in found.points.items()
        ],
    }


def _greyed(name: str, names: list[str]) -> Option:
    if name == OTHER and len(names) == MAX_SERIES:
        return {"itemStyle": {"color": _GREY}}
    return {}


def _bars(tile: Tile, made: Grid) -> Option:
    """Bars beside each other, stacked, or stacked to 100 %; a line over categories has the same axes."""
    names = list(made.cells)
    stacked = tile.kind in {"stacked", "stacked100"}
    categories: Option = {
        "type": "category",
        "data": made.categories,
        "axisLabel": {"hideOverlap": True, "overflow": "truncate", "width": 140 if tile.horizontal else 110},
    }
    if tile.horizontal:
        categories |= {"inverse": True}
        categories["axisLabel"] |= {"interval": 0 if len(made.categories) <= 30 else "auto"}
    elif len(made.categories) <= 8 and max((len(each) for each in made.categories), default=0) <= 12:
        categories["axisLabel"] |= {"interval": 0}
    cells = _shares(made) if tile.kind == "stacked100" else made.cells
    series = [
        {
            "type": "line" if tile.kind == "line" else "bar",
            "name": name,
            "data": values,
            "barMaxWidth": 36,
            "barGap": "10%",
            "emphasis": {"focus": "series"} if len(names) > 1 else {},
            **({"stack": "all"} if stacked else {}),
            **({} if stacked or tile.kind == "line" else {"itemStyle": {"borderRadius": _round(tile)}}),
            **_greyed(name, names),
        }
        for name, values in cells.items()
    ]
    option: Option = {
        **_BASE,
        "tooltip": {"trigger": "axis", "axisPointer": {"type": "shadow"}, "confine": True},
        "legend": _legend(names),
        "grid": _frame(names),
        "series": series,
    }
    axes = ("yAxis", "xAxis") if tile.horizontal else ("xAxis", "yAxis")
    return option | dict(zip(axes, (categories, _value_axis(tile)), strict=True))


def _round(tile: Tile) -> list[int]:
    return [0, 3, 3, 0] if tile.horizontal else [3, 3, 0, 0]


def _shares(made: Grid) -> dict[str, list[Option | None]]:
    """Each category's values as its percentages; `raw` keeps what was counted, for the tooltip."""
    totals = [
        sum(abs(values[at] or 0) for values in made.cells.values()) for at in range(len(made.categories))
    ]
    return {
        name: [
            None
            if value is None or not total
            else {"value": round(abs(value) / total * 100, 3), "raw": value}
            for value, total in zip(values, totals, strict=True)
        ]
        for name, values in made.cells.items()
    }


def _pie(tile: Tile, result: Result, zone: ZoneInfo) -> Option:
    slices = _slices(tile, result, zone)
    total = sum(value for _, value in slices)
    donut = tile.kind == "donut"
    data = [
        {"name": name, "value": value} | ({"itemStyle": {"color": _GREY}} if name == OTHER else {})
        for name, value in slices
    ]
    series: Option = {
        "type": "pie",
        "data": data,
        "radius": ["46%", "66%"] if donut else ["0%", "66%"],
        "center": ["50%", "50%"],
        "startAngle": 90,
        "minShowLabelAngle": 4,
        "percentPrecision": 1,
        "label": {"formatter": "{b}\n{d} %", "overflow": "break", "lineHeight": 15, "fontSize": 12},
        "labelLine": {"length": 7, "length2": 7},
        "itemStyle": {"borderRadius": 3},
        "emphasis": {"scaleSize": 4},
    }
    option: Option = {**_BASE, "tooltip": {"trigger": "item", "confine": True}, "legend": {"show": False}}
    if donut:
        text = written(total, tile.format, tile.unit)
        style = {"fontSize": 20 if len(text) < 9 else 15, "fontWeight": 600}
        option["title"] = {"text": text, "left": "center", "top": "middle", "textStyle": style}
    many = len(slices) > LEGEND
    narrow: Option = {
        "legend": {
            "show": True, "type": "scroll" if many else "plain", "bottom": 0,
            "icon": "circle", "itemWidth": 9, "itemHeight": 9, "itemGap": 8,
        },
        "title": {"top": "37%" if many else "32%"} if donut else {},
        "series": [
            {"label": {"show": False}, "labelLine": {"show": False}, "center": ["50%", "42%" if many else "37%"],
             "radius": ["40%", "62%"] if donut else ["0%", "62%"]}
        ],
    }  # fmt: skip
    return {
        "baseOption": option | {"series": [series]},
        "media": [{"query": {"maxWidth": 300}, "option": narrow}, {"option": {"legend": {"show": False}}}],
    }


def _slices(tile: Tile, result: Result, zone: ZoneInfo) -> list[tuple[str, float | int]]:
    """Slices largest first, at most MAX_SERIES; the rest is `other`. A slice is what is above zero.

    With a series besides x, a slice is a pair of both.
    """
    part = roles(tile, result)
    kind = result.columns[part.x][1]
    sums: dict[str, float | int] = {}
    for row in result.rows:
        moment = wall(row[part.x], kind, zone) if is_time(kind) else None
        name = time_labels([moment])[0] if moment is not None else label(row[part.x])
        if part.series is not None:
            name = f"{name} · {label(row[part.series])}"
        value = number(row[part.y[0]])
        if value is not None and value > 0:
            sums[name] = sums.get(name, 0) + value
    largest = sorted(sums.items(), key=lambda each: (-each[1], natural(each[0])))
    room = min(tile.limit or MAX_SERIES, MAX_SERIES)
    if len(largest) <= room:
        return largest
    return [*largest[: room - 1], (OTHER, sum(value for _, value in largest[room - 1 :]))]


def _heatmap(tile: Tile, result: Result, zone: ZoneInfo) -> tuple[Option, str]:
    """x by y, coloured by value. Without names: the first two columns and the first number after them."""
    named = (tile.x, tile.y[0] if tile.y else None, tile.value)
    if all(named):
        x, y, value = (result.index(str(name)) for name in named)
    else:
        value = roles(tile if tile.value else _unnamed(tile), result).y[-1]
        free = [at for at in range(len(result.columns)) if at != value]
        x = result.index(tile.x) if tile.x else free[0]
        down = tile.y[0] if tile.y else tile.series
        y = result.index(down) if down else next((at for at in free if at != x), x)
    across, along = _axis(result, x, zone), _axis(result, y, zone)
    cells: dict[tuple[int, int], float | int] = {}
    for row in result.rows:
        size = number(row[value])
        at = (across[1].get(label(row[x])), along[1].get(label(row[y])))
        if size is not None and at[0] is not None and at[1] is not None:
            cells[at[0], at[1]] = cells.get((at[0], at[1]), 0) + size
    sizes = cells.values()
    option: Option = {
        **_BASE,
        "tooltip": {"trigger": "item", "confine": True},
        "grid": {**_frame([]), "bottom": 46},
        "xAxis": {"type": "category", "data": across[0], "axisLabel": {"hideOverlap": True}},
        "yAxis": {"type": "category", "data": along[0], "inverse": True,
                  "axisLabel": {"hideOverlap": True, "overflow": "truncate", "width": 120}},
        "visualMap": {
            "min": min(0, *sizes) if sizes else 0, "max": max(sizes, default=1) or 1, "calculable": False,
            "orient": "horizontal", "left": "center", "bottom": 0, "itemHeight": 120, "itemWidth": 10,
            "precision": 0,
        },
        "series": [{"type": "heatmap", "name": result.columns[value][0],
                    "data": [[*at, size] for at, size in cells.items()], "itemStyle": {"borderRadius": 3}}],
    }  # fmt: skip
    return option, ""


def _unnamed(tile: Tile) -> Tile:
    return Tile(id=tile.id, title=tile.title, kind="table", line=tile.line)


def _axis(result: Result, column: int, zone: ZoneInfo) -> tuple[list[str], dict[str, int]]:
    """The labels of a heatmap's axis, in order, and the position of each raw value's label in it."""
    kind = result.columns[column][1]
    raw = {label(row[column]) for row in result.rows}
    if is_time(kind):
        moments = {each: wall(each, kind, zone) for each in raw}
        order = sorted({moment for moment in moments.values() if moment is not None})
        places = {moment: at for at, moment in enumerate(order)}
        return time_labels(order), {each: places[m] for each, m in moments.items() if m is not None}
    names = sorted(raw, key=natural)
    return names, {name: at for at, name in enumerate(names)}
