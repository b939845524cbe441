// CodeMirror, loaded when the query page is first seen. It lives in a shadow root: there its styles are
// constructed style sheets, which the page's policy (no inline styles) allows.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { sql, StandardSQL } from "@codemirror/lang-sql";
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { EditorState, Prec } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import type { Scheme } from "./hooks";

export interface Editor { set(text: string): void; close(): void }

function look(scheme: Scheme) {
  const dark = scheme === "dark";
  const ink = dark ? "#e8eaed" : "#1b2027", soft = dark ? "#8b94a1" : "#747d8a";
  const style = HighlightStyle.define([
    { tag: [tags.keyword, tags.operatorKeyword], color: dark ? "#7fb3f5" : "#1f5fb8", fontWeight: "600" },
    { tag: [tags.string, tags.special(tags.string)], color: dark ? "#5fc7a0" : "#0f7554" },
    { tag: [tags.number, tags.bool, tags.null], color: dark ? "#e2a36a" : "#a84d10" },
    { tag: [tags.lineComment, tags.blockComment], color: soft, fontStyle: "italic" },
    { tag: [tags.typeName, tags.standard(tags.name)], color: dark ? "#bcb0f5" : "#5340b3" },
  ]);
  const frame = EditorView.theme({
    "&": { color: ink, backgroundColor: "transparent", fontSize: "14px" },
    ".cm-content": { fontFamily: "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace", padding: "12px 0", minHeight: "132px", caretColor: ink },
    ".cm-gutters": { backgroundColor: "transparent", color: soft, border: "none", paddingLeft: "6px" },
    ".cm-activeLine": { backgroundColor: dark ? "#ffffff08" : "#0000000a" },
    "&.cm-focused": { outline: "none" },
    ".cm-cursor": { borderLeftColor: ink },
    "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { background: dark ? "#31506f" : "#cfe2f8" },
    ".cm-scroller": { maxHeight: "46vh", overflow: "auto" },
    ".cm-tooltip": { backgroundColor: dark ? "#22262d" : "#ffffff", color: ink, border: `1px solid ${dark ? "#39404a" : "#d9dde3"}`, borderRadius: "6px" },
    ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: dark ? "#2b5a8c" : "#dbe9fb", color: ink },
  }, { dark });
  return [frame, syntaxHighlighting(style)];
}

export function edit(host: HTMLElement, text: string, scheme: Scheme, tables: string[], changed: (text: string) => void, run: () => void): Editor {
  const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  const schema = Object.fromEntries(tables.map((each) => [each, []]));
  const view = new EditorView({
    root,
    parent: root,
    state: EditorState.create({
      doc: text,
      extensions: [
        Prec.highest(keymap.of([{ key: "Mod-Enter", run: () => { run(); return true; } }])),
        lineNumbers(), history(), drawSelection(), indentOnInput(), bracketMatching(), closeBrackets(), autocompletion(), highlightActiveLine(),
        sql({ dialect: StandardSQL, schema, upperCaseKeywords: true }),
        keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...completionKeymap, indentWithTab]),
        EditorView.contentAttributes.of({ "aria-label": "SQL" }),
        EditorView.lineWrapping,
        EditorView.updateListener.of((update) => { if (update.docChanged) changed(update.state.doc.toString()); }),
        ...look(scheme),
      ],
    }),
  });
  return {
    set: (next) => view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: next } }),
    close: () => view.destroy(),
  };
}
