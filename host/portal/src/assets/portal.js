// What pages do better with a script. Everything works without it.
(() => {
  "use strict";
  const all = (selector, root = document) => root.querySelectorAll(selector);
  const live = document.getElementById("live");
  const say = (text) => {
    live.textContent = "";
    setTimeout(() => (live.textContent = text), 50);
  };
  // Pages of our own, from our own address, are all that is ever parsed.
  const policy = window.trustedTypes?.createPolicy("freehold-portal", { createHTML: (text) => text }) ?? { createHTML: (text) => text };
  const parse = (text) => new DOMParser().parseFromString(policy.createHTML(text), "text/html");

  // Exact times, in the visitor's own zone.
  const zone = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "medium" });
  const times = (root) => {
    for (const time of all("time[datetime]", root)) {
      const text = zone.format(new Date(time.dateTime));
      if ("exact" in time.dataset) time.textContent = text;
      else time.title = text;
    }
  };

  const copy = async (button, text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // A frame may not be allowed the clipboard: the text is selected instead.
      const source = document.querySelector(button.dataset.copy) ?? button.parentElement.querySelector("pre");
      getSelection().selectAllChildren(source);
      document.execCommand("copy");
    }
    button.textContent = document.body.dataset.copied;
    say(document.body.dataset.copied);
    setTimeout(() => (button.textContent = document.body.dataset.copy), 1600);
  };
  const copyable = (root) => {
    for (const pre of all(".guide pre, pre[data-copyable]", root)) {
      const frame = document.createElement("div");
      frame.className = "copyable";
      pre.replaceWith(frame);
      const button = document.createElement("button");
      button.type = "button";
      button.className = "button small";
      button.textContent = document.body.dataset.copy;
      button.addEventListener("click", () => copy(button, pre.textContent));
      pre.tabIndex = 0;
      frame.append(pre, button);
    }
    for (const button of all("[data-copy][hidden]", root)) {
      button.hidden = false;
      button.addEventListener("click", () => copy(button, document.querySelector(button.dataset.copy).textContent));
    }
  };

  // Fields that count only while another one has a certain value.
  const conditions = (form) => {
    const judge = () => {
      for (const field of all("[data-when]", form)) {
        const chosen = new FormData(form).get(field.dataset.when);
        const counts = field.dataset.is.split("\n").includes(chosen ?? "");
        field.hidden = !counts;
        for (const input of all("input, select, textarea", field)) input.disabled = !counts;
        for (const hint of all(".only-when", field)) hint.hidden = true;
      }
    };
    form.addEventListener("change", judge);
    judge();
  };

  // A key or certificate can be dropped as a file.
  const drops = (root) => {
    for (const drop of all("[data-drop]", root)) {
      const input = drop.querySelector("textarea");
      const over = (is) => (event) => {
        event.preventDefault();
        drop.classList.toggle("over", is);
      };
      for (const hint of all(".drop-help", drop)) hint.hidden = false;
      drop.addEventListener("dragover", over(true));
      drop.addEventListener("dragleave", over(false));
      drop.addEventListener("drop", async (event) => {
        over(false)(event);
        const file = event.dataTransfer.files[0];
        if (!file || file.size > 65536) return;
        input.value = await file.text();
        for (const told of ["input", "change"]) input.dispatchEvent(new Event(told, { bubbles: true }));
      });
    }
  };

  // A map always has an empty entry at its end.
  const pairs = (root) => {
    for (const list of all("[data-pairs]", root)) {
      list.addEventListener("input", () => {
        const inputs = [...all("input", list)];
        if (inputs.slice(-2).every((input) => input.value === "")) return;
        for (const input of inputs.slice(-2)) {
          const another = input.cloneNode();
          another.value = "";
          list.append(another);
        }
      });
    }
  };

  // What is entered stands in the guide beside the form at once, so that a policy can be copied before anything is saved.
  const guide = (form) => {
    const walker = document.createTreeWalker(document.querySelector(".guide") ?? document.createElement("div"), NodeFilter.SHOW_TEXT);
    const texts = [];
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (/YOUR-[A-Z]/.test(node.data)) texts.push([node, node.data]);
    }
    const entered = (mark) => form.elements.namedItem("config." + mark.slice(5).toLowerCase().replaceAll("-", "_"))?.value;
    form.addEventListener("input", () => {
      for (const [node, text] of texts) node.data = text.replace(/YOUR-[A-Z0-9]+(?:-[A-Z0-9]+)*/g, (mark) => entered(mark) || mark);
    });
  };

  // A test leaves the page, and what was entered, as it is.
  const testing = (form) => {
    const button = form.querySelector("[data-test]");
    button?.addEventListener("click", async (event) => {
      if (!form.reportValidity()) return;
      event.preventDefault();
      button.classList.add("busy");
      button.disabled = true;
      try {
        const body = new URLSearchParams(new FormData(form));
        body.set(button.name, button.value);
        const answer = await fetch(form.action, { method: "POST", body });
        const page = parse(await answer.text());
        const found = page.getElementById("outcome") ?? page.getElementById("main");
        const outcome = form.querySelector("#outcome");
        outcome.replaceChildren(...[...found.childNodes].map((node) => document.importNode(node, true)));
        // What was wrong at the fields before was about what they held before.
        for (const wrong of all(".field .wrong", form)) wrong.remove();
        for (const field of all("[aria-invalid]", form)) field.removeAttribute("aria-invalid");
        for (const field of all("[aria-invalid]", page)) document.getElementById(field.id)?.setAttribute("aria-invalid", "true");
        for (const note of all(".without-script", outcome)) note.remove();
        begin(outcome);
        outcome.querySelector("[data-focus]")?.focus();
      } catch {
        button.classList.remove("busy");
        button.disabled = false;
        form.requestSubmit(button);
      }
      button.classList.remove("busy");
      button.disabled = false;
    });
  };

  // What a part says, but for times, which go on by themselves: as the server sent it, before anything here changed it.
  const told = (part) => {
    const copy = part.cloneNode(true);
    for (const time of all("time", copy)) time.remove();
    return copy.textContent;
  };

  // What changes by itself is looked at again while it changes, as long as somebody looks.
  const watch = (part, known) => {
    const again = async () => {
      if (document.hidden) return setTimeout(again, 2000);
      try {
        const answer = await fetch(location.href);
        if (answer.status >= 500) return setTimeout(again, 5000);
        if (!answer.ok) return;
        const next = parse(await answer.text()).getElementById(part.id);
        if (!next) return;
        const now = told(next);
        if (now !== known && !part.contains(document.activeElement)) {
          known = now;
          // The newest stands first, so what was open is found again by counting from the end.
          const open = [...all("details", part)].map((one) => one.open).reverse();
          part.replaceChildren(...[...next.childNodes].map((node) => document.importNode(node, true)));
          for (const [place, one] of [...all("details", part)].reverse().entries()) {
            if (place < open.length) one.open = open[place];
          }
          begin(part);
        }
        if ("watch" in next.dataset) setTimeout(again, 2000);
      } catch {
        setTimeout(again, 5000);
      }
    };
    setTimeout(again, 2000);
  };

  // A link that was followed a second time: its code is used, and need not stay in the address.
  if (location.hash.startsWith("#fhc_")) history.replaceState(null, "", location.pathname + location.search);

  const begin = (root) => {
    times(root);
    copyable(root);
    drops(root);
    pairs(root);
  };
  const watched = [...all("[data-watch]")].map((part) => [part, told(part)]);
  begin(document);
  for (const form of all("form")) conditions(form);
  for (const form of all("form[data-testing]")) {
    testing(form);
    guide(form);
  }
  for (const [part, known] of watched) watch(part, known);
  for (const part of all("[data-address]")) history.replaceState(null, "", part.dataset.address);
  document.querySelector("[data-focus]")?.focus();
})();
