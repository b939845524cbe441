// The metrics: every one there is, by namespace, and the course of the one that is chosen.
import { useMemo } from "preact/hooks";
import { ago, written } from "./format";
import { go, useAgain, useNow, type Place } from "./hooks";
import { Empty, Problem } from "./parts";
import { Chart } from "./tile";

interface Metric { namespace: string; name: string; dimensions: Record<string, string>; last: number }
interface Course {
  option: object; format: string; unit: string; period: number;
  latest: number | null; least: number | null; greatest: number | null; total: number | null;
}

const STATS = ["Sum", "Average", "Minimum", "Maximum", "SampleCount", "p50", "p90", "p99"];
const SPANS: [string, string][] = [["15m", "15 minutes"], ["1h", "1 hour"], ["3h", "3 hours"], ["1d", "1 day"], ["1w", "1 week"]];
const SHOWN = 300;

const idOf = (each: Metric) => JSON.stringify([each.namespace, each.name, Object.entries(each.dimensions).sort()]);
const dimensionsOf = (each: Metric) => Object.entries(each.dimensions).map(([name, value]) => `${name} ${value}`).join(", ");

// Which statistic says most at first: how much was counted, or how high a level is.
function usual(each: Metric): string {
  return /lag|buffered|size|free|used|behind|waiting|restarts|Latency|Duration|Age|Percent/i.test(each.name) ? "Average" : "Sum";
}

function put(place: Place, changes: Record<string, string>) {
  const query = new URLSearchParams(place.query);
  for (const [name, value] of Object.entries(changes)) if (value) query.set(name, value); else query.delete(name);
  go(`/telemetry?${query}`, true);
}

function Chosen({ metric, place }: { metric: Metric; place: Place }) {
  const stat = place.query.get("stat") ?? usual(metric), span = place.query.get("span") ?? "15m";
  const query = new URLSearchParams({ namespace: metric.namespace, name: metric.name, stat, span });
  for (const [name, value] of Object.entries(metric.dimensions)) query.set(`d.${name}`, value);
  const { found, failure } = useAgain<Course>(`/api/telemetry/metric?${query}`);
  const figure = (value: number | null) => (found ? written(value, found.format, found.unit) : "–");
  return (
    <section class="card metric-card" aria-label={metric.name}>
      <div class="metric-head">
        <div><h2>{metric.name}</h2><p class="hint">{metric.namespace}{dimensionsOf(metric) && ` · ${dimensionsOf(metric)}`}</p></div>
        <label class="field"><span>Statistic</span><select value={stat} onChange={(event) => put(place, { stat: event.currentTarget.value })}>{STATS.map((each) => <option key={each}>{each}</option>)}</select></label>
        <label class="field"><span>Time</span><select value={span} onChange={(event) => put(place, { span: event.currentTarget.value })}>{SPANS.map(([value, label]) => <option key={value} value={value}>{label}</option>)}</select></label>
      </div>
      {failure && <Problem failure={failure} />}
      <div class="metric-chart">{found && <Chart option={found.option} format={found.format} unit={found.unit} label={`${metric.name}, ${stat}`} />}</div>
      {found && (
        <dl class="counts metric-figures">
          <div><dt>latest</dt><dd>{figure(found.latest)}</dd></div>
          <div><dt>least</dt><dd>{figure(found.least)}</dd></div>
          <div><dt>greatest</dt><dd>{figure(found.greatest)}</dd></div>
          {found.total !== null && <div><dt>in all</dt><dd>{figure(found.total)}</dd></div>}
          <div><dt>a point for</dt><dd>{written(found.period, "duration")}</dd></div>
        </dl>
      )}
    </section>
  );
}

export function Telemetry({ place }: { place: Place }) {
  const { found, failure } = useAgain<{ metrics: Metric[] }>("/api/telemetry/metrics");
  const now = useNow();
  const words = (place.query.get("find") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  const metrics = found?.metrics ?? [];
  const sought = useMemo(() => metrics
    .filter((each) => words.every((word) => `${each.namespace} ${each.name} ${dimensionsOf(each)}`.toLowerCase().includes(word)))
    .sort((a, b) => Number(b.namespace === "forebay") - Number(a.namespace === "forebay") || a.namespace.localeCompare(b.namespace) || a.name.localeCompare(b.name) || dimensionsOf(a).localeCompare(dimensionsOf(b))), [found, words.join(" ")]);
  const chosen = metrics.find((each) => idOf(each) === place.query.get("metric")) ?? sought.find((each) => each.name.endsWith(".accepted")) ?? sought[0];
  return (
    <div class="page">
      <header class="page-head">
        <div><h1>Metrics</h1><p class="hint">What this system counts, under its own names and AWS's, and what was put with PutMetricData. For Prometheus: <a href="/metrics" target="_blank" rel="noreferrer">/metrics</a></p></div>
      </header>
      {failure && <Problem failure={failure} />}
      {chosen && <Chosen key={idOf(chosen)} metric={chosen} place={place} />}
      {found && !metrics.length && <div class="card"><Empty title="No metrics yet"><p class="hint">They come with the first events.</p></Empty></div>}
      {metrics.length > 0 && (
        <section class="card" aria-label="All metrics">
          <div class="metric-find">
            <label class="field"><span>Find</span><input type="search" value={place.query.get("find") ?? ""} placeholder="delivery lag" onInput={(event) => put(place, { find: event.currentTarget.value })} /></label>
            <span class="hint" role="status">{sought.length === metrics.length ? `${metrics.length} metrics` : `${sought.length} of ${metrics.length} metrics`}{sought.length > SHOWN && `; the first ${SHOWN} are shown`}</span>
          </div>
          <div class="scroll metric-list" tabIndex={0} role="region" aria-label="Metrics">
            <table class="data">
              <caption class="sr">Metrics</caption>
              <thead><tr><th scope="col">metric</th><th scope="col" class="wide-only">namespace</th><th scope="col">last</th></tr></thead>
              <tbody>
                {sought.slice(0, SHOWN).map((each) => {
                  const here = each === chosen;
                  return (
                    <tr key={idOf(each)} class={here ? "here" : ""}>
                      <td><button class="link" aria-current={here ? "true" : undefined} onClick={() => { put(place, { metric: idOf(each), stat: "" }); scrollTo(0, 0); }}>{each.name}</button>{dimensionsOf(each) && <span class="hint"> {dimensionsOf(each)}</span>}</td>
                      <td class="wide-only">{each.namespace}</td><td class="nowrap">{ago(each.last, now)}</td>
                    </tr>
                  );
                })}
              </tbody>
            </table>
          </div>
        </section>
      )}
    </div>
  );
}
