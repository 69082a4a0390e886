// The element for React 18 and later, which needs properties and listeners set by hand.

import { createElement, useCallback, useEffect, useRef } from 'react';

import './freehold-portal.js';

/** `<FreeholdPortal sessionUrl="/portal-session" />` */
export function FreeholdPortal({ baseUrl, sessionUrl, getSession, theme, onOpen, onChanged, onError, ...rest }) {
  const element = useRef(null);
  // Read when it is called, so that a new function each time the page is drawn does not open a new session each time.
  const latest = useRef({});
  latest.current = { getSession, onOpen, onChanged, onError };
  const hasGetSession = Boolean(getSession);

  const attach = useCallback((made) => {
    element.current = made;
    if (made && hasGetSession) made.getSession = () => latest.current.getSession();
  }, [hasGetSession]);

  useEffect(() => {
    const made = element.current;
    const listeners = {
      'freehold-open': () => latest.current.onOpen?.(),
      'freehold-changed': (event) => latest.current.onChanged?.(event.detail.what),
      'freehold-error': (event) => latest.current.onError?.(event.detail.error),
    };
    for (const [name, listener] of Object.entries(listeners)) made.addEventListener(name, listener);
    return () => {
      for (const [name, listener] of Object.entries(listeners)) made.removeEventListener(name, listener);
    };
  }, []);

  return createElement('freehold-portal', {
    ...rest,
    ref: attach,
    'base-url': baseUrl,
    'session-url': sessionUrl,
    theme: theme && JSON.stringify(theme),
  });
}
