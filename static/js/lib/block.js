// The only place where text becomes mark-up. The policy is named in the content policy, and it takes nothing but a
// page of our own: same origin, text/html, not the sign-in page in disguise.

const policy = globalThis.trustedTypes?.createPolicy("signalbox-block", { createHTML: (text) => text });

// A document of the page at `address`, or null where it is not what was asked for.
export async function fetchPage(address) {
  const url = new URL(address, location.href);
  if (url.origin !== location.origin) return null;
  const response = await fetch(url, { headers: { accept: "text/html" }, credentials: "same-origin", redirect: "error" });
  const type = response.headers.get("content-type") ?? "";
  if (!response.ok || !type.startsWith("text/html")) return null;
  const text = await response.text();
  return new DOMParser().parseFromString(policy ? policy.createHTML(text) : text, "text/html");
}
