// Numbers and times as people read them. `written` says the same as dashboards/values.py.

function scaled(value: number, base: number, units: string[]): string {
  let size = Math.abs(value), power = 0;
  while (size >= base && power < units.length - 1) { size /= base; power += 1; }
  const sign = value < 0 ? "-" : "";
  return `${sign}${Number(size.toPrecision(3))} ${units[power]}`.trimEnd();
}

const plain = (value: number, digits: number) =>
  value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });

export function written(value: number | null | undefined, how = "number", unit = ""): string {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const tail = unit ? ` ${unit}` : "";
  if (how === "percent") return `${plain(value * 100, Math.abs(value) >= 0.995 || value === 0 ? 0 : 1)} %`;
  if (how === "duration") return duration(value);
  if (how === "bytes") return scaled(value, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]);
  if (how.startsWith("money:")) return `${plain(value, 2)} ${how.slice(6)}`;
  if (how === "compact" && Math.abs(value) >= 1000) return scaled(value, 1000, ["", "K", "M", "B", "T"]) + tail;
  const digits = how === "integer" || Number.isInteger(value) ? 0 : Math.abs(value) < 100 ? 2 : 1;
  return plain(value, digits) + tail;
}

// On an axis, where room is short.
export function short(value: number, how: string, unit: string): string {
  if (how === "number" || how === "integer" || how === "compact")
    return (Math.abs(value) >= 10_000 ? scaled(value, 1000, ["", "K", "M", "B", "T"]).replace(" ", "") : written(value)) + (unit ? ` ${unit}` : "");
  return how.startsWith("money:") ? scaled(value, 1000, ["", "K", "M", "B"]).replace(" ", "") : written(value, how, unit);
}

export function duration(seconds: number): string {
  const sign = seconds < 0 ? "-" : "", rest = Math.abs(seconds);
  if (rest < 1) return rest ? `${sign}${Math.round(rest * 1000)} ms` : "0 s";
  if (rest < 60) return `${sign}${Number(rest.toPrecision(3))} s`;
  const whole = Math.round(rest);
  const [size, big, small, next] = whole < 3600 ? [60, "min", "s", 1] as const
    : whole < 86400 ? [3600, "h", "min", 60] as const : [86400, "d", "h", 3600] as const;
  const left = Math.floor((whole % size) / next);
  return `${sign}${Math.floor(whole / size)} ${big}${left ? ` ${left} ${small}` : ""}`;
}

// Events a second: a digit after the point only where it says something.
export const perSecond = (value: number) => (value > 0 && value < 10 ? value.toFixed(1) : count(Math.round(value)));

export const count = (value: number | undefined) => (value ?? 0).toLocaleString("en-US");

// How long it has been so, from UTC microseconds.
export const lasting = (us: number, now: number) => duration(Math.max(1, Math.round((now - us / 1000) / 1000)));

// "3 s ago", from UTC microseconds.
export function ago(us: number, now: number): string {
  const seconds = Math.max(0, Math.round((now - us / 1000) / 1000));
  if (seconds < 2) return "just now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}
