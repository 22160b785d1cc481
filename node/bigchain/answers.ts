import { STATUS_CODES } from "node:http";

/** An answer before it is written. A list is written while it is read, so that no answer is held as a whole. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | AsyncIterable<string>;
}

const JSON_TYPE = "application/json";

/** What Werkzeug answers for a path that is none. */
const NOT_FOUND_PAGE = `<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN">
<title>404 Not Found</title>
<h1>Not Found</h1>
<p>The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again.</p>
`;

/** The reason phrase as the real server writes it: clients compare `404 NOT FOUND`. */
export function reasonPhrase(status: number): string {
  return (STATUS_CODES[status] ?? "UNKNOWN").toUpperCase();
}

export function jsonAnswer(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, contentType: JSON_TYPE, headers, body: `${JSON.stringify(value)}\n` };
}

/** A list whose items are JSON already. */
export function listAnswer(items: AsyncIterable<string>): Answer {
  return { status: 200, contentType: JSON_TYPE, body: jsonList(items) };
}

/**
 * The first of the real server's two shapes of an error (its make_error): `{"message": …, "status": …}`. `cause` is ours: BigchainDB's class of the error, or
 * this ledger's code, for programs.
 */
export function errorAnswer(status: number, message: string, cause?: string): Answer {
  return jsonAnswer(status, { message, status, ...(cause === undefined ? {} : { cause }) });
}

/** The second shape (flask-restful): the message alone, by argument where one is wrong. */
export function abortAnswer(status: number, message: string | Readonly<Record<string, string>>): Answer {
  return jsonAnswer(status, { message });
}

export function notFoundAnswer(): Answer {
  return errorAnswer(404, "Not found");
}

/** For a path that no route has. */
export function notFoundPage(): Answer {
  return { status: 404, contentType: "text/html", body: NOT_FOUND_PAGE };
}

export function methodNotAllowed(allowed: string): Answer {
  const message = "The method is not allowed for the requested URL.";
  return jsonAnswer(405, { message }, { Allow: allowed });
}

/** What an exception of the real server looks like. */
export function internalError(): Answer {
  return abortAnswer(500, "Internal Server Error");
}

export function unreadableBody(): Answer {
  return abortAnswer(400, "The browser (or proxy) sent a request that this server could not understand.");
}

/** Of a body, or a transaction, larger than the chain takes. */
export function bodyTooLarge(): Answer {
  const message = "Invalid Request - Error reading request body: http: request body too large";
  return errorAnswer(500, message, "TX_TOO_LARGE");
}

async function* jsonList(items: AsyncIterable<string>): AsyncIterable<string> {
  let isFirst = true;
  for await (const item of items) {
    yield isFirst ? `[${item}` : `,${item}`;
    isFirst = false;
  }
  yield isFirst ? "[]\n" : "]\n";
}
