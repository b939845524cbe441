// A tile of alarms: the state of each, what was last said of it, and for how long that has been so.
import { lasting } from "./format";
import { useNow } from "./hooks";
import { Badge } from "./parts";
import type { AlarmShown } from "./types";

export function AlarmTile({ alarms, title }: { alarms: AlarmShown[]; title: string }) {
  const now = useNow();
  const holding = alarms.filter((each) => each.state === "ALARM").length;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={title} data-alarms={holding}>
      <ul class="alarm-list">
        {alarms.map((each) => (
          <li key={each.name} data-alarm={each.name} data-state={each.state ?? "refused"} title={each.description ?? ""}>
            <Badge state={each.state} />
            <a href={`/alerts/${encodeURIComponent(each.name)}`}>{each.name}</a>
            {each.since !== null && <span class="since">{lasting(each.since, now)}</span>}
            <p>{each.error ?? each.told ?? (each.state === "INSUFFICIENT_DATA" ? "nothing was seen yet" : each.description ?? each.reason ?? "")}</p>
          </li>
        ))}
      </ul>
    </div>
  );
}
