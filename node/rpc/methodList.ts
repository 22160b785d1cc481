import type { Method, Methods } from "./method.ts";

/** The page at / : every method with its arguments, as CometBFT lists them. */
export function methodList(methods: Methods, host: string): string {
  const named = Object.entries(methods).sort(([a], [b]) => (a < b ? -1 : 1));
  const link = (path: string) => {
    const address = `//${escapeHtml(host)}/${path}`;
    return `<a href="${address}">${address}</a></br>`;
  };
  const withArguments = (name: string, { args }: Method) =>
    link(
      `${name}?${Object.keys(args)
        .map((argument) => `${argument}=_`)
        .join("&")}`,
    );
  // CometBFT counts the context of a call as an argument, so that no method is without one.
  const links = named.map(([name, method]) => withArguments(name, method)).join("");
  return `<html><body><br>Available endpoints:<br><br>Endpoints that require arguments:<br>${links}</body></html>`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
