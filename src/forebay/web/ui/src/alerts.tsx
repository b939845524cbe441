// The alerts: their states and why, what each looks at with its threshold or band, and what happened.
import { count, lasting, written } from "./format";
import { go, useAgain, useNow, type Place } from "./hooks";
import { Icon } from "./icons";
import { Badge, Empty, Problem } from "./parts";
import { Chart } from "./tile";
import type { AlarmShown } from "./types";

interface Alarm extends AlarmShown {
  kind: string; made: boolean; when: string; during: string | null; watches: string; enabled: boolean; actions: string[]; group: string | null;
  quiet: number; reason: string; since: number; band: { low: number; high: number; why: string } | null; learning: number | null;
}
interface Incident { id: string; key: string; since: number; holding: string[]; alarms: string[] }
interface Line { id: number; at: number; item: string; summary: string; data: { newState?: { stateReason?: string }; error?: string } }
interface Found { alarms: Alarm[]; incidents: Incident[]; failing: Record<string, string> }
interface One { alarm: Alarm; chart: { option?: object; why?: string | null; learning?: number | null }; history: Line[] }

const SPANS: [string, number][] = [["1 h", 3600], ["3 h", 10800], ["1 d", 86400], ["7 d", 604800]];
const ORDER = ["ALARM", null, "INSUFFICIENT_DATA", "OK"];

const moment = (at: number) => new Date(at / 1000).toLocaleString();

// In the overview's head: whether something holds.
export function Standing({ alerts }: { alerts: Record<string, { state: string | null; error?: string }> }) {
  const all = Object.values(alerts);
  if (!all.length) return null;
  const holding = all.filter((each) => each.state === "ALARM").length;
  const broken = all.filter((each) => each.error).length;
  const kind = holding ? "bad" : broken ? "unsure" : "good";
  const text = holding ? `${holding} ${holding === 1 ? "alarm" : "alarms"}` : broken ? `${broken} cannot be looked at` : "no alarm";
  return <a class={`badge ${kind}`} href="/alerts" data-alarms={holding}>{text}</a>;
}

function Told({ alarm }: { alarm: Alarm }) {
  if (alarm.error) return <Problem failure={{ code: "Alert", message: alarm.error, fix: "mend what it looks at; it goes on by itself" }} />;
  return <p class="told">{alarm.told ?? (alarm.state === "INSUFFICIENT_DATA" ? "nothing was seen yet" : alarm.reason)}</p>;
}

function Facts({ alarm }: { alarm: Alarm }) {
  const facts: [string, string][] = [["looks at", alarm.watches]];
  if (alarm.kind !== "composite") facts.push(["alarms when", alarm.when]);
  if (alarm.value !== null) facts.push(["now", written(alarm.value)]);
  if (alarm.band) facts.push(["usual now", `${written(alarm.band.low)} to ${written(alarm.band.high)}`]);
  if (alarm.during) facts.push(["during", alarm.during]);
  if (alarm.group) facts.push(["group", alarm.group]);
  if (alarm.actions.length) facts.push(["tells", alarm.actions.join(", ") + (alarm.enabled ? "" : " (disabled)")]);
  return <dl class="alert-facts">{facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>;
}

function Card({ alarm, now }: { alarm: Alarm; now: number }) {
  return (
    <section class="card resource alert" aria-label={alarm.name} data-state={alarm.state ?? "refused"}>
      <h2><a href={`/alerts/${encodeURIComponent(alarm.name)}`}>{alarm.name}</a><span class="state"><Badge state={alarm.state} />{alarm.state && <span class="since">for {lasting(alarm.since, now)}</span>}</span></h2>
      {alarm.description && <p class="hint">{alarm.description}</p>}
      {alarm.state === null ? <Problem failure={{ code: "Alert", message: alarm.error ?? "" }} /> : <><Told alarm={alarm} /><Facts alarm={alarm} /></>}
    </section>
  );
}

function History({ lines }: { lines: Line[] }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="History">
      <table class="data plain alert-history">
        <thead><tr><th scope="col">when</th><th scope="col">what</th><th scope="col">why</th></tr></thead>
        <tbody>{lines.map((each) => <tr key={each.id}><td class="nowrap">{moment(each.at)}</td><td>{each.summary}</td><td class="why">{each.data.newState?.stateReason ?? each.data.error ?? ""}</td></tr>)}</tbody>
      </table>
    </div>
  );
}

