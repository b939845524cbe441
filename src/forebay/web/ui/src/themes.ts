// The server's chart themes (dashboards/theme.py), kept apart so that a page without charts loads none.
export const themes: Record<string, object> = {};
