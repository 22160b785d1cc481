/** Bytes of all request headers; ours are under 1 KiB. */
export const MAX_HEADER_BYTES = 16 * 1024;

/** Characters of one path parameter: the longest are meter ids and accounts. */
export const MAX_PARAM_CHARS = 128;

/** Sockets open at once beside the event streams. */
export const MAX_REQUEST_CONNECTIONS = 1024;
