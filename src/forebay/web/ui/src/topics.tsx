// The topics: who is told what is published, how far each is, and what ails it.
import { useState } from "preact/hooks";
import { failureOf, post } from "./api";
import { count } from "./format";
import { useAgain } from "./hooks";
import { Empty, Problem } from "./parts";
import type { Failure } from "./types";

interface Subscription {
  name: string; id: string; protocol: string; endpoint: string; filter: unknown; pending: boolean; state: string;
  told: number | null; retrying: number; last_error: string | null; counts: Record<string, number> | null;
}
interface Topic { name: string; published: number; fifo: boolean; subscriptions: Subscription[] }

const ENDS = ["accepted", "delivered", "buffered", "dropped", "rejected"] as const;

function Try({ name }: { name: string }) {
  const [said, say] = useState<string | null>(null);
  const [failure, fail] = useState<Failure | null>(null);
  const send = async () => {
    fail(null);
    try {
      const { id } = await (await post(`/api/topics/${encodeURIComponent(name)}/test`, {})).json();
      say(`Published as ${id}`);
    } catch (error) { say(null); fail(failureOf(error)); }
  };
  return (
    <>
      <p class="row-actions"><button class="primary" onClick={send}>Send a test message</button>{said && <span class="hint" role="status">{said}</span>}</p>
      {failure && <Problem failure={failure} />}
    </>
  );
}

function One({ each }: { each: Subscription }) {
  const dot = each.state === "failing" || (each.pending && each.last_error) ? "down" : each.state === "ready" ? "up" : "busy";
  return (
    <li class="subscription">
      <h3><i class={`dot ${dot}`} aria-hidden="true" /><span class="protocol">{each.protocol}</span><span class="endpoint">{each.endpoint}</span><span class="state">{each.pending ? `not confirmed, ${each.state}` : each.state}</span></h3>
      {each.counts && (
        <dl class="counts">
          {ENDS.map((end) => <div key={end} class={each.counts![end] ? "" : "zero"}><dt>{end}</dt><dd>{count(each.counts![end] ?? 0)}</dd></div>)}
        </dl>
      )}
      {(each.filter !== null || each.retrying > 0) && (
        <p class="hint">{each.filter !== null && <>only {JSON.stringify(each.filter)} </>}{each.retrying > 0 && <>{each.retrying} tried again</>}</p>
      )}
      {each.last_error && <Problem failure={{ code: "LastError", message: each.last_error, why: "the last error" }} />}
    </li>
  );
}

export function Topics() {
  const { found, failure } = useAgain<{ topics: Topic[] }>("/api/topics");
  const topics = found?.topics ?? [];
  return (
    <div class="page">
      <header class="page-head"><h1>Topics</h1></header>
      {failure && <Problem failure={failure} />}
      {found && !topics.length && <div class="card"><Empty title="No topics"><p class="hint">A name under which people and services are told: add it under topics: in forebay.yaml, or make it with SNS.</p></Empty></div>}
      <div class="resource-list">
        {topics.map((topic) => (
          <section class="card resource" key={topic.name} aria-label={topic.name}>
            <h2>{topic.name}<span class="state">{count(topic.published)} published{topic.fifo ? ", in order" : ""}</span></h2>
            {topic.subscriptions.length === 0 && <p class="hint">Nobody is subscribed: messages are kept until they expire.</p>}
            <ul class="subscriptions">{topic.subscriptions.map((each) => <One key={each.id} each={each} />)}</ul>
            <Try name={topic.name} />
          </section>
        ))}
      </div>
    </div>
  );
}
