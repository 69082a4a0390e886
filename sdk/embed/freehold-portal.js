// What does a page need to show the portal? One element, which opens it in a frame and keeps it open.
//
// The page's own backend asks Freehold for a session and answers with its name and one-time code. The code goes to the frame
// as a message to exactly the portal's origin, once the frame has said that it is there; it is never part of an address.

/** What the frame may be told about looks, and what each value looks like. Anything else is left out before it is sent. */
const COLOUR = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i;
const THEME = {
  mode: /^(light|dark|auto)$/,
  accent: COLOUR,
  background: COLOUR,
  surface: COLOUR,
  text: COLOUR,
  radius: /^(\d|1\d|2[0-4])$/,
  font: /^(system|inter|helvetica|rounded|serif|mono)$/,
};
/** A frame higher than this is a mistake. */
const HEIGHT_MAX = 20_000;
/** How long a frame may take to say that it is there. */
const READY_MS = 20_000;
/** A session lasts longer than this. */
const AGAIN_MS = 10_000;

/** The entries of a theme that the frame would take. */
export function theme(given) {
  const kind = (name) => (name === 'radius' ? 'number' : 'string');
  const fits = ([name, value]) => Object.hasOwn(THEME, name) && typeof value === kind(name) && THEME[name].test(value);
  return Object.fromEntries(Object.entries(given ?? {}).filter(fits));
}

/** The message that an event brings from the frame at `origin`; none when it comes from anywhere else, or is none of ours. */
export function message(event, frame, origin) {
  const { data } = event;
  const ours = frame && event.source === frame && event.origin === origin && data?.freehold === 1;
  return ours && typeof data.type === 'string' ? data : undefined;
}

