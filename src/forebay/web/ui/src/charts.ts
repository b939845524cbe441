// ECharts with only what dashboards draw. Options come whole from the server; here are the functions JSON cannot hold.
import { BarChart, HeatmapChart, LineChart, PieChart } from "echarts/charts";
import { AriaComponent, GridComponent, LegendComponent, TitleComponent, TooltipComponent, VisualMapComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { short, written } from "./format";
import type { Scheme } from "./hooks";
import { themes } from "./themes";

echarts.use([BarChart, HeatmapChart, LineChart, PieChart, AriaComponent, GridComponent, LegendComponent,
  TitleComponent, TooltipComponent, VisualMapComponent, CanvasRenderer]);

type Loose = Record<string, any>; // eslint-disable-line

function line(text: string, className: string): HTMLElement {
  const made = document.createElement("div");
  made.className = className;
  made.textContent = text;
  return made;
}

// A tooltip made of elements, not of HTML text: names are data, and the page's policy forbids inline styles.
function tooltip(format: string, unit: string, share: boolean, base: Loose) {
  return (found: Loose | Loose[]) => {
    const list = Array.isArray(found) ? found : [found];
    const box = document.createElement("div");
    box.className = "tip";
    const first = list[0];
    if (!first) return box;
    const heat = first.seriesType === "heatmap";
    const head = first.axisValueLabel ?? (heat ? "" : first.seriesType === "pie" ? "" : first.name);
    if (head) box.append(line(String(head), "tip-head"));
    const rows = list.filter((each) => base.series[each.seriesIndex]?.tooltip?.show !== false && each.value !== null && each.value !== undefined && (!Array.isArray(each.value) || each.value[1] !== null));
    if (!share && rows.length > 1) rows.sort((a, b) => amount(b) - amount(a));
    for (const each of rows.slice(0, 12)) {
      const row = document.createElement("div");
      row.className = "tip-row";
      const dot = document.createElement("i");
      dot.style.background = typeof each.color === "string" ? each.color : "";
      const raw = each.data?.raw;
      const value = share ? `${amount(each).toFixed(1)} %  (${written(raw, format, unit)})`
        : each.seriesType === "pie" ? `${written(amount(each), format, unit)}  (${each.percent} %)` : written(amount(each), format, unit);
      const cell = heat ? `${base.xAxis.data[each.value[0]]} · ${base.yAxis.data[each.value[1]]}` : "";
      row.append(dot, line(String(heat ? cell : each.seriesType === "pie" ? each.name : each.seriesName), "tip-name"), line(value, "tip-value"));
      box.append(row);
    }
    if (rows.length > 12) box.append(line(`and ${rows.length - 12} more`, "tip-more"));
    return box;
  };
}

function amount(each: Loose): number {
  return Array.isArray(each.value) ? Number(each.value[each.value.length - 1]) : Number(each.value);
}

// An option with `media` in the form that fits: one decision, also after an update.
function fitting(option: Loose, width: number): Loose {
  if (!option.baseOption) return option;
  const base: Loose = { ...option.baseOption };
  const rule = option.media.find((each: Loose) => !each.query || width <= each.query.maxWidth);
  for (const [name, part] of Object.entries<Loose>(rule?.option ?? {}))
    base[name] = Array.isArray(part) ? base[name].map((each: Loose, at: number) => ({ ...each, ...part[at] })) : { ...base[name], ...part };
  return base;
}

const BESIDE = 96; // pixels that a slice's label takes on either side

// A pie as large as it can be while its labels have room beside it.
function round(series: Loose[], width: number, height: number): Loose[] {
  return series.map((each) => {
    if (each.type !== "pie" || each.label?.show === false) return each;
    const [hole, whole] = (each.radius as string[]).map(parseFloat) as [number, number];
    const most = Math.max(40, Math.min(Math.min(width, height) * whole / 200, width / 2 - BESIDE));
    return { ...each, radius: [most * hole / whole, most] };
  });
}

function dress(option: Loose, width: number, height: number, format: string, unit: string): Loose {
  const base = fitting(option, width);
  if (base.series) base.series = round(base.series, width, height);
  const share = base.yAxis?.max === 100 || base.xAxis?.max === 100;
  const made: Loose = { ...base };
  if (base.tooltip) made.tooltip = { ...base.tooltip, formatter: tooltip(format, unit, share, base), className: "tip-box", borderWidth: 0, padding: 0, backgroundColor: "transparent", extraCssText: "box-shadow:none", transitionDuration: 0.15 };
  for (const name of ["xAxis", "yAxis"]) {
    const axis: Loose | undefined = base[name];
    const measured = axis?.type === "value" && !share && (name === "yAxis" || base.yAxis?.type === "category");
    if (axis && measured) made[name] = { ...axis, axisLabel: { ...axis.axisLabel, formatter: (value: number) => short(value, format, unit) } };
  }
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) made.animation = false;
  return made;
}

export interface Drawn { draw(option: object, format: string, unit: string): void; close(): void }

export function chart(element: HTMLElement, scheme: Scheme): Drawn {
  const drawn = echarts.init(element, themes[scheme], { renderer: "canvas" });
  let shape = "";
  let newest: [Loose, string, string] | null = null;
  const put = () => {
    if (!newest) return;
    const dressed = dress(newest[0], element.clientWidth, element.clientHeight, newest[1], newest[2]);
    const now = JSON.stringify([(dressed.series ?? []).map((each: Loose) => [each.type, each.name]), dressed.xAxis?.type, dressed.yAxis?.type, Boolean(dressed.title)]);
    // The same chart with new numbers moves; another chart is drawn anew.
    drawn.setOption(dressed, now === shape ? { lazyUpdate: true } : { notMerge: true });
    shape = now;
  };
  const watch = new ResizeObserver(() => {
    if (!element.clientWidth || !element.clientHeight) return;
    drawn.resize();
    if (newest?.[0].media) put();
  });
  watch.observe(element);
  return {
    draw(option, format, unit) { newest = [option as Loose, format, unit]; put(); },
    close() { watch.disconnect(); drawn.dispose(); },
  };
}
