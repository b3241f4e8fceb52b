// What a person reads and hears. Every text can be replaced, for all elements or for one.

export const MESSAGES = {
    region: 'Remote control',
    regionOf: 'Remote control of {host}',
    frame: '{view} of {host}',
    loading: 'Connecting …',
    ready: 'Connected to {host}: {view}.',
    retry: 'Try again',
    retryIn: 'Trying again in {seconds} s.',
    reconnect: 'Reconnect',
    endsIn: 'This session ends in {time}.',
    renew: 'Stay connected',
    renewing: 'Renewing …',
    renewed: 'The session goes on.',
    renewFailed: 'The session could not be renewed.',
    fullScreen: 'Full screen',
    exitFullScreen: 'Exit full screen',
    tabs: 'View',
    view10: 'General', view11: 'Desktop', view12: 'Terminal', view13: 'Files', view14: 'Intel AMT', view15: 'Console', view16: 'Events', view17: 'Details', view19: 'Plugins',

    // By the API's `code`, and codes of the element's own.
    AGENT_OFFLINE: 'The device is offline. It can be opened when it is connected again.',
    AGENT_NOT_ENROLLED: 'Remote control is not set up on this device yet.',
    SESSION_EXPIRED: 'The session has expired.',
    SESSION_ENDED: 'The session was ended.',
    SESSION_NOT_FOUND: 'The session was ended.',
    SESSION_UNKNOWN: 'The session was ended.',
    SESSION_LEFT: 'The session was ended.',
    SESSION_IDLE: 'The session was not used for a while and has ended.',
    SESSION_NOT_YOURS: 'This session belongs to somebody else, or to another browser.',
    ACCESS_REVOKED: 'Your access to this device has changed.',
    ROLE_DENIED: 'Your role does not allow this.',
    TOKEN_UNAVAILABLE: 'The dashboard gave no sign-in. Sign in again and retry.',
    NETWORK: 'There is no connection to the server.',
    TIMEOUT: 'The server takes too long to answer.',

    // By HTTP status, for codes that have no text; `other` for the rest.
    status400: 'This view cannot be opened.',
    status401: 'Your sign-in is no longer valid. Sign in again and retry.',
    status403: 'You may not open this device.',
    status404: 'There is no such device.',
    status429: 'Too many sessions are open. Close one and retry.',
    status503: 'Remote control is not available at the moment.',
    other: 'Something went wrong.'
};

/** The text of a key with its {places} filled. A missing text is its key, so that a translator sees what is missing. */
export function say(messages, key, places = {}) {
    const text = typeof messages[key] === 'string' ? messages[key] : MESSAGES[key] ?? key;
    return text.replace(/\{(\w+)\}/g, (whole, name) => Object.hasOwn(places, name) ? String(places[name]) : whole);
}

/** The text for a problem: by its code, else by its status. */
export function sayProblem(messages, { code, status }) {
    const known = (key) => typeof messages[key] === 'string' || Object.hasOwn(MESSAGES, key);
    return say(messages, [code, 'status' + status].find(known) ?? 'other');
}

/** Seconds as m:ss. */
export function clock(seconds) { return Math.floor(seconds / 60) + ':' + String(seconds % 60).padStart(2, '0'); }
