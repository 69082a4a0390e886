// Takes the one-time code of a session from the link's fragment, exchanges it, and goes on to the pages.
(() => {
  "use strict";
  const page = document.querySelector("main[data-open]");
  if (!page) return;
  const code = decodeURIComponent(location.hash.slice(1));
  // The code leaves the address, and with it the history, before anything else happens.
  history.replaceState(null, "", location.pathname);
  const fail = () => {
    document.getElementById("opening").hidden = true;
    document.getElementById("failed").hidden = false;
  };
  if (!code) return fail();
  fetch(page.dataset.open, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ code, lang: navigator.language }),
  })
    .then((answer) => (answer.ok ? answer.json() : Promise.reject(answer.status)))
    .then((answer) => location.replace(answer.location))
    .catch(fail);
})();
