import { useEffect, useRef, useState } from "preact/hooks";
import { AlarmTile } from "./alarmtile";
import { failureOf, get } from "./api";
import type { Drawn } from "./charts";
import { ago, duration } from "./format";
import { useNow, useScheme } from "./hooks";
import { Icon } from "./icons";
import { DataTable, Empty, Problem, Prose } from "./parts";
import type { Answer, Failure, NumberShown, Tile as Spec, TileNews } from "./types";

const charts = () => import("./charts");

export function Chart({ option, format, unit, label }: { option: object; format: string; unit: string; label: string }) {
  const box = useRef<HTMLDivElement>(null);
  const drawn = useRef<Drawn | null>(null);
  const newest = useRef({ option, format, unit });
  newest.current = { option, format, unit };
  const { scheme } = useScheme();

  useEffect(() => {
    let gone = false;
    void charts().then(({ chart }) => {
      if (gone || !box.current) return;
      drawn.current = chart(box.current, scheme);
      drawn.current.draw(newest.current.option, newest.current.format, newest.current.unit);
    });
    return () => { gone = true; drawn.current?.close(); drawn.current = null; };
  }, [scheme]);
  useEffect(() => { drawn.current?.draw(option, format, unit); }, [option, format, unit]);
  return <div ref={box} class="chart" role="img" aria-label={label} />;
}

function Number_({ shown, label }: { shown: NumberShown; label: string }) {
  const change = shown.before?.change;
  const compared = { previous: "the time before", day: "the day before", week: "a week before" }[label] ?? "";
  return (
    <div class={`number${shown.spark ? " sparked" : ""}`}>
      <p class="number-value" data-value={shown.value ?? ""}>{shown.text}</p>
      {shown.before && (
        <p class="number-before">
          {change !== undefined && <b>{change >= 0 ? "▲" : "▼"} {Math.abs(change) >= 10 ? "×" + (Math.abs(change) + 1).toFixed(0) : `${(Math.abs(change) * 100).toFixed(Math.abs(change) < 0.1 ? 1 : 0)} %`}</b>}
          <span> {shown.before.value === null ? `nothing ${compared}` : `${shown.before.text} ${compared}`}</span>
        </p>
      )}
      {shown.spark && <div class="spark"><Chart option={shown.spark} format="number" unit="" label="course over time" /></div>}
    </div>
  );
}

function Freshness({ news }: { news: TileNews }) {
  const now = useNow();
  const at = news.changed_at;
  const recent = at !== null && now - at / 1000 < 5000;
  return (
    <span class={`fresh${recent ? " recent" : ""}`} title={at === null ? "the data has not changed while you watched" : "when the data last changed"}>
      <i aria-hidden="true" />{at === null ? "up to date" : ago(at, now)}
    </span>
  );
}

export function Tile({ spec, news, query, address }: { spec: Spec; news: TileNews | undefined; query: string; address: string }) {
  const [asTable, setAsTable] = useState(false);
  const [sqlOpen, setSqlOpen] = useState(false);
  const shown = news?.shown;
  const heading = `tile-${spec.id}`;
  const size = `tile w${spec.width} k-${spec.kind}`;

  if (spec.kind === "text")
    return (
      <section class={`${size} text-tile`} aria-label={spec.title || "Text"}>
        {spec.title && <h2>{spec.title}</h2>}
        <Prose text={spec.text} />
      </section>
    );
  const failed = shown?.state === "error" ? shown.error : undefined;
  return (
    <section class={size} style={{ "--rows": spec.height }} aria-labelledby={heading} data-tile={spec.id} data-rev={news?.rev ?? 0}>
      <header class="tile-head">
        <h2 id={heading} title={spec.description}>{spec.title || spec.id}</h2>
        <div class="tile-tools">
          {spec.sql && <button class="quiet" onClick={() => setSqlOpen(!sqlOpen)} aria-pressed={sqlOpen} aria-label={`SQL of ${spec.title}`} title="Show the SQL"><Icon name="code" size={15} /></button>}
          {spec.kind !== "table" && (
            <button class="quiet" onClick={() => setAsTable(!asTable)} aria-pressed={asTable} aria-label={`${spec.title} as ${asTable ? "chart" : "table"}`} title={asTable ? "View as chart" : "View as table"}>
              <Icon name={asTable ? "chart" : "table"} size={15} />
            </button>
          )}
          <a class="quiet button" href={`${address}.csv?${query}`} download aria-label={`Download ${spec.title} as CSV`} title="Download CSV"><Icon name="download" size={15} /></a>
        </div>
      </header>
      {spec.description && <p class="tile-about">{spec.description}</p>}
      <div class="tile-body">
        {sqlOpen ? <pre class="sql" tabIndex={0}>{spec.sql}</pre>
          : failed ? <Problem failure={failed} sql={failed.line ? spec.sql : undefined} />
          : !shown ? <div class="loading" role="status" aria-label="Loading"><i /><i /><i /></div>
          : shown.waits ? <Waiting waits={shown.waits} small={spec.kind === "number"} />
          : asTable ? <AsTable address={address} query={query} rev={news?.rev ?? 0} title={spec.title} />
          : shown.number && shown.state === "ok" ? <Number_ shown={shown.number} label={spec.compare ?? ""} />
          : shown.alarms ? (shown.alarms.length ? <AlarmTile alarms={shown.alarms} title={spec.title} /> : <Empty title="No alarm is in such a state" />)
          : shown.state === "empty" && !(spec.kind === "number") ? <Empty title="No rows in this range" />
          : shown.number ? <Number_ shown={shown.number} label={spec.compare ?? ""} />
          : shown.table ? <DataTable table={shown.table} caption={spec.title} />
          : shown.option ? <Chart option={shown.option} format={spec.format} unit={spec.unit} label={`${spec.title}, ${spec.kind} chart`} /> : null}
      </div>
      <footer class="tile-foot">
        {news && <Freshness news={news} />}
        <span title="the timezone of this tile's days and times">{spec.timezone}</span>
        {shown?.note && <span>{shown.note}</span>}
        {news && news.interval >= 1.5 && <span title={`its query costs ${news.cost_ms} ms, so it waits`}>every {duration(Math.round(news.interval * 10) / 10)}</span>}
      </footer>
    </section>
  );
}

function Waiting({ waits, small }: { waits: { table: string; crawler: string; place: string }; small: boolean }) {
  const why = `The crawler ${waits.crawler} makes the table ${waits.table} once there are files in ${waits.place}`;
  if (small) return <div class="number" title={why}><p class="number-value">–</p></div>;
  return <Empty title="Nothing here yet"><p class="hint">{why}</p></Empty>;
}

function AsTable({ address, query, rev, title }: { address: string; query: string; rev: number; title: string }) {
  const [table, setTable] = useState<Answer | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  useEffect(() => {
    let gone = false;
    get<Answer>(`${address}.json?${query}`).then(
      (found) => { if (!gone) { setTable(found); setFailure(null); } },
      (error) => { if (!gone) setFailure(failureOf(error)); },
    );
    return () => { gone = true; };
  }, [address, query, rev]);
  if (failure) return <Problem failure={failure} />;
  return table ? <DataTable table={table} caption={`${title} as a table`} /> : null;
}