function Detail({ name, place }: { name: string; place: Place }) {
  const seconds = Number(place.query.get("seconds") ?? 10800);
  const { found, failure } = useAgain<One>(`/api/alerts/${encodeURIComponent(name)}?seconds=${seconds}`);
  const now = useNow();
  const alarm = found?.alarm;
  return (
    <div class="page">
      <header class="page-head">
        <div><h1><a class="up-link" href="/alerts">Alerts</a> {name}</h1>{alarm?.description && <p class="hint">{alarm.description}</p>}</div>
        {alarm && <div class="controls"><Badge state={alarm.state} />{alarm.state && <span class="hint">since {moment(alarm.since)} ({lasting(alarm.since, now)})</span>}</div>}
      </header>
      {failure && <Problem failure={failure} />}
      {alarm && <section class="card" aria-label="State"><Told alarm={alarm} /><Facts alarm={alarm} /></section>}
      {found?.chart.option && (
        <section class="card" aria-label="Course">
          <p class="row-actions spans">{SPANS.map(([label, each]) => <button key={label} class={`quiet${each === seconds ? " here" : ""}`} aria-pressed={each === seconds} onClick={() => go(`/alerts/${encodeURIComponent(name)}?seconds=${each}`, true)}>{label}</button>)}</p>
          <div class="alert-chart"><Chart option={found.chart.option} format="number" unit="" label={`what ${name} looks at`} /></div>
          {found.chart.why && <p class="hint">The band is what is usual, {found.chart.why}.</p>}
          {typeof found.chart.learning === "number" && !found.chart.why && <p class="hint">Still learning what is usual: {count(found.chart.learning)} values so far, at least 30 are needed.</p>}
        </section>
      )}
      {found && <section class="card" aria-labelledby="h-history"><h2 id="h-history">History</h2>{found.history.length ? <History lines={found.history} /> : <Empty title="Nothing happened yet" />}</section>}
    </div>
  );
}

export function Alerts({ name, place }: { name: string | undefined; place: Place }) {
  return name ? <Detail name={name} place={place} /> : <List />;
}

function List() {
  const { found, failure } = useAgain<Found>("/api/alerts");
  const now = useNow();
  const alarms = [...(found?.alarms ?? [])].sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state) || a.name.localeCompare(b.name));
  return (
    <div class="page">
      <header class="page-head"><h1>Alerts</h1></header>
      {failure && <Problem failure={failure} />}
      {Object.entries(found?.failing ?? {}).map(([target, why]) => <Problem key={target} failure={{ code: "Action", message: `${target} could not be told: ${why}`, fix: "it is tried again by itself" }} />)}
      {found?.incidents.filter((each) => each.alarms.length > 1).map((each) => (
        <p class="card incident" key={each.id}><Icon name="alert" size={16} /><span><b>{each.key.replace(/^(group|alarm):/, "")}</b> lasts for {lasting(each.since, now)}: {each.alarms.join(", ")} are told as one</span></p>
      ))}
      {found && !alarms.length && <div class="card"><Empty title="No alerts"><p class="hint">A condition that tells somebody when it begins to hold, and when it ends: add it under alerts: in forebay.yaml, or make an alarm with CloudWatch.</p></Empty></div>}
      <div class="resource-list">{alarms.map((each) => <Card key={each.name} alarm={each} now={now} />)}</div>
    </div>
  );
}
