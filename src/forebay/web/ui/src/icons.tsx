const paths = {
  overview: "M3 12l4-5 4 6 3-4 3 3 M3 20h18",
  dashboards: "M4 4h7v9H4z M13 4h7v5h-7z M13 11h7v9h-7z M4 15h7v5H4z",
  query: "M4 6h16 M4 12h10 M4 18h7 M16 15l4 3-4 3",
  streams: "M3 7c3 0 3 2 6 2s3-2 6-2 3 2 6 2 M3 12c3 0 3 2 6 2s3-2 6-2 3 2 6 2 M3 17c3 0 3 2 6 2s3-2 6-2 3 2 6 2",
  delivery: "M4 8l8-4 8 4v8l-8 4-8-4z M4 8l8 4 8-4 M12 12v8",
  functions: "M8 5c-3 0-3 3-3 5 0 1-1 2-2 2 1 0 2 1 2 2 0 2 0 5 3 5 M16 5c3 0 3 3 3 5 0 1 1 2 2 2-1 0-2 1-2 2 0 2 0 5-3 5",
  table: "M4 5h16v14H4z M4 10h16 M4 15h16 M10 5v14",
  topics: "M4 10v4h3l7 4V6l-7 4z M17 9c1.5 1.5 1.5 4.5 0 6 M19.5 6.5c3 3 3 8 0 11",
  logs: "M5 4h14v16H5z M8 8h8 M8 12h8 M8 16h5",
  chart: "M4 20V10 M10 20V4 M16 20v-7 M21 20H3",
  download: "M12 4v11 M7 11l5 5 5-5 M5 20h14",
  pause: "M8 5v14 M16 5v14",
  play: "M7 4l12 8-12 8z",
  sun: "M12 8a4 4 0 100 8 4 4 0 000-8z M12 2v2 M12 20v2 M4.9 4.9l1.4 1.4 M17.7 17.7l1.4 1.4 M2 12h2 M20 12h2 M4.9 19.1l1.4-1.4 M17.7 6.3l1.4-1.4",
  moon: "M20 14.5A8 8 0 119.5 4a6.5 6.5 0 0010.5 10.5z",
  auto: "M12 3a9 9 0 100 18 9 9 0 000-18z M12 3v18 M12 7h6 M12 12h9 M12 17h6",
  copy: "M9 9h11v11H9z M5 15H4V4h11v1",
  check: "M5 13l4 4L19 7",
  alert: "M12 4l9 16H3z M12 10v4 M12 17v.5",
  menu: "M4 6h16 M4 12h16 M4 18h16",
  code: "M8 7l-5 5 5 5 M16 7l5 5-5 5",
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={paths[name]} fill={name === "play" ? "currentColor" : "none"} stroke="currentColor" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}
