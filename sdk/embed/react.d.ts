import type { HTMLAttributes, ReactElement } from 'react';

import type { PortalSession, Theme } from './freehold-portal.js';

export interface FreeholdPortalProps extends HTMLAttributes<HTMLElement> {
  /** Where Freehold is, such as `https://events.example.com`. */
  baseUrl: string;
  /** The endpoint of your backend that answers a POST with a session. */
  sessionUrl?: string;
  /** Called for each session, in place of `sessionUrl`. */
  getSession?: () => Promise<PortalSession>;
  theme?: Theme;
  mode?: 'light' | 'dark' | 'auto';
  lang?: string;
  /** What screen readers call the frame. */
  label?: string;
  onOpen?: () => void;
  onChanged?: (what: string) => void;
  onError?: (error: Error) => void;
}

export declare function FreeholdPortal(props: FreeholdPortalProps): ReactElement;
