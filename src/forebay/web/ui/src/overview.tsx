import { useEffect, useRef, useState } from "preact/hooks";
import { Standing } from "./alerts";
import { LiveButton } from "./dashboard";
import { Flow } from "./flow";
import { count, perSecond } from "./format";
import { Icon } from "./icons";
import { live } from "./live";
import { Copy, Empty, Problem } from "./parts";
import type { Console, Counts, Failure, Status } from "./types";

const ENDS = ["delivered", "dropped", "rejected", "expired", "erased", "buffered"] as const;
const SAID: Record<string, string> = {
  accepted: "events that were acknowledged, each on disk",
  delivered: "in the lake", dropped: "discarded on purpose by your function, filter or rule",
  rejected: "under the error prefix, with reason and original bytes", expired: "past the retention of a log nobody subscribes to",
  erased: "removed on a person's request", buffered: "accepted and not yet at their end",
};

interface Moment { at: number; accepted: number; subscriptions: Record<string, number> }

export function useStatus(): { status: Status | null; failure: Failure | null; history: Moment[] } {
  const [status, setStatus] = useState<Status | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const history = useRef<Moment[]>([]);
  useEffect(() => live.start({
    onStatus: (found, at) => {
      const subscriptions: Record<string, number> = {};
      for (const [name, counts] of Object.entries(found.ledger ?? {})) subscriptions[name] = counts.accepted;
      for (const [name, stream] of Object.entries(found.streams ?? {})) subscriptions[`streams.${name}`] = stream.accepted;
      const moment = { at, accepted: found.ledger?.total?.accepted ?? 0, subscriptions };
      const last = history.current.at(-1);
      if (last && moment.accepted < last.accepted) history.current = [];
      history.current = [...history.current, moment].filter((each) => at - each.at < 125e6);
      setStatus(found);
      setFailure(null);
    },
    onStatusError: setFailure,
  }), []);
  return { status, failure, history: history.current };
}

export function rate(history: Moment[], name: string): number {
  const last = history.at(-1);
  const first = history.find((each) => last && last.at - each.at <= 5.5e6);
  if (!first || !last || first === last) return 0;
  return Math.max(0, ((last.subscriptions[name] ?? 0) - (first.subscriptions[name] ?? 0)) / ((last.at - first.at) / 1e6));
}

function Course({ history }: { history: Moment[] }) {
  const rates = history.slice(1).map((each, at) => {
    const before = history[at]!;
    return { at: each.at, rate: Math.max(0, (each.accepted - before.accepted) / Math.max(0.2, (each.at - before.at) / 1e6)) };
  });
  const newest = rates.at(-1)?.at ?? 0;
  const span = Math.min(120e6, Math.max(20e6, newest - (rates[0]?.at ?? newest)));
  const top = Math.max(1, ...rates.map((each) => each.rate));
  const points = rates.map((each) => `${(240 - ((newest - each.at) / span) * 240).toFixed(1)},${(46 - (each.rate / top) * 42).toFixed(1)}`);
  return (
    <svg class="course" viewBox="0 0 240 48" preserveAspectRatio="none" role="img" aria-label="Events a second over the last two minutes">
      {points.length > 1 && <><polygon points={`${points[0]?.split(",")[0]},48 ${points.join(" ")} 240,48`} /><polyline points={points.join(" ")} /></>}
    </svg>
  );
}

function Equation({ total }: { total: Counts }) {
  const sum = ENDS.reduce((all, each) => all + (total[each] ?? 0), 0);
  const whole = Math.max(1, total.accepted);
  const right = sum === total.accepted && total.adds_up !== false;
  return (
    <>
      <div class="equation" role="group" aria-label={`${count(total.accepted)} accepted, ${count(sum)} accounted for`}>
        <div class="term whole" title={SAID.accepted}><b>{count(total.accepted)}</b><span>accepted</span></div>
        <span class="sign" aria-hidden="true">=</span>
        {ENDS.map((each, at) => (
          <>
            {at > 0 && <span class="sign plus" aria-hidden="true">+</span>}
            <div class={`term t-${each}${total[each] ? "" : " zero"}`} title={SAID[each]} key={each}><b>{count(total[each])}</b><span><i aria-hidden="true" />{each}</span></div>
          </>
        ))}
      </div>
      <div class="bar" aria-hidden="true">
        {ENDS.map((each) => total[each] ? <i key={each} class={`t-${each}`} style={{ width: `${(total[each] / whole) * 100}%` }} /> : null)}
      </div>
      <p class={`sum ${right ? "right" : "wrong"}`}>
        <Icon name={right ? "check" : "alert"} size={15} />
        {right ? "The sum is right: every accepted event has its end." : `The sum is off by ${count(Math.abs(total.accepted - sum))}. If that stays so, it is a fault of forebay; please report it.`}
      </p>
    </>
  );
}

