/** Looks that the portal takes over. Anything else is left out. */
export interface Theme {
  /** `auto` follows what the visitor's system prefers. */
  mode?: 'light' | 'dark' | 'auto';
  /** The colour of buttons and links: `#rgb` or `#rrggbb`. */
  accent?: string;
  /** The page's background: `#rgb` or `#rrggbb`. */
  background?: string;
  /** The background of cards and fields: `#rgb` or `#rrggbb`. */
  surface?: string;
  /** The colour of text: `#rgb` or `#rrggbb`. */
  text?: string;
  /** How round corners are, in pixels: 0 to 24. */
  radius?: number;
  /** A font of the visitor's own system: the portal loads none. */
  font?: 'system' | 'inter' | 'helvetica' | 'rounded' | 'serif' | 'mono';
}

/** What your backend got from Freehold for the customer who is logged in. */
export interface PortalSession {
  /** The session's id, `pss_…`. */
  session: string;
  /** Its code, `fhc_…`, which serves once. */
  code: string;
}

/** The attributes of `<freehold-portal>`. */
export interface PortalAttributes {
  /** Where Freehold is, such as `https://events.example.com`. The script that Freehold itself serves knows. */
  'base-url'?: string;
  /** The endpoint of your backend that answers a POST with a session. */
  'session-url'?: string;
  /** A theme as JSON. */
  theme?: string;
  mode?: 'light' | 'dark' | 'auto';
  /** The language, such as `en` or `de`; your page's own when left out. */
  lang?: string;
  /** What screen readers call the frame; `Destinations` when left out. */
  label?: string;
}

/** The events of `<freehold-portal>`. */
export interface PortalEvents {
  /** A page of the portal is shown. */
  'freehold-open': CustomEvent<Record<string, never>>;
  /** The customer has changed something, such as `destinations`. */
  'freehold-changed': CustomEvent<{ what: string }>;
  /** It cannot be shown; `error.message` says why. */
  'freehold-error': CustomEvent<{ error: Error }>;
}

/** `<freehold-portal session-url="/portal-session">`. */
export declare class FreeholdPortal extends HTMLElement {
  baseUrl: string;
  theme: Theme;
  /** Called for each session, in place of `session-url`. */
  getSession?: () => Promise<PortalSession>;
  /** Opens the portal with a new session, at the page that it shows now. */
  open(): Promise<void>;
  addEventListener<Name extends keyof PortalEvents>(
    name: Name, listener: (event: PortalEvents[Name]) => void, options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    name: string, listener: EventListenerOrEventListenerObject, options?: boolean | AddEventListenerOptions,
  ): void;
}

/** The entries of a theme that the portal takes. */
export declare function theme(given: unknown): Theme;
/** Asks your backend's endpoint for a session. */
export declare function sessionFrom(url: string, fetch?: typeof globalThis.fetch): Promise<PortalSession>;
/** Reads a session, as written here or as Freehold's API answers it (`id` in place of `session`). */
export declare function session(given: unknown): PortalSession;
/** The portal's message in an event; none when it is not from the frame at `origin`. */
export declare function message(
  event: MessageEvent, frame: Window | null | undefined, origin: string,
): ({ freehold: 1; type: string } & Record<string, unknown>) | undefined;

declare global {
  interface HTMLElementTagNameMap {
    'freehold-portal': FreeholdPortal;
  }
}
