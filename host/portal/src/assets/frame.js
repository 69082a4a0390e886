// What passes between the portal and the page around it? The one-time code and the looks come in; how high a page is, that
// something was changed, and that a session is about to end go out. Only the origin that the session was made for is heard,
// only from the window around this one, and only when it repeats the nonce that this page said.
(() => {
  "use strict";
  const bootstrap = document.querySelector("main[data-open]");
  const { session, origin, left, state } = (bootstrap || document.body).dataset;
  const isFramed = window.parent !== window && Boolean(origin);
  const nonce = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

  // Where this page is below its session, so that the next session can go on there.
  const at = location.pathname.slice(`/portal/${session}`.length) + location.search;

  const say = (type, more) => {
    if (isFramed) window.parent.postMessage({ freehold: 1, type, nonce, ...more }, origin);
  };

  const hear = (wanted, take) => {
    if (!isFramed) return;
    addEventListener("message", ({ source, origin: from, data }) => {
      const isTheirs = source === window.parent && from === origin;
      if (isTheirs && data && data.freehold === 1 && data.type === wanted && data.nonce === nonce) take(data);
    });
  };

  const send = (path, body) =>
    fetch(`/portal/${session}/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });

  // What a theme may say; the host looks at the values once more.
  const colour = (value) => /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.test(value);
  const fields = {
    mode: (value) => ["light", "dark", "auto"].includes(value),
    accent: colour,
    background: colour,
    surface: colour,
    text: colour,
    radius: (value) => Number.isInteger(value) && value >= 0 && value <= 24,
    font: (value) => ["system", "inter", "helvetica", "rounded", "serif", "mono"].includes(value),
  };
  const isTheme = (theme) => Boolean(theme) && Object.getPrototypeOf(theme) === Object.prototype;
  const fit = (theme) =>
    Object.fromEntries(Object.entries(theme).filter(([name, value]) => Object.hasOwn(fields, name) && fields[name](value)));

  /** Before a session is open: takes the code from the page around, or from the link's fragment, and goes on. */
  const open = () => {
    const fail = () => {
      document.getElementById("opening").hidden = true;
      document.getElementById("failed").hidden = false;
    };
    const exchange = ({ code, theme, lang, at: place }) => {
      // A place of the portal's own, where the session before this one was.
      const isPlace = typeof place === "string" && /^(\/[\w-]+)+(\?[\w=&.%-]*)?$/.test(place);
      send("open", { code, theme, lang })
        .then((answer) => (answer.ok ? answer.json() : Promise.reject(answer.status)))
        .then(({ location: first }) => location.replace(isPlace ? `/portal/${session}${place}` : first))
        .catch(fail);
    };
    if (!origin) {
      const code = location.hash.slice(1);
      // The code leaves the address, and with it the history, before anything else happens.
      history.replaceState(null, "", location.pathname);
      return code ? exchange({ code, lang: navigator.language }) : fail();
    }
    if (!isFramed) return fail();
    let isOpening = false;
    hear("open", ({ code, theme = {}, lang, at: place }) => {
      const isSound = typeof code === "string" && /^fhc_[0-9A-Za-z]{38}$/.test(code) && isTheme(theme);
      if (isOpening || !isSound) return;
      isOpening = true;
      exchange({ code, theme: fit(theme), lang: typeof lang === "string" && lang ? lang.slice(0, 35) : undefined, at: place });
    });
    say("ready", {});
  };

  /** Asks for the next session in time, but not while something was typed that has not been sent. */
  const renew = () => {
    if (state === "ended") return say("renew", { at });
    // What is shown only once must not go either.
    let isTyping = Boolean(document.querySelector(".secret-once"));
    addEventListener("input", (event) => {
      if (event.target.form && event.target.form.method === "post") isTyping = true;
    });
    addEventListener("submit", () => (isTyping = false));
    const ask = () => {
      if (isTyping) setTimeout(ask, 1000);
      else say("renew", { at });
    };
    // Timers of a browser hold 31 bits; no session lasts that long.
    if (Number(left) > 0) setTimeout(ask, Number(left) - Math.min(60_000, Number(left) / 4));
  };

  /** While a page is shown. */
  const show = () => {
    const height = () => say("height", { px: Math.ceil(document.documentElement.getBoundingClientRect().height), at });
    new ResizeObserver(height).observe(document.documentElement);
    height();
    hear("theme", ({ theme }) => {
      if (!isTheme(theme)) return;
      const look = fit(theme);
      send("look", { theme: look }).then((answer) => {
        if (!answer.ok) return;
        const sheet = document.querySelector('link[href*="/theme.css"]');
        if (sheet) sheet.href = `/portal/${session}/theme.css?${Date.now()}`;
        document.documentElement.dataset.mode = look.mode || "auto";
      });
    });
    // A form that was sent and carried out is answered with where to go on.
    const [navigation] = performance.getEntriesByType("navigation");
    if (navigation && navigation.redirectCount > 0) {
      say("changed", { what: location.pathname.split("/")[3] || "destinations" });
    }
    renew();
  };

  if (bootstrap) open();
  else if (isFramed) show();
})();