/** What the vendor's backend answers at `url`: a session's name and its code. */
export async function sessionFrom(url, fetch = globalThis.fetch) {
  const headers = { accept: 'application/json', 'content-type': 'application/json' };
  const answer = await fetch(url, { method: 'POST', credentials: 'same-origin', headers, body: '{}' });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status} instead of a portal session`);
  return session(await answer.json());
}

/** A session's name and code, whether it is called as here or as Freehold's API calls it. */
export function session(given) {
  const [name, code] = [given?.session ?? given?.id, given?.code];
  if (!/^pss_[0-9a-z]{26}$/.test(name)) throw new Error('a portal session needs `session`: its id, `pss_…`');
  if (!/^fhc_[0-9A-Za-z]{38}$/.test(code)) throw new Error('a portal session needs `code`: its one-time code, `fhc_…`');
  return { session: name, code };
}

// Servers that render pages have no elements; they may import this all the same.
const Element = globalThis.HTMLElement ?? class {};

/** `<freehold-portal session-url="/portal-session">`. */
export class FreeholdPortal extends Element {
  static observedAttributes = ['theme', 'mode', 'lang', 'label'];

  /** Called for each session, when there is no `session-url`; resolves to `{ session, code }`. */
  getSession = undefined;

  #frame;
  #code;
  #at;
  #nonce;
  #theme = {};
  #worn;
  #asked = -Infinity;
  #opening;
  #late;
  #hear = (event) => this.#take(event);

  /** Where Freehold is. Its own script knows; a bundled one has to be told. */
  get baseUrl() {
    return (this.getAttribute('base-url') ?? new URL(import.meta.url).origin).replace(/\/+$/, '');
  }
  set baseUrl(url) {
    this.setAttribute('base-url', url);
  }

  /** Colours, radius and font: the attribute `theme` as JSON, and what was set here over it. */
  get theme() {
    let written = {};
    try {
      written = JSON.parse(this.getAttribute('theme') ?? '{}');
    } catch {
      this.#fail(new Error('the attribute `theme` is not JSON'));
    }
    const mode = this.getAttribute('mode');
    return theme({ ...written, ...this.#theme, ...(mode ? { mode } : {}) });
  }
  set theme(given) {
    this.#theme = given ?? {};
    this.#dress();
  }

  connectedCallback() {
    globalThis.addEventListener('message', this.#hear);
    // Whoever made the element may still set `getSession` in the same breath.
    queueMicrotask(() => this.isConnected && this.open());
  }

  disconnectedCallback() {
    globalThis.removeEventListener('message', this.#hear);
    clearTimeout(this.#late);
    this.#frame?.remove();
    this.#frame = this.#code = this.#nonce = undefined;
  }

  attributeChangedCallback(name, old, now) {
    if (!this.#frame || old === now) return;
    if (name === 'label') this.#frame.title = this.#label();
    else if (name === 'lang') this.open();
    else this.#dress();
  }

  /** Opens the portal with a new session, at the page that it shows now. */
  open() {
    this.#opening ??= this.#open().catch((error) => this.#fail(error)).finally(() => (this.#opening = undefined));
    return this.#opening;
  }

  async #open() {
    const url = this.getAttribute('session-url');
    if (!this.getSession && !url) throw new Error('<freehold-portal> needs `session-url`, or a function `getSession`');
    const opened = this.getSession ? session(await this.getSession()) : await sessionFrom(url);
    if (!this.isConnected) return;
    this.#code = opened.code;
    this.#frame ??= this.#makeFrame();
    this.#frame.src = `${this.baseUrl}/portal/${opened.session}`;
    clearTimeout(this.#late);
    this.#late = setTimeout(() => this.#fail(new Error(`the portal at ${this.baseUrl} does not answer`)), READY_MS);
  }

  #makeFrame() {
    const frame = document.createElement('iframe');
    frame.title = this.#label();
    frame.referrerPolicy = 'no-referrer';
    frame.allow = 'clipboard-write';
    const may = ['scripts', 'same-origin', 'forms', 'modals', 'downloads', 'popups', 'popups-to-escape-sandbox'];
    frame.setAttribute('sandbox', may.map((what) => `allow-${what}`).join(' '));
    // Set one by one: a page's policy may forbid the attribute `style`.
    Object.assign(frame.style, { display: 'block', width: '100%', height: '320px', border: '0' });
    (this.shadowRoot ?? this.attachShadow({ mode: 'open' })).replaceChildren(frame);
    if (!this.style.display) this.style.display = 'block';
    return frame;
  }

  #label() {
    return this.getAttribute('label') ?? 'Destinations';
  }

  #take(event) {
    const said = message(event, this.#frame?.contentWindow, new URL(this.baseUrl).origin);
    if (said?.type === 'ready') this.#answer(said.nonce);
    if (said?.type === 'height') this.#resize(said);
    if (said?.type === 'renew') this.#renew(said.at);
    if (said?.type === 'changed') this.#tell('freehold-changed', { what: String(said.what) });
  }

  /** The frame is there and wants its code. */
  #answer(nonce) {
    clearTimeout(this.#late);
    this.#nonce = nonce;
    const code = this.#code;
    this.#code = undefined;
    // It was loaded once more, by itself: its code was used.
    if (!code) return this.open();
    const at = typeof this.#at === 'string' ? { at: this.#at } : {};
    const theme = this.theme;
    this.#worn = JSON.stringify(theme);
    this.#send('open', { code, theme, lang: this.getAttribute('lang') ?? document.documentElement.lang, ...at });
  }

  /** The session is about to end, or has ended. One that ends as soon as it begins would go on like that for ever. */
  #renew(at) {
    if (performance.now() - this.#asked < AGAIN_MS) return this.#fail(new Error('the browser keeps no cookies for the portal'));
    this.#asked = performance.now();
    this.#at = at;
    this.open();
  }

  /** A page is shown: this high, and to be spoken to by this nonce. */
  #resize({ px, nonce, at }) {
    if (!Number.isFinite(px) || px < 0) return;
    this.#at = at;
    this.#frame.style.height = `${Math.min(Math.ceil(px), HEIGHT_MAX)}px`;
    if (typeof nonce !== 'string' || nonce === this.#nonce) return;
    this.#nonce = nonce;
    this.#dress();
    this.#tell('freehold-open', {});
  }

  /** Tells a page of a theme that is not the one it was made with. */
  #dress() {
    const theme = this.theme;
    if (!this.#nonce || JSON.stringify(theme) === this.#worn) return;
    this.#worn = JSON.stringify(theme);
    this.#send('theme', { theme });
  }

  #send(type, more) {
    if (!this.#nonce) return;
    const to = new URL(this.baseUrl).origin;
    this.#frame?.contentWindow?.postMessage({ freehold: 1, type, nonce: this.#nonce, ...more }, to);
  }

  #fail(error) {
    this.#tell('freehold-error', { error });
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
  }
}

if (globalThis.customElements && !customElements.get('freehold-portal')) {
  customElements.define('freehold-portal', FreeholdPortal);
}