export function Overview({ console }: { console: Console }) {
  const { status, failure, history } = useStatus();
  const ledger = status?.ledger ?? {};
  const total = ledger.total;
  const subscriptions = Object.entries(ledger).filter(([name]) => name !== "total");
  const doors = Object.entries(status?.doors ?? {});
  const now = rate(history, "total");
  const busy = new Set<string>();
  if (now > 0)
    for (const node of console.graph.nodes)
      if (["ingest", "bus", "streams", "delivery", "functions", "simulate", "lake"].includes(node.noun)) busy.add(node.id);
  const detail = (id: string) => {
    const counts = ledger[id];
    const door = status?.doors?.[id];
    if (counts) return counts.lag ? `${count(counts.lag)} behind` : `${count(counts.accepted)} ${counts.accepted === 1 ? "event" : "events"}`;
    return door ? `${count(door.accepted)} accepted` : "";
  };
  return (
    <div class="page">
      <header class="page-head">
        <div><h1>{console.name}</h1>{console.description && <p class="hint">{console.description}</p>}</div>
        <div class="controls"><Standing alerts={status?.flow?.alerts ?? {}} /><LiveButton /></div>
      </header>
      {failure && <Problem failure={failure} />}
      {[...(status?.problems ?? []), ...(status?.flow?.error ? [status.flow.error] : []), ...(status?.flow?.trouble ? [{ code: "Catalog", message: status.flow.trouble }] : [])].map((each, at) => (
        <Problem key={at} failure={{ ...each, where: each.where ?? (each as { about?: string }).about }} />
      ))}
      {total && total.accepted === 0 && (console.first || subscriptions.length > 0) && <First first={console.first} url={status?.urls?.ingest} />}
      <div class="overview">
        <section class="card ledger" aria-labelledby="h-ledger">
          <h2 id="h-ledger">Ledger</h2>
          {total ? <Equation total={total} /> : <div class="loading" role="status" aria-label="Loading"><i /><i /><i /></div>}
        </section>
        <section class="card rates" aria-labelledby="h-rate">
          <h2 id="h-rate">Events a second</h2>
          <p class="number-value">{perSecond(now)}</p>
          <Course history={history} />
        </section>
      </div>
      {console.graph.edges.length > 0 && (
        <section class="card" aria-labelledby="h-flow">
          <h2 id="h-flow">Flow</h2>
          <Flow graph={console.graph} busy={busy} state={detail} />
        </section>
      )}
      <section class="card" aria-labelledby="h-subs">
        <h2 id="h-subs">Subscriptions</h2>
        {subscriptions.length ? (
          <div class="scroll" tabIndex={0} role="region" aria-label="Subscriptions">
            <table class="data plain">
              <thead><tr><th scope="col">name</th><th scope="col" class="num">accepted</th>{ENDS.map((each) => <th key={each} scope="col" class="num">{each}</th>)}<th scope="col" class="num">lag</th></tr></thead>
              <tbody>
                {subscriptions.map(([name, each]) => (
                  <tr key={name}><th scope="row">{name}</th><td class="num">{count(each.accepted)}</td>{ENDS.map((end) => <td key={end} class={`num${each[end] ? "" : " dim"}`}>{count(each[end])}</td>)}<td class={`num${each.lag ? "" : " dim"}`}>{count(each.lag)}</td></tr>
                ))}
              </tbody>
            </table>
          </div>
        ) : <Empty title="Nothing subscribes yet" />}
      </section>
      <div class="overview thirds">
        <section class="card" aria-labelledby="h-doors">
          <h2 id="h-doors">Doors</h2>
          {doors.length ? (
            <div class="scroll" tabIndex={0} role="region" aria-label="Doors">
              <table class="data plain">
                <thead><tr><th scope="col">door</th><th scope="col" class="num">accepted</th><th scope="col" class="num">duplicate</th><th scope="col" class="num">refused</th></tr></thead>
                <tbody>{doors.map(([name, each]) => <tr key={name}><th scope="row">{name}</th><td class="num">{count(each.accepted)}</td><td class={`num${each.duplicate ? "" : " dim"}`}>{count(each.duplicate)}</td><td class={`num${each.refused ? "" : " dim"}`}>{count(each.refused)}</td></tr>)}</tbody>
              </table>
            </div>
          ) : <Empty title="No routes"><p class="hint">Events come by other ways: over AWS's wire, from generators, or as files. A route is added under ingest: in forebay.yaml.</p></Empty>}
        </section>
        <section class="card" aria-labelledby="h-processes">
          <h2 id="h-processes">Processes</h2>
          <table class="data plain">
            <thead><tr><th scope="col">role</th><th scope="col" class="num">pid</th><th scope="col" class="num">restarts</th></tr></thead>
            <tbody>{(status?.processes ?? []).map((each) => <tr key={`${each.role}${each.pid}`}><th scope="row"><i class={`dot ${each.pid ? "up" : "down"}`} aria-label={each.pid ? "up" : "down"} />{each.role}</th><td class="num">{each.pid ?? "–"}</td><td class={`num${each.restarts ? "" : " dim"}`}>{each.restarts ?? 0}</td></tr>)}</tbody>
          </table>
        </section>
        <section class="card" aria-labelledby="h-urls">
          <h2 id="h-urls">Addresses</h2>
          <dl class="urls">
            {Object.entries(status?.urls ?? {}).map(([name, url]) => <><dt key={name}>{name}</dt><dd><code>{url}</code><Copy text={url} /></dd></>)}
          </dl>
          <p class="hint">Days begin at {console.day_starts} in {console.timezone}.</p>
        </section>
      </div>
    </div>
  );
}

function First({ first, url }: { first: Console["first"]; url: string | undefined }) {
  const key = first?.key ? " -H 'x-api-key: YOUR_KEY'" : "";
  const curl = first ? `curl -X POST ${url ?? "http://127.0.0.1:8000"}${first.path}${key} -H 'content-type: application/json' -d '${first.body.replaceAll("'", "'\\''")}'` : "";
  return (
    <section class="card first" aria-label="Send the first event">
      <Empty title="No events yet">
        {first ? <><p class="hint">Send one, and see it here within a second{first.key && <> (the key comes from <code>forebay keys create</code>)</>}:</p><p class="command"><code>{curl}</code><Copy text={curl} /></p></>
          : <p class="hint">The project has no route to post to.</p>}
      </Empty>
    </section>
  );
}
