"""Colours of charts, for light and for dark: an ECharts theme each, made here and nowhere else.

The eight categorical colours keep their order: neighbours stay apart for protan, deutan and tritan
viewers and each stands 3:1 against its surface (tests/dashboards/test_theme.py measures both). What does
not fit in eight is folded into "other", in grey.
"""

from __future__ import annotations

from typing import Any

LIGHT = ("#2a78d6", "#eb6834", "#1a9a72", "#b98200", "#d6588f", "#007a00", "#4a3aa7", "#c4161c")
DARK = ("#4c94ea", "#e0652f", "#2bb389", "#dba51f", "#d9558f", "#2e8b2e", "#a79cf5", "#f07a7a")
SURFACE = {"light": "#ffffff", "dark": "#171a1f"}
OTHER = {"light": "#8a919c", "dark": "#7c8592"}
MAX_SERIES = len(LIGHT)

_RAMP_LIGHT = ["#eaf2fc", "#bcd7f6", "#86b6ec", "#4c90de", "#1f66bd", "#0e3f80"]
_RAMP_DARK = ["#1d2835", "#1f4470", "#2863a6", "#4389da", "#82b3ee", "#cfe3fb"]
_FONT = "ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif"


def theme(name: str) -> dict[str, Any]:
    """The ECharts theme `light` or `dark`."""
    dark = name == "dark"
    ink, soft, line = ("#e8eaed", "#9aa3af", "#2c323a") if dark else ("#1b2027", "#626b78", "#e6e8ec")
    surface = SURFACE[name]
    axis = {
        "axisLine": {"lineStyle": {"color": "#454d58" if dark else "#c3c8d0"}},
        "axisTick": {"show": False},
        "axisLabel": {"color": soft, "fontSize": 11},
        "splitLine": {"lineStyle": {"color": line}},
        "splitArea": {"show": False},
        "nameTextStyle": {"color": soft},
    }
    quiet = {**axis, "splitLine": {"show": False}}
    gap = {"itemStyle": {"borderColor": surface, "borderWidth": 2}}
    return {
        "color": list(DARK if dark else LIGHT),
        "backgroundColor": "transparent",
        "textStyle": {"fontFamily": _FONT, "color": ink},
        "title": {"textStyle": {"color": ink}, "subtextStyle": {"color": soft}},
        "legend": {
            "textStyle": {"color": soft, "fontSize": 12},
            "pageTextStyle": {"color": soft},
            "pageIconColor": soft,
            "pageIconInactiveColor": line,
            "inactiveColor": "#454d58" if dark else "#c3c8d0",
        },
        "categoryAxis": quiet,
        "timeAxis": quiet,
        "valueAxis": {**axis, "axisLine": {"show": False}},
        "pie": {**gap, "label": {"color": soft}, "labelLine": {"lineStyle": {"color": soft}}},
        "heatmap": gap,
        "visualMap": {
            "color": list(reversed(_RAMP_DARK if dark else _RAMP_LIGHT)),
            "textStyle": {"color": soft},
        },
    }
