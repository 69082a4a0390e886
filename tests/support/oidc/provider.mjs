// An identity provider (the package oidc-provider) that gives JWTs to one client for its id and secret.
//
// Reads {"issuer", "key", "client", "secret", "audience"} from stdin, the key being a private key in PEM. Prints its port.

import { createPrivateKey } from "node:crypto";
import { createRequire } from "node:module";
import { text } from "node:stream/consumers";

// From the folder that it was installed into, not from this one.
const { Provider } = await import(createRequire(`${process.cwd()}/`).resolve("oidc-provider"));
const { issuer, key, client, secret, audience } = JSON.parse(await text(process.stdin));
const jwk = { ...createPrivateKey(key).export({ format: "jwk" }), kid: "key-1", alg: "ES256", use: "sig" };

const provider = new Provider(issuer, {
  jwks: { keys: [jwk] },
  clients: [
    {
      client_id: client,
      client_secret: secret,
      id_token_signed_response_alg: "ES256",
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
    },
  ],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => "urn:kafka",
      getResourceServerInfo: () => ({
        audience,
        scope: "write",
        accessTokenFormat: "jwt",
        accessTokenTTL: 300,
        jwt: { sign: { alg: "ES256" } },
      }),
    },
  },
});
const server = provider.listen(0, "127.0.0.1", () => console.log(`port ${server.address().port}`));
