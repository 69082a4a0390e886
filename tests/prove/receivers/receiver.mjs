// A webhook receiver on the published JavaScript library: prints its port, answers 204 to a right signature and 401 to others.
import { createServer } from "node:http";
import { createRequire } from "node:module";

const { Webhook } = createRequire(process.cwd() + "/")("standardwebhooks");
const webhook = new Webhook(process.env.WEBHOOK_SECRET);

const server = createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  try {
    webhook.verify(Buffer.concat(parts).toString("utf8"), request.headers);
    response.writeHead(204).end();
  } catch {
    response.writeHead(401).end();
  }
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
