import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Alerts } from "./alerts";
import { failureOf, get } from "./api";
import { DashboardList, DashboardPage, useLink } from "./dashboard";
import { choose, go, useScheme, usePlace, type Choice, type Place } from "./hooks";
import { Icon, type IconName } from "./icons";
import { KeyValue } from "./keyvalue";
import { live } from "./live";
import { Logs } from "./logs";
import { Overview } from "./overview";
import { Problem } from "./parts";
import { QueryPage } from "./query";
import { Resources } from "./resources";
import { Telemetry } from "./telemetry";
import { themes } from "./themes";
import { Topics } from "./topics";
import type { Console, Failure } from "./types";
import "./style.css";

const PAGES: { path: string; label: string; icon: IconName }[] = [
  { path: "/", label: "Overview", icon: "overview" },
  { path: "/dashboards", label: "Dashboards", icon: "dashboards" },
  { path: "/query", label: "Query", icon: "query" },
  { path: "/streams", label: "Streams", icon: "streams" },
  { path: "/deliveries", label: "Deliveries", icon: "delivery" },
  { path: "/functions", label: "Functions", icon: "functions" },
  { path: "/keyvalue", label: "Key-value", icon: "table" },
  { path: "/alerts", label: "Alerts", icon: "alert" },
  { path: "/topics", label: "Topics", icon: "topics" },
  { path: "/telemetry", label: "Metrics", icon: "chart" },
  { path: "/logs", label: "Logs", icon: "logs" },
];

function Page({ place, console }: { place: Place; console: Console }) {
  const [, first, name] = place.path.split("/").map(decodeURIComponent);
  if (!first) return <Overview console={console} />;
  if (first === "dashboards") return name ? <DashboardPage key={name} name={name} place={place} /> : <DashboardList console={console} />;
  if (first === "query") return <QueryPage console={console} />;
  if (first === "streams" || first === "deliveries" || first === "functions") return <Resources kind={first} console={console} />;
  if (first === "keyvalue") return <KeyValue name={name} />;
  if (first === "alerts") return <Alerts name={name} place={place} />;
  if (first === "topics") return <Topics />;
  if (first === "telemetry") return <Telemetry place={place} />;
  if (first === "logs") return <Logs />;
  return <div class="page"><header class="page-head"><h1>No such page</h1></header><p><a href="/">To the overview</a></p></div>;
}

function Theme() {
  const { choice } = useScheme();
  const next: Record<Choice, Choice> = { auto: "light", light: "dark", dark: "auto" };
  const said = { auto: "as the system", light: "light", dark: "dark" }[choice];
  return (
    <button class="quiet theme" onClick={() => choose(next[choice])} aria-label={`Colours: ${said}. Change`} title={`Colours: ${said}`}>
      <Icon name={choice === "auto" ? "auto" : choice === "light" ? "sun" : "moon"} /><span>{choice === "auto" ? "Auto" : choice === "light" ? "Light" : "Dark"}</span>
    </button>
  );
}

function App() {
  const place = usePlace();
  const link = useLink();
  const [console, setConsole] = useState<Console | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [open, setOpen] = useState(false);
  const [again, setAgain] = useState(0);

  useEffect(() => live.onChanged(() => setAgain((n) => n + 1)), []);
  useEffect(() => { if (link === "live" && failure) setAgain((n) => n + 1); }, [link]);
  useEffect(() => {
    get<Console>("/api/console").then((found) => {
      Object.assign(themes, found.themes);
      setConsole(found);
      setFailure(null);
    }, (error) => setFailure(failureOf(error)));
  }, [again]);
  useEffect(() => {
    const found = PAGES.find((each) => each.path === place.path);
    if (found) document.title = `${found.label} · forebay`;
    setOpen(false);
  }, [place.path]);
  useEffect(() => {
    // Links within the console change the page without loading it.
    const click = (event: MouseEvent) => {
      const link = (event.target as Element).closest?.("a");
      if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
      if (link.origin !== location.origin || link.hasAttribute("download") || link.target || link.pathname.startsWith("/api/")) return;
      event.preventDefault();
      go(link.pathname + link.search);
      scrollTo(0, 0);
    };
    addEventListener("click", click);
    return () => removeEventListener("click", click);
  }, []);

  return (
    <div class={`shell${open ? " open" : ""}`}>
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById("main")?.focus(); }}>To the content</a>
      <header class="top">
        <a class="brand" href="/"><img src="/favicon.svg" alt="" width="26" height="26" /><span>{console?.name ?? "forebay"}</span></a>
        <button class="quiet menu" onClick={() => setOpen(!open)} aria-expanded={open} aria-controls="nav" aria-label="Pages menu"><Icon name="menu" /></button>
      </header>
      <nav id="nav" aria-label="Pages">
        {PAGES.map((each) => {
          const here = each.path === "/" ? place.path === "/" : place.path.startsWith(each.path) && !console?.dashboards.some((board) => place.path === `/dashboards/${board.name}`);
          return (
            <div key={each.path}>
              <a href={each.path} class={here ? "here" : ""} aria-current={here ? "page" : undefined}><Icon name={each.icon} /><span>{each.label}</span></a>
              {each.path === "/dashboards" && console?.dashboards.map((board) => (
                <a key={board.name} href={`/dashboards/${board.name}`} class={`sub${place.path === `/dashboards/${board.name}` ? " here" : ""}`}><span>{board.title}</span></a>
              ))}
            </div>
          );
        })}
        <div class="nav-foot">
          <Theme />
          <span class="version">forebay {console?.version}</span>
        </div>
      </nav>
      <main id="main" tabIndex={-1}>
        {link === "down" && <p class="banner" role="status"><Icon name="alert" size={16} /> forebay does not answer. What is shown may be old; this page goes on by itself when it is back.</p>}
        {console ? <Page place={place} console={console} /> : failure ? <div class="page"><Problem failure={failure} /></div> : null}
      </main>
    </div>
  );
}

render(<App />, document.getElementById("app")!);
