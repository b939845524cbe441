import { useEffect, useMemo, useState } from "preact/hooks";
import { failureOf, get } from "./api";
import { go, type Place } from "./hooks";
import { Icon } from "./icons";
import { live, type Link } from "./live";
import { Empty, Findings, Problem } from "./parts";
import { Tile } from "./tile";
import type { Console, Dashboard, Failure, Filter, TileNews } from "./types";

export function DashboardList({ console }: { console: Console }) {
  return (
    <div class="page">
      <header class="page-head"><h1>Dashboards</h1></header>
      {console.dashboards.length === 0 ? (
        <div class="card"><Empty title="No dashboards yet"><p class="hint">A YAML file under <code>dashboards/</code> is one: tiles over queries, live.</p></Empty></div>
      ) : (
        <ul class="board-list">
          {console.dashboards.map((each) => (
            <li key={each.name}>
              <a href={`/dashboards/${each.name}`} class="card board">
                <strong>{each.title}</strong>
                {each.description && <span class="hint">{each.description}</span>}
                <span class="hint">{each.tiles.length} {each.tiles.length === 1 ? "tile" : "tiles"}{each.findings.length ? ` · ${each.findings.length} to mend` : ""}</span>
              </a>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function chosenOf(board: Dashboard, place: Place): { range: string; filters: Record<string, string> } {
  const filters: Record<string, string> = {};
  for (const each of board.filters) {
    const value = place.query.get(`f.${each.name}`) ?? each.default ?? "";
    if (value) filters[each.name] = value;
  }
  return { range: place.query.get("range") ?? board.range, filters };
}

export function DashboardPage({ name, place }: { name: string; place: Place }) {
  const [board, setBoard] = useState<Dashboard | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [tiles, setTiles] = useState<Record<string, TileNews>>({});
  const [again, setAgain] = useState(0);
  const asked = place.query.get("range") ?? "";

  useEffect(() => live.onChanged(() => setAgain((n) => n + 1)), []);
  useEffect(() => {
    let gone = false;
    get<Dashboard>(`/api/dashboards/${encodeURIComponent(name)}${asked ? `?range=${encodeURIComponent(asked)}` : ""}`).then(
      (found) => { if (!gone) { setBoard(found); setFailure(null); document.title = `${found.title} · forebay`; } },
      (error) => { if (!gone) setFailure(failureOf(error)); },
    );
    return () => { gone = true; };
  }, [name, asked, again]);

  const { range, filters } = board && board.name === name ? chosenOf(board, place) : { range: "", filters: {} };
  const key = JSON.stringify([name, range, filters, again]);
  useEffect(() => {
    if (!range) return undefined;
    setTiles({});
    return live.start({
      dashboard: { name, range, filters },
      onTile: (news) => setTiles((old) => ({ ...old, [news.tile]: news.shown ? news : { ...news, shown: old[news.tile]?.shown } })),
      onError: setFailure,
    });
  }, [key]);

  const query = useMemo(() => {
    const made = new URLSearchParams({ range });
    for (const [filter, value] of Object.entries(filters)) made.set(`f.${filter}`, value);
    return made.toString();
  }, [key]);

  if (failure && !board) return <div class="page"><Problem failure={failure} /></div>;
  if (!board || board.name !== name) return <div class="page"><div class="loading big" role="status" aria-label="Loading"><i /><i /><i /></div></div>;

  const change = (what: string, value: string) => {
    const next = new URLSearchParams(place.query);
    if (value) next.set(what, value); else if (board.filters.some((each) => `f.${each.name}` === what && each.default)) next.set(what, ""); else next.delete(what);
    go(`${place.path}?${next}`);
  };
  const ready = Object.values(tiles).some((each) => each.shown?.state === "ok");
  const address = `/api/dashboards/${encodeURIComponent(name)}/tiles/`;
  return (
    <div class="page">
      <header class="page-head">
        <div>
          <h1>{board.title}</h1>
          {board.description && <p class="hint">{board.description}</p>}
        </div>
        <div class="controls" role="group" aria-label="Time range and filters">
          {board.filters.map((each) => <Choice key={each.name} filter={each} board={name} ready={ready} value={filters[each.name] ?? ""} onChange={(value) => change(`f.${each.name}`, value)} />)}
          {board.timed && (
            <label class="field">
              <span>Time</span>
              <select aria-label="Time" value={range} onChange={(event) => change("range", event.currentTarget.value)}>
                {board.ranges.map((each) => <option key={each.text} value={each.text}>{each.label}</option>)}
              </select>
            </label>
          )}
          <LiveButton />
        </div>
      </header>
      {failure && <Problem failure={failure} />}
      <Findings findings={board.findings} />
      <div class="grid">
        {board.tiles.map((each) => <Tile key={each.id} spec={each} news={tiles[each.id]} query={query} address={address + encodeURIComponent(each.id)} />)}
      </div>
    </div>
  );
}

function Choice({ filter, board, ready, value, onChange }: { filter: Filter; board: string; ready: boolean; value: string; onChange: (value: string) => void }) {
  const [options, setOptions] = useState<string[]>(filter.options);
  const ask = () => {
    if (filter.sql) get<{ options: string[] }>(`/api/dashboards/${encodeURIComponent(board)}/filters/${encodeURIComponent(filter.name)}${location.search}`).then((found) => setOptions(found.options), () => undefined);
  };
  useEffect(ask, [board, filter.name, ready]); // what can be chosen comes with the first rows
  const all = value && !options.includes(value) ? [value, ...options] : options;
  if (!all.length && !filter.sql)
    return (
      <label class="field">
        <span>{filter.label}</span>
        <input aria-label={filter.label} value={value} type="search" placeholder="all" onChange={(event) => onChange(event.currentTarget.value)} />
      </label>
    );
  return (
    <label class="field">
      <span>{filter.label}</span>
      <select aria-label={filter.label} value={value} onFocus={ask} onChange={(event) => onChange(event.currentTarget.value)}>
        <option value="">all</option>
        {all.map((each) => <option key={each} value={each}>{each}</option>)}
      </select>
    </label>
  );
}

export function useLink(): Link {
  const [link, set] = useState<Link>(live.link);
  useEffect(() => live.onLink(() => set(live.link)), []);
  return link;
}

export function LiveButton() {
  const link = useLink();
  const paused = live.paused;
  const said = { live: "Live", paused: "Paused", down: "Offline", connecting: "Connecting" }[link];
  return (
    <button class={`pulse ${link}`} onClick={() => live.pause(!paused)} aria-pressed={paused} aria-label={`${said}. ${paused ? "Resume" : "Pause"} live updates`}>
      <i aria-hidden="true" />{said}<Icon name={paused ? "play" : "pause"} size={13} />
    </button>
  );
}
